//! Settings on their way in: one JSON object, in which an absent key changes nothing and `null` restores the default.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use milli_core::index::PrefixSearch;
use milli_core::proximity::ProximityPrecision;
use milli_core::tokenizer::Language;
use milli_core::update::{Setting, Settings};
use milli_core::{Criterion, CriterionError, FilterableAttributesRule, LocalizedAttributesRule, OrderBy};
use serde::Deserialize;
use serde_json::{Value, json};

use super::locale;
use crate::error::{ApiError, Result};

/// Every setting that is served.
pub const NAMES: [&str; 18] = [
    "displayedAttributes",
    "searchableAttributes",
    "filterableAttributes",
    "sortableAttributes",
    "rankingRules",
    "stopWords",
    "nonSeparatorTokens",
    "separatorTokens",
    "dictionary",
    "synonyms",
    "distinctAttribute",
    "proximityPrecision",
    "typoTolerance",
    "faceting",
    "pagination",
    "searchCutoffMs",
    "localizedAttributes",
    "prefixSearch",
];

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Body {
    displayed_attributes: Setting<Vec<String>>,
    searchable_attributes: Setting<Vec<String>>,
    filterable_attributes: Setting<Vec<FilterableAttributesRule>>,
    sortable_attributes: Setting<HashSet<String>>,
    ranking_rules: Setting<Vec<Rule>>,
    stop_words: Setting<BTreeSet<String>>,
    non_separator_tokens: Setting<BTreeSet<String>>,
    separator_tokens: Setting<BTreeSet<String>>,
    dictionary: Setting<BTreeSet<String>>,
    synonyms: Setting<BTreeMap<String, Vec<String>>>,
    distinct_attribute: Setting<String>,
    proximity_precision: Setting<ProximityPrecision>,
    typo_tolerance: Setting<TypoTolerance>,
    faceting: Setting<Faceting>,
    pagination: Setting<Pagination>,
    search_cutoff_ms: Setting<u64>,
    localized_attributes: Setting<Vec<Localized>>,
    prefix_search: Setting<PrefixSearch>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Rule(Criterion);

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct TypoTolerance {
    enabled: Setting<bool>,
    min_word_size_for_typos: Setting<MinWordSize>,
    disable_on_words: Setting<BTreeSet<String>>,
    disable_on_attributes: Setting<HashSet<String>>,
    disable_on_numbers: Setting<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct MinWordSize {
    one_typo: Setting<u8>,
    two_typos: Setting<u8>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Faceting {
    max_values_per_facet: Setting<usize>,
    sort_facet_values_by: Setting<BTreeMap<String, FacetOrder>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum FacetOrder {
    Alpha,
    Count,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Pagination {
    max_total_hits: Setting<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Localized {
    attribute_patterns: Vec<String>,
    locales: Vec<Locale>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Locale(Language);

impl TryFrom<String> for Rule {
    type Error = CriterionError;

    fn try_from(text: String) -> Result<Self, CriterionError> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Locale {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        locale::language(&code).map(Self).ok_or_else(|| locale::unknown(&code))
    }
}

/// Refuses settings that `apply` would refuse, so that the caller hears of it at once and not from a failed task.
pub fn check(settings: &Value) -> Result<()> {
    read(settings).map(|_| ())
}

/// Hands the settings to milli, which does the work when the builder is executed.
pub fn apply(settings: &Value, builder: &mut Settings<'_, '_, '_>) -> Result<()> {
    let body = read(settings)?;
    let to = builder;
    put(
        to,
        attributes(body.displayed_attributes),
        Settings::set_displayed_fields,
        Settings::reset_displayed_fields,
    );
    put(
        to,
        attributes(body.searchable_attributes),
        Settings::set_searchable_fields,
        Settings::reset_searchable_fields,
    );
    put(to, body.filterable_attributes, Settings::set_filterable_fields, Settings::reset_filterable_fields);
    put(to, body.sortable_attributes, Settings::set_sortable_fields, Settings::reset_sortable_fields);
    let rules = map(body.ranking_rules, |Rule(rule)| rule);
    put(to, rules, Settings::set_criteria, Settings::reset_criteria);
    put(to, body.stop_words, Settings::set_stop_words, Settings::reset_stop_words);
    put(
        to,
        body.non_separator_tokens,
        Settings::set_non_separator_tokens,
        Settings::reset_non_separator_tokens,
    );
    put(to, body.separator_tokens, Settings::set_separator_tokens, Settings::reset_separator_tokens);
    put(to, body.dictionary, Settings::set_dictionary, Settings::reset_dictionary);
    put(to, body.synonyms, Settings::set_synonyms, Settings::reset_synonyms);
    put(to, body.distinct_attribute, Settings::set_distinct_field, Settings::reset_distinct_field);
    put(to, body.proximity_precision, Settings::set_proximity_precision, Settings::reset_proximity_precision);
    apply_typo_tolerance(body.typo_tolerance, to);
    apply_faceting(body.faceting, to);
    let max_total_hits = inner(body.pagination, |pagination| pagination.max_total_hits);
    put(
        to,
        max_total_hits,
        Settings::set_pagination_max_total_hits,
        Settings::reset_pagination_max_total_hits,
    );
    put(to, body.search_cutoff_ms, Settings::set_search_cutoff, Settings::reset_search_cutoff);
    let localized = map(body.localized_attributes, |rule: Localized| {
        let languages = rule.locales.into_iter().map(|Locale(language)| language).collect();
        LocalizedAttributesRule::new(rule.attribute_patterns, languages)
    });
    put(to, localized, Settings::set_localized_attributes_rules, Settings::reset_localized_attributes_rules);
    put(to, body.prefix_search, Settings::set_prefix_search, Settings::reset_prefix_search);
    Ok(())
}

fn apply_typo_tolerance(typos: Setting<TypoTolerance>, to: &mut Settings<'_, '_, '_>) {
    let typos = each(typos, || TypoTolerance {
        enabled: Setting::Reset,
        min_word_size_for_typos: Setting::Reset,
        disable_on_words: Setting::Reset,
        disable_on_attributes: Setting::Reset,
        disable_on_numbers: Setting::Reset,
    });
    let sizes = each(typos.min_word_size_for_typos, || MinWordSize {
        one_typo: Setting::Reset,
        two_typos: Setting::Reset,
    });
    put(to, typos.enabled, Settings::set_autorize_typos, Settings::reset_authorize_typos);
    put(to, sizes.one_typo, Settings::set_min_word_len_one_typo, Settings::reset_min_word_len_one_typo);
    put(to, sizes.two_typos, Settings::set_min_word_len_two_typos, Settings::reset_min_word_len_two_typos);
    put(to, typos.disable_on_words, Settings::set_exact_words, Settings::reset_exact_words);
    put(to, typos.disable_on_attributes, Settings::set_exact_attributes, Settings::reset_exact_attributes);
    put(to, typos.disable_on_numbers, Settings::set_disable_on_numbers, Settings::reset_disable_on_numbers);
}

fn apply_faceting(faceting: Setting<Faceting>, to: &mut Settings<'_, '_, '_>) {
    let faceting = each(faceting, || Faceting {
        max_values_per_facet: Setting::Reset,
        sort_facet_values_by: Setting::Reset,
    });
    put(
        to,
        faceting.max_values_per_facet,
        Settings::set_max_values_per_facet,
        Settings::reset_max_values_per_facet,
    );
    let orders = inner(faceting.sort_facet_values_by, |orders| {
        let orders = orders.into_iter().map(|(name, order)| match order {
            FacetOrder::Alpha => (name, OrderBy::Lexicographic),
            FacetOrder::Count => (name, OrderBy::Count),
        });
        Setting::Set(orders.collect())
    });
    put(to, orders, Settings::set_sort_facet_values_by, Settings::reset_sort_facet_values_by);
}

fn put<'a, 't, 'i, T>(
    to: &mut Settings<'a, 't, 'i>,
    setting: Setting<T>,
    set: impl FnOnce(&mut Settings<'a, 't, 'i>, T),
    reset: impl FnOnce(&mut Settings<'a, 't, 'i>),
) {
    match setting {
        Setting::Set(value) => set(to, value),
        Setting::Reset => reset(to),
        Setting::NotSet => {}
    }
}

/// `["*"]` is the default, spelled out.
fn attributes(names: Setting<Vec<String>>) -> Setting<Vec<String>> {
    match names {
        Setting::Set(names) if names.iter().any(|name| name == "*") => Setting::Reset,
        names => names,
    }
}

fn map<T, U>(items: Setting<Vec<T>>, change: impl FnMut(T) -> U) -> Setting<Vec<U>> {
    inner(items, |items| Setting::Set(items.into_iter().map(change).collect()))
}

fn inner<T, U>(outer: Setting<T>, take: impl FnOnce(T) -> Setting<U>) -> Setting<U> {
    match outer {
        Setting::Set(value) => take(value),
        Setting::Reset => Setting::Reset,
        Setting::NotSet => Setting::NotSet,
    }
}

/// The parts of a setting; to reset the whole is to reset each.
fn each<T: Default>(setting: Setting<T>, reset: impl FnOnce() -> T) -> T {
    match setting {
        Setting::Set(value) => value,
        Setting::Reset => reset(),
        Setting::NotSet => T::default(),
    }
}

fn read(settings: &Value) -> Result<Body> {
    Body::deserialize(settings).map_err(|error| {
        // The error has no path: the setting at fault is the one that fails alone.
        let fails = |(name, value): &(&String, &Value)| Body::deserialize(json!({ *name: value })).is_err();
        let name = settings.as_object().and_then(|members| members.iter().find(fails)).map(|(name, _)| name);
        match name {
            Some(name) if NAMES.contains(&name.as_str()) => {
                ApiError::new(&code(name), format!("Invalid value at `.{name}`: {error}"))
            }
            _ => ApiError::new("bad_request", error.to_string()),
        }
    })
}

/// `invalid_settings_search_cutoff_ms` for `searchCutoffMs`.
pub fn code(name: &str) -> String {
    let mut code = String::from("invalid_settings_");
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            code.push('_');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}
