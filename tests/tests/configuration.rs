//! Every setting is documented, and every documented setting exists.

use std::collections::BTreeSet;

use serde_json::Value;

/// The paths of all settings; what is a choice of several forms is one setting.
fn settings(prefix: &str, value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if prefix != "common.access.keys" => {
            for (name, value) in fields {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                settings(&path, value, into);
            }
        }
        _ => {
            into.insert(prefix.to_owned());
        }
    }
}

#[test]
fn the_document_names_every_setting_and_no_other() {
    let mut existing = BTreeSet::new();
    for config in [
        serde_json::to_value(tandem_conversation::Config::default()).unwrap(),
        serde_json::to_value(tandem_assignment::Config::default()).unwrap(),
        serde_json::to_value(tandem_customer_profile::Config::default()).unwrap(),
        serde_json::to_value(tandem_search::Config::default()).unwrap(),
    ] {
        settings("", &config, &mut existing);
    }
    let document = include_str!("../../services/CONFIGURATION.md");
    let documented: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(path, _)| path.to_owned())
        .filter(|path| path.contains('.'))
        .collect();
    let missing: Vec<_> = existing.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&existing).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not documented: {missing:?}; not there: {gone:?}");
}
