//! Completes what is being typed to names of customers.

use std::collections::HashSet;

use serde::Deserialize;
use tandem_fault::Result;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use super::search::Customers;
use crate::domain::scope::Reader;
use crate::engine::Search;
use crate::text::fold::fold;
use crate::text::query::{Matching, stages};
use crate::text::runs::runs;

/// Hits that names are taken from: customers with one name are one term.
const MOST_HITS: usize = 100;

/// A name, and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    /// Of several, who wrote last.
    pub customer: Uuid,
}

/// What is read of a customer's document.
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(default)]
    customer_id: Uuid,
    names: Vec<String>,
}

impl Customers {
    /// Names in which every typed word begins a word, at most `most`.
    pub async fn suggest(&self, reader: &Reader, typed: &str, most: usize) -> Result<Vec<Name>> {
        // Quotation marks and minus signs mean nothing in a name that is being typed.
        let typed: String = typed.chars().map(|char| if "\"-".contains(char) { ' ' } else { char }).collect();
        let (Some(stage), Some(uid)) = (stages(&typed, Matching::All).into_iter().next(), self.uid().await?)
        else {
            return Ok(Vec::new());
        };
        let filter = reader.customer_filter();
        let question = Search {
            words: &stage.words,
            all: true,
            fields: if stage.pairs { &["starts", "pairs"] } else { &["starts"] },
            answer: &["customer_id", "names"],
            filter: &filter,
            offset: 0,
            limit: MOST_HITS,
            marks: &[],
            sort: &["last_contact:desc"],
            facets: &[],
        };
        let found = self.engine.search::<Named>(&uid, &question).await?;
        let mut told = HashSet::new();
        let names = found.hits.into_iter().filter_map(|hit| {
            // The first is the one that people see. Who was found by another one is no completion of what is typed.
            let other = hit.document.names.iter().skip(1).any(|name| fits(name, &typed));
            let text = hit.document.names.into_iter().next().filter(|name| !other || fits(name, &typed))?;
            told.insert(text.clone()).then_some(Name { text, customer: hit.document.customer_id })
        });
        Ok(names.take(most).collect())
    }
}

/// Whether every typed word begins a word of a name, whatever the accents; a run without spaces may stand anywhere in it.
fn fits(name: &str, typed: &str) -> bool {
    let (name, typed) = (plain(name), plain(typed));
    let words = |text: &str| -> Vec<String> {
        text.split(|char: char| !char.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let there = words(&name);
    words(&typed).iter().all(|word| {
        there.iter().any(|one| one.starts_with(word.as_str()))
            || (runs(word).next().is_some() && name.contains(word.as_str()))
    })
}

fn plain(text: &str) -> String {
    fold(text).nfkd().filter(|char| !is_combining_mark(*char)).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typed_word_begins_one_of_the_name() {
        for (name, typed, is_fitting) in [
            ("Mario Gómez", "gom mar", true),
            ("Mario Gómez", "ario", false),
            ("山田太郎", "太郎", true),
            ("Mark", "an", false),
            ("أحمد علي", "احمد", true),
        ] {
            assert_eq!(fits(name, typed), is_fitting, "{name} {typed}");
        }
    }
}
