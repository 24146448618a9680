//! Highlights, crops, and where in a document the query matched.

use std::collections::BTreeMap;

use milli_core::tokenizer::TokenizerBuilder;
use milli_core::{
    FieldsIdsMap, FormatOptions, Index, LocalizedAttributesRule, MatchBounds, MatcherBuilder, MatchingWords,
    PatternMatch, is_faceted_by,
};
use serde_json::{Map, Value};

use super::search_request::{FormatRequest, SearchRequest};
use crate::error::Result;

type Locales = Option<Vec<milli_core::tokenizer::Language>>;
/// By attribute; in bytes of its text.
type Positions = BTreeMap<String, Vec<MatchBounds>>;

/// What is the same for all hits of a search.
pub struct Formatter {
    fields: FieldsIdsMap,
    displayed: Option<Vec<String>>,
    /// What `_formatted` holds and how; empty when it was not asked for.
    options: BTreeMap<String, FormatOptions>,
    show_positions: bool,
    locales: Locales,
    localized: Vec<LocalizedAttributesRule>,
    words: std::cell::Cell<MatchingWords>,
    separators: Option<Vec<String>>,
    dictionary: Option<Vec<String>>,
    marks: [String; 3],
}

impl Formatter {
    pub fn new(
        index: &Index,
        txn: &milli_core::heed::RoTxn<'_>,
        request: &SearchRequest,
        words: MatchingWords,
    ) -> Result<Self> {
        let fields = index.fields_ids_map(txn)?;
        let displayed: Option<Vec<String>> =
            index.displayed_fields(txn)?.map(|names| names.into_iter().map(str::to_owned).collect());
        let shown: Vec<&str> = match &displayed {
            Some(names) => {
                names.iter().map(String::as_str).filter(|name| fields.id(name).is_some()).collect()
            }
            None => fields.names().collect(),
        };
        let options = options(&request.format, request.retrieve.as_deref(), &shown);
        let format = &request.format;
        Ok(Self {
            options,
            show_positions: format.show_positions,
            locales: request.locales.clone(),
            localized: index.localized_attributes_rules(txn)?.unwrap_or_default(),
            words: std::cell::Cell::new(words),
            separators: index.allowed_separators(txn)?.map(|set| set.into_iter().collect()),
            dictionary: index.dictionary(txn)?.map(|set| set.into_iter().collect()),
            marks: [format.crop_marker.clone(), format.pre_tag.clone(), format.post_tag.clone()],
            displayed,
            fields,
        })
    }

    pub fn fields(&self) -> &FieldsIdsMap {
        &self.fields
    }

    pub fn displayed(&self) -> Option<&[String]> {
        self.displayed.as_deref()
    }

