//! What `tandem doctor` says of the engine with the keys that there are.

use std::process::Command;

use tandem_search::operate::make_key;
use tandem_tests::{Process, engine_url};

use crate::searchable;

/// The line about the engine, and how it went on.
fn doctor(key: &str) -> String {
    let nothing = tempfile::tempdir().unwrap();
    let done = Command::new(Process::path("tandem"))
        .args(["doctor", "--data"])
        .arg(nothing.path())
        .env("MEILISEARCH_URL", engine_url())
        .env("MEILISEARCH_KEY", key)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let line = said.lines().find(|line| line.contains("search engine"));
    line.unwrap_or_else(|| panic!("nothing of the engine in {said}")).to_owned()
}

#[tokio::test]
async fn doctor_tells_the_version_a_narrow_key_and_a_wrong_one() {
    if !searchable("doctor_tells_the_version_a_narrow_key_and_a_wrong_one") {
        return;
    }
    let master = std::env::var("MEILISEARCH_KEY").unwrap_or_default();
    if master.is_empty() {
        eprintln!("SKIPPED doctor_tells_the_version_a_narrow_key_and_a_wrong_one: set MEILISEARCH_KEY");
        return;
    }
    tandem_bootstrap::install_crypto();
    let whole = doctor(&master);
    assert!(whole.starts_with("ok") && whole.contains("version 1."), "{whole}");
    let narrow = doctor(&make_key(&engine_url(), &master, "doctor_").await.unwrap());
    assert!(narrow.starts_with("skipped") && narrow.contains("master key"), "{narrow}");
    let wrong = doctor("a key that nobody made");
    assert!(wrong.starts_with("WRONG") && wrong.contains("refuses the key"), "{wrong}");
}
