//! The settings of our indexes are code. A change of what a document holds also raises its `SHAPE`; a change of these alone
//! is applied in place, while the index serves on.

use std::time::Duration;

use meilisearch_sdk::settings::{
    LocalizedAttributes, MinWordSizeForTypos, PaginationSetting, Settings, TypoToleranceSettings,
};

/// The engine shows no hit beyond this number: deeper pages would be silently empty.
pub const MAX_TOTAL_HITS: usize = 10_000;

/// The engine counts no more values of a field: enough to tell in which conversations a rare word stands.
pub const MOST_VALUES: usize = 1_000;

/// One language for all texts and all queries. The engine otherwise guesses it, and guesses a short query differently from a
/// long text: Arabic as Persian or Urdu, whose letters it then folds differently (measured: one Arabic word in fifty was not
/// found in its own message). What depends on the script alone works the same; scripts without spaces have `text::runs`.
pub const LOCALE: &str = "ara";

/// `text` is what people wrote, `folded` the same with one letter for several, `pairs` its stretches without spaces, `numbers`
/// the ends of numbers in it.
pub fn messages(cutoff: Duration) -> Settings {
    common(cutoff)
        .with_searchable_attributes(["text", "folded", "pairs", "numbers"])
        .with_filterable_attributes([
            "tenant_id",
            "conversation_id",
            "channel_id",
            "contact_id",
            "author_kind",
            "author_id",
            "kind",
            "private",
            "time",
            "month",
        ])
        .with_sortable_attributes(["time"])
        // What is asked to be sorted is sorted by that alone. Among equals the newest comes first.
        .with_ranking_rules(["sort", "words", "typo", "proximity", "attribute", "exactness", "time:desc"])
        .with_typo_tolerance(typos(&["pairs", "numbers"]))
        .with_max_values_per_facet(MOST_VALUES)
}

/// `starts` holds the beginnings of names, `phones` the ends of numbers, `facts` company, category and the ids of imports.
pub fn customers(cutoff: Duration) -> Settings {
    common(cutoff)
        .with_searchable_attributes(["names", "starts", "emails", "facts", "phones", "pairs"])
        .with_filterable_attributes(["id", "tenant_id", "channel_ids", "has_contacts", "tag_ids"])
        .with_ranking_rules([
            "sort",
            "words",
            "typo",
            "attribute",
            "exactness",
            "proximity",
            "last_contact:desc",
        ])
        .with_sortable_attributes(["last_contact"])
        .with_typo_tolerance(typos(&["starts", "emails", "phones", "pairs"]))
}

fn common(cutoff: Duration) -> Settings {
    Settings::new()
        .with_pagination(PaginationSetting { max_total_hits: MAX_TOTAL_HITS })
        .with_localized_attributes([LocalizedAttributes {
            attribute_patterns: vec!["*".to_owned()],
            locales: vec![LOCALE.to_owned()],
        }])
        .with_search_cutoff(u64::try_from(cutoff.as_millis()).unwrap_or(u64::MAX))
}

/// One typo from four letters on, two from eight on.
fn typos(never_in: &[&str]) -> TypoToleranceSettings {
    TypoToleranceSettings {
        enabled: Some(true),
        disable_on_attributes: Some(never_in.iter().map(|&name| name.to_owned()).collect()),
        disable_on_words: None,
        min_word_size_for_typos: Some(MinWordSizeForTypos { one_typo: Some(4), two_typos: Some(8) }),
        disable_on_numbers: None,
    }
}
