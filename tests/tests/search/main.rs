//! Search in the whole suite: what it finds is what lists hold, as fresh as asked.
//!
//! Needs `MEILISEARCH_URL`, which `make test` sets.

mod fresh;
mod keys;
mod killed;
mod people;
mod plans;
#[path = "../agreement/world.rs"]
#[expect(dead_code, reason = "the other test lets some customers rest")]
mod world;

use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::search::v1::search_service_client::SearchServiceClient;
use tandem_tests::{Kind, Suite};

/// Says loudly what does not run without an engine.
fn searchable(name: &str) -> bool {
    let there = std::env::var_os("MEILISEARCH_URL").is_some();
    if !there {
        eprintln!("SKIPPED {name}: set MEILISEARCH_URL");
    }
    there
}

/// A search service as one subject and role.
fn searcher(
    suite: &Suite,
    service: usize,
    (subject, role): (&str, Role),
) -> SearchServiceClient<InternalChannel> {
    SearchServiceClient::new(suite.channel(Kind::Search, service, &suite.spec(subject, role)))
}
