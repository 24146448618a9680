//! A replica of a consumer of conversation's feed, as a process of its own: for tests that kill and freeze it.
//!
//! Settings, all from the environment: `FEED_REPLICA`, its name; `FEED_DATABASE_URL`, where it records;
//! `FEED_ENDPOINT` and `FEED_TOKEN`, whose feed and as whom; `FEED_CLOCK`, the file of the tests' clock.

use std::path::Path;

use tandem_ambient::{Ambient, Clock};
use tandem_bootstrap::{ClientConfig, Secret, install_crypto, internal_channel};
use tandem_database::{DatabaseConfig, connect};
use tandem_tests::Recorder;
use tokio_util::sync::CancellationToken;

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

#[tokio::main]
async fn main() {
    install_crypto();
    let clock = Clock::shared(Path::new(&setting("FEED_CLOCK")), Ambient::system().now()).unwrap();
    let database = DatabaseConfig { connections: 3, ..DatabaseConfig::default() };
    let pool = connect(&setting("FEED_DATABASE_URL"), &database, "feed-consumer").unwrap();
    let client = ClientConfig {
        endpoint: setting("FEED_ENDPOINT"),
        token: Secret::new(setting("FEED_TOKEN")),
        ..ClientConfig::default()
    };
    let channel = internal_channel(&client).unwrap();
    let mut progress = Recorder::spawn(
        &setting("FEED_REPLICA"),
        pool,
        Ambient::new(clock),
        channel,
        CancellationToken::new(),
    );
    // Until the test ends it.
    while progress.changed().await.is_ok() {}
}