    /// Builds milli's matcher, which borrows the tokenizer's words, for the length of `work`.
    pub fn with_matcher<T>(&self, work: impl FnOnce(&MatcherBuilder<'_>) -> T) -> T {
        let separators: Option<Vec<&str>> = borrow(self.separators.as_ref());
        let dictionary: Option<Vec<&str>> = borrow(self.dictionary.as_ref());
        let mut tokenizer = TokenizerBuilder::default();
        // Needed to find the end of a matched prefix in the original text.
        tokenizer.create_char_map(true);
        if let Some(separators) = &separators {
            tokenizer.separators(separators);
        }
        if let Some(dictionary) = &dictionary {
            tokenizer.words_dict(dictionary);
        }
        let [crop_marker, pre_tag, post_tag] = &self.marks;
        let mut matcher = MatcherBuilder::new(self.words.take(), tokenizer.build());
        matcher.crop_marker(crop_marker.clone());
        matcher.highlight_prefix(pre_tag.clone());
        matcher.highlight_suffix(post_tag.clone());
        work(&matcher)
    }

    /// The document for `_formatted`, in which numbers are strings, and `_matchesPosition`, where asked for.
    pub fn format(
        &self,
        document: &Map<String, Value>,
        matcher: &MatcherBuilder<'_>,
    ) -> (Option<Map<String, Value>>, Option<Positions>) {
        if self.options.is_empty() && !self.show_positions {
            return (None, None);
        }
        let mut positions = Positions::new();
        let mut document = document.clone();
        for (name, value) in &mut document {
            visit(value, name, &mut Vec::new(), &mut |path, indices, leaf| {
                let found = self.format_leaf(path, indices, leaf, matcher);
                if !found.is_empty() {
                    positions.entry(path.to_owned()).or_default().extend(found);
                }
            });
        }
        let names: Vec<String> = self.options.keys().cloned().collect();
        let formatted = (!names.is_empty()).then(|| select(document, Some(&names)));
        (formatted, self.show_positions.then_some(positions))
    }

    fn format_leaf(
        &self,
        path: &str,
        indices: &[usize],
        leaf: &mut Value,
        matcher: &MatcherBuilder<'_>,
    ) -> Vec<MatchBounds> {
        let text = match &*leaf {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Vec::new(),
        };
        let rule = || self.localized.iter().find(|rule| rule.match_str(path) == PatternMatch::Match);
        let locales = self.locales.as_deref().or_else(|| rule().map(LocalizedAttributesRule::locales));
        let mut matcher = matcher.build(&text, locales);
        let found = if self.show_positions { matcher.matches(indices) } else { Vec::new() };
        let options = (self.options.iter())
            .filter(|(name, options)| {
                options.should_format() && (is_faceted_by(name, path) || is_faceted_by(path, name))
            })
            .map(|(_, options)| *options)
            .reduce(FormatOptions::merge);
        *leaf = Value::String(match options {
            Some(options) => matcher.format(options).into_owned(),
            None => text.clone(),
        });
        found
    }
}

/// How each attribute is to be formatted: those named, and unformatted all others that are retrieved.
fn options(
    format: &FormatRequest,
    retrieve: Option<&[String]>,
    shown: &[&str],
) -> BTreeMap<String, FormatOptions> {
    let mut options: BTreeMap<String, FormatOptions> = BTreeMap::new();
    let mut add = |name: &str, new: FormatOptions| {
        let names = if name == "*" { shown } else { &[name][..] };
        for name in names.iter().filter(|name| shown.contains(name)) {
            let known = options.entry((*name).to_owned()).or_default();
            // A crop named for an attribute comes before one for all of them.
            *known = known.merge(new);
        }
    };
    for name in &format.highlight {
        add(name, FormatOptions { highlight: true, crop: None });
    }
    for attribute in &format.crop {
        let (name, length) = match attribute.rsplit_once(':') {
            Some((name, length)) => (name, length.parse().unwrap_or(format.crop_length)),
            None => (attribute.as_str(), format.crop_length),
        };
        add(name, FormatOptions { highlight: false, crop: Some(length) });
    }
    if !options.is_empty() {
        for name in shown {
            if retrieve.is_none_or(|retrieve| retrieve.iter().any(|wanted| is_faceted_by(name, wanted))) {
                options.entry((*name).to_owned()).or_default();
            }
        }
    }
    options
}

/// Calls `work` on every value that holds no others, with its dotted path and the positions in the arrays around it.
fn visit(
    value: &mut Value,
    path: &str,
    indices: &mut Vec<usize>,
    work: &mut impl FnMut(&str, &[usize], &mut Value),
) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                visit(value, &format!("{path}.{name}"), indices, work);
            }
        }
        Value::Array(items) => {
            for (position, value) in items.iter_mut().enumerate() {
                indices.push(position);
                visit(value, path, indices, work);
                indices.pop();
            }
        }
        leaf => work(path, indices, leaf),
    }
}

/// The parts of a document at these dotted paths; all of it for `None`.
pub fn select(document: Map<String, Value>, paths: Option<&[String]>) -> Map<String, Value> {
    match paths {
        Some(paths) => select_under("", document, paths),
        None => document,
    }
}

fn select_under(prefix: &str, members: Map<String, Value>, paths: &[String]) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, value) in members {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if paths.iter().any(|wanted| is_faceted_by(&path, wanted)) {
            kept.insert(name, value);
        } else if paths.iter().any(|wanted| is_faceted_by(wanted, &path)) {
            let inner = match value {
                Value::Object(members) => Value::Object(select_under(&path, members, paths)),
                Value::Array(items) => Value::Array(
                    (items.into_iter())
                        .filter_map(|item| match item {
                            Value::Object(members) => {
                                Some(Value::Object(select_under(&path, members, paths)))
                            }
                            _ => None,
                        })
                        .collect(),
                ),
                _ => continue,
            };
            kept.insert(name, inner);
        }
    }
    kept
}

fn borrow(words: Option<&Vec<String>>) -> Option<Vec<&str>> {
    words.map(|words| words.iter().map(String::as_str).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selects_nested_paths() {
        let Value::Object(document) =
            json!({ "a": { "b": 1, "c": 2 }, "ab": 3, "l": [{ "x": 1, "y": 2 }, 7] })
        else {
            unreachable!()
        };
        let paths = ["a.b".to_owned(), "l.x".to_owned()];
        let expected = json!({ "a": { "b": 1 }, "l": [{ "x": 1 }] });
        assert_eq!(Value::Object(select(document, Some(&paths))), expected);
    }
}
