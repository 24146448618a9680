//! Completes what is being typed to names of customers.

use std::collections::HashSet;

use serde::Deserialize;
use tandem_fault::Result;
use uuid::Uuid;

use super::search::Customers;
use crate::domain::scope::Reader;
use crate::engine::{EngineError, Search};
use crate::text::query::{Matching, stages};

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
        let found = match self.engine.search::<Named>(&uid, &question).await {
            Err(EngineError::NoIndex) => return Ok(Vec::new()),
            found => found?,
        };
        let mut told = HashSet::new();
        let names = found.hits.into_iter().filter_map(|hit| {
            // The first is the one that people see.
            let text = hit.document.names.into_iter().next()?;
            told.insert(text.clone()).then_some(Name { text, customer: hit.document.customer_id })
        });
        Ok(names.take(most).collect())
    }
}
