//! Reading documents without searching.

use milli_core::{DocumentId, Index, all_obkv_to_json};
use serde_json::{Map, Value};

use super::format::select;
use super::{Engine, parse_filter};
use crate::error::{ApiError, Result};

/// A page of documents in the order in which they were added.
pub struct Page {
    pub documents: Vec<Value>,
    pub total: u64,
}

impl Engine {
    /// One document by the value of its primary key; `fields` are dotted paths, `None` for all that are displayed.
    pub fn document(&self, uid: &str, id: &str, fields: Option<&[String]>) -> Result<Map<String, Value>> {
        let index = self.index(uid)?;
        let txn = index.read_txn()?;
        let document = index
            .external_documents_ids()
            .get(&txn, id)?
            .ok_or_else(|| ApiError::new("document_not_found", format!("Document `{id}` not found.")))?;
        read(&index, &txn, document, fields)
    }

    /// Documents that pass the filter and, if any are named, have one of these ids.
    pub fn documents(
        &self,
        uid: &str,
        filter: Option<&Value>,
        ids: Option<&[String]>,
        fields: Option<&[String]>,
        (offset, limit): (usize, usize),
    ) -> Result<Page> {
        let coded = |error: ApiError| error.with_filter_code("invalid_document_filter");
        let index = self.index(uid)?;
        let txn = index.read_txn()?;
        let mut found = match filter.map(parse_filter).transpose().map_err(coded)?.flatten() {
            Some(filter) => filter.evaluate(&txn, &index).map_err(|error| coded(error.into()))?,
            None => index.documents_ids(&txn)?,
        };
        if let Some(ids) = ids {
            let mut named = found.clone();
            named.clear();
            for id in ids {
                named.extend(index.external_documents_ids().get(&txn, id)?);
            }
            found &= named;
        }
        let documents = (found.iter().skip(offset).take(limit))
            .map(|id| read(&index, &txn, id, fields).map(Value::Object))
            .collect::<Result<_>>()?;
        Ok(Page { documents, total: found.len() })
    }
}

fn read(
    index: &Index,
    txn: &milli_core::heed::RoTxn<'_>,
    id: DocumentId,
    fields: Option<&[String]>,
) -> Result<Map<String, Value>> {
    let names = index.fields_ids_map(txn)?;
    let displayed: Option<Vec<String>> =
        index.displayed_fields(txn)?.map(|names| names.into_iter().map(str::to_owned).collect());
    let document = all_obkv_to_json(index.document(txn, id)?, &names)?;
    Ok(select(select(document, displayed.as_deref()), fields))
}
