//! Settings on their way out.

use std::collections::BTreeMap;

use milli_core::{Criterion, FilterableAttributesRule, Index, OrderBy};
use serde_json::{Value, json};

use super::search::DEFAULT_MAX_TOTAL_HITS;
use crate::error::Result;

/// All settings of an index, defaults included.
pub fn read(index: &Index) -> Result<Value> {
    let txn = index.read_txn()?;
    let displayed = index.displayed_fields(&txn)?.unwrap_or_else(|| vec!["*"]);
    let searchable = index.user_defined_searchable_fields(&txn)?.unwrap_or_else(|| vec!["*"]);
    let filterable: Vec<Value> = (index.filterable_attributes_rules(&txn)?.into_iter())
        .map(|rule| match rule {
            FilterableAttributesRule::Field(name) => json!(name),
            FilterableAttributesRule::Pattern(rule) => json!(rule),
        })
        .collect();
    let mut sortable: Vec<String> = index.sortable_fields(&txn)?.into_iter().collect();
    sortable.sort();
    let stop_words = index.stop_words(&txn)?.map(|words| words.stream().into_strs()).transpose();
    let stop_words = stop_words.map_err(crate::error::ApiError::internal)?.unwrap_or_default();
    let exact_words = index.exact_words(&txn)?.map(|words| words.stream().into_strs()).transpose();
    let exact_words = exact_words.map_err(crate::error::ApiError::internal)?.unwrap_or_default();
    let facet_order: BTreeMap<String, &str> = (index.sort_facet_values_by(&txn)?.into_iter())
        .map(|(name, order)| (name, if order == OrderBy::Count { "count" } else { "alpha" }))
        .collect();
    let localized = index.localized_attributes_rules(&txn)?.map(|rules| {
        let rules = rules.into_iter().map(|rule| {
            let locales: Vec<_> = rule.locales.iter().map(milli_core::tokenizer::Language::code).collect();
            json!({ "attributePatterns": rule.attribute_patterns.patterns, "locales": locales })
        });
        rules.collect::<Vec<_>>()
    });
    Ok(json!({
        "displayedAttributes": displayed,
        "searchableAttributes": searchable,
        "filterableAttributes": filterable,
        "sortableAttributes": sortable,
        "rankingRules": index.criteria(&txn)?.iter().map(rule).collect::<Vec<_>>(),
        "stopWords": stop_words,
        "nonSeparatorTokens": index.non_separator_tokens(&txn)?.unwrap_or_default(),
        "separatorTokens": index.separator_tokens(&txn)?.unwrap_or_default(),
        "dictionary": index.dictionary(&txn)?.unwrap_or_default(),
        "synonyms": index.user_defined_synonyms(&txn)?,
        "distinctAttribute": index.distinct_field(&txn)?,
        "proximityPrecision": index.proximity_precision(&txn)?.unwrap_or_default(),
        "typoTolerance": {
            "enabled": index.authorize_typos(&txn)?,
            "minWordSizeForTypos": {
                "oneTypo": index.min_word_len_one_typo(&txn)?,
                "twoTypos": index.min_word_len_two_typos(&txn)?,
            },
            "disableOnWords": exact_words,
            "disableOnAttributes": index.exact_attributes(&txn)?,
            "disableOnNumbers": index.disabled_typos_terms(&txn)?.disable_on_numbers,
        },
        "faceting": {
            "maxValuesPerFacet":
                index.max_values_per_facet(&txn)?.unwrap_or(milli_core::DEFAULT_VALUES_PER_FACET as u64),
            "sortFacetValuesBy": facet_order,
        },
        "pagination": {
            "maxTotalHits": index.pagination_max_total_hits(&txn)?.unwrap_or(DEFAULT_MAX_TOTAL_HITS as u64),
        },
        "searchCutoffMs": index.search_cutoff(&txn)?,
        "localizedAttributes": localized,
        "prefixSearch": index.prefix_search(&txn)?.unwrap_or_default(),
    }))
}

fn rule(criterion: &Criterion) -> String {
    match criterion {
        Criterion::Words => "words".to_owned(),
        Criterion::Typo => "typo".to_owned(),
        Criterion::Proximity => "proximity".to_owned(),
        Criterion::Attribute => "attribute".to_owned(),
        Criterion::Sort => "sort".to_owned(),
        Criterion::Exactness => "exactness".to_owned(),
        Criterion::Asc(name) => format!("{name}:asc"),
        Criterion::Desc(name) => format!("{name}:desc"),
    }
}
