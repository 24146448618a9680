//! Finds customers by part of a name, an e-mail address, or any run of four digits of a phone number.

use tandem_database::Pool;
use tandem_fault::Result;

use super::document::{ANSWER, FoundCustomer};
use crate::domain::scope::Reader;
use crate::engine::{Engine, EngineError, Search};
use crate::store;
use crate::text::digits::phone_queries;
use crate::text::query::{Matching, stages};

const NUMBERS: &[&str] = &["phones"];
const WORDS: &[&str] = &["names", "starts", "emails", "phones"];
const WORDS_AND_PAIRS: &[&str] = &["names", "starts", "emails", "phones", "pairs"];

/// What customer searches need.
#[derive(Clone)]
pub struct Customers {
    pub pool: Pool,
    pub engine: Engine,
}

/// A search for customers.
#[derive(Debug)]
pub struct SearchCustomers {
    pub words: String,
    pub page_size: usize,
}

/// Found customers, best first, each in the API's form as it was indexed.
#[derive(Debug, Default)]
pub struct FoundCustomers {
    pub customers: Vec<String>,
    pub partial: bool,
}

/// Words, whether all must match, and the fields that they are sought in.
type Try = (String, bool, &'static [&'static str]);

impl Customers {
    /// Errors: `UNAVAILABLE` when the engine does not answer in time.
    pub async fn search(&self, reader: &Reader, search: &SearchCustomers) -> Result<FoundCustomers> {
        let mut connection = self.pool.acquire().await.map_err(tandem_database::Error::from)?;
        let uid = store::index::live_uid(&mut connection, "customers").await?;
        drop(connection);
        let Some(uid) = uid else { return Ok(FoundCustomers::default()) };
        let filter = reader.customer_filter();
        let mut partial = false;
        for (words, all, fields) in tries(&search.words) {
            let (offset, limit) = (0, search.page_size);
            let question = Search {
                words: &words,
                all,
                fields,
                answer: ANSWER,
                filter: &filter,
                offset,
                limit,
                marks: None,
                sort: &[],
                facets: &[],
            };
            let found = match self.engine.search::<FoundCustomer>(&uid, &question).await {
                Err(EngineError::NoIndex) => return Ok(FoundCustomers::default()),
                found => found?,
            };
            partial |= found.cut_off;
            if !found.hits.is_empty() {
                let customers = found.hits.into_iter().map(|hit| hit.document.customer).collect();
                return Ok(FoundCustomers { customers, partial });
            }
        }
        Ok(FoundCustomers { customers: Vec::new(), partial })
    }
}

/// From strict to loose; the next one is tried when nothing was found.
fn tries(query: &str) -> Vec<Try> {
    let numbers = phone_queries(query);
    if !numbers.is_empty() {
        return numbers.into_iter().map(|digits| (digits, true, NUMBERS)).collect();
    }
    let fields = |pairs| if pairs { WORDS_AND_PAIRS } else { WORDS };
    stages(query, Matching::default())
        .into_iter()
        .map(|stage| (stage.words, stage.all, fields(stage.pairs)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sought_among_numbers_alone() {
        assert_eq!(tries("+7 (916) 555"), [("7916555".to_owned(), true, NUMBERS)]);
        assert_eq!(tries("ana"), [("ana".to_owned(), true, WORDS)]);
        assert_eq!(tries("山田")[0].2, WORDS_AND_PAIRS);
        assert!(tries("--").is_empty());
    }
}
