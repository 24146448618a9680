//! Changes. Only the queue's thread calls these, so an index has one writer and LMDB's write lock is never contended.

use bumpalo::Bump;
use memmap2::Mmap;
use milli_core::Index;
use milli_core::progress::Progress;
use milli_core::update::new::indexer::{self, DocumentOperation};
use milli_core::update::{ClearDocuments, Settings};
use milli_core::vector::EmbeddingConfigs;
use serde_json::Value;

use super::{Engine, parse_filter, settings};
use crate::error::{ApiError, Result};

/// One task's part of a transaction. Documents are JSON objects one after another.
pub enum Change<'a> {
    Replace(&'a Mmap),
    Update(&'a Mmap),
    Delete(Vec<&'a str>),
}

impl Engine {
    pub fn create_index(&self, task: u32, uid: &str, primary_key: Option<&str>) -> Result<()> {
        let mut registry = self.registry_mut();
        if registry.index(uid).is_some() && !registry.applied(task) {
            return Err(ApiError::new("index_already_exists", format!("Index `{uid}` already exists.")));
        }
        let index = match registry.index(uid) {
            Some(index) => index,
            None => registry.create(uid, Some(task))?,
        };
        drop(registry);
        self.set_primary_key(&index, primary_key)
    }

    pub fn update_index(&self, uid: &str, primary_key: Option<&str>) -> Result<()> {
        self.set_primary_key(&self.index(uid)?, primary_key)
    }

    /// Answers with the number of documents that went with it.
    pub fn delete_index(&self, task: u32, uid: &str) -> Result<u64> {
        if self.registry().applied(task) {
            return Ok(0);
        }
        let index = self.index(uid)?;
        let documents = {
            let txn = index.read_txn()?;
            index.number_of_documents(&txn)?
        };
        self.registry_mut().delete(uid, task)?;
        Ok(documents)
    }

    pub fn swap_indexes(&self, task: u32, pairs: &[[String; 2]]) -> Result<()> {
        let mut registry = self.registry_mut();
        if registry.applied(task) {
            return Ok(());
        }
        let missing: Vec<_> =
            pairs.iter().flatten().filter(|uid| registry.index(uid).is_none()).map(String::as_str).collect();
        match missing.as_slice() {
            [] => registry.swap(pairs, task),
            [uid] => Err(ApiError::index_not_found(uid)),
            uids => {
                let message = format!("Indexes `{}` not found.", uids.join("`, `"));
                Err(ApiError::new("index_not_found", message))
            }
        }
    }

    /// Applies settings, as `settings::check` accepted them, to an index that is made if it is missing.
    pub fn update_settings(&self, uid: &str, settings: &Value) -> Result<()> {
        self.change_settings(&self.index_or_new(uid)?, |builder| settings::apply(settings, builder))
    }

    /// Answers, a change, with the documents that it touched, or why it was refused; the others still count.
    pub fn change_documents(
        &self,
        uid: &str,
        primary_key: Option<&str>,
        changes: &[Change<'_>],
    ) -> Result<Vec<Result<u64>>> {
        let only_deletes = changes.iter().all(|change| matches!(change, Change::Delete(_)));
        let index = if only_deletes { self.index(uid)? } else { self.index_or_new(uid)? };
        let mut operations = DocumentOperation::new();
        for change in changes {
            match change {
                Change::Replace(documents) => operations.replace_documents(documents)?,
                Change::Update(documents) => operations.update_documents(documents)?,
                Change::Delete(ids) => operations.delete_documents(ids),
            }
        }

        let stop = || self.is_stopping();
        let progress = Progress::default();
        let arena = Bump::new();
        let rtxn = index.read_txn()?;
        let mut wtxn = index.write_txn()?;
        let old_fields = index.fields_ids_map(&rtxn)?;
        let mut new_fields = old_fields.clone();
        let (operations, stats, new_primary_key) = operations.into_changes(
            &arena,
            &index,
            &rtxn,
            primary_key,
            &mut new_fields,
            &stop,
            progress.clone(),
        )?;
        let outcomes: Vec<Result<u64>> = (stats.into_iter())
            .map(|stat| match stat.error {
                None => Ok(stat.document_count),
                Some(error) => Err(milli_core::Error::from(error).into()),
            })
            .collect();
        if outcomes.iter().any(Result::is_ok) {
            indexer::index(
                &mut wtxn,
                &index,
                &self.pool,
                self.indexer.grenad_parameters(),
                &old_fields,
                new_fields,
                new_primary_key,
                &operations,
                EmbeddingConfigs::default(),
                &stop,
                &progress,
            )?;
            wtxn.commit()?;
        }
        Ok(outcomes)
    }

    /// Deletes by id what the filter finds: a second way into milli's indexer would be compiled a second time, which
    /// takes longer than all else here together.
    pub fn delete_by_filter(&self, uid: &str, filter: &Value) -> Result<u64> {
        let coded = |error: ApiError| error.with_filter_code("invalid_document_filter");
        let index = self.index(uid)?;
        let Some(condition) = parse_filter(filter).map_err(coded)? else { return Ok(0) };
        let txn = index.read_txn()?;
        let found = condition.evaluate(&txn, &index).map_err(|error| coded(error.into()))?;
        // An index that never held a document has no primary key to read the ids by.
        if found.is_empty() {
            return Ok(0);
        }
        let ids = index.external_id_of(&txn, &found)?.into_iter().collect::<Result<Vec<String>, _>>()?;
        drop(txn);
        let deletion = Change::Delete(ids.iter().map(String::as_str).collect());
        self.change_documents(uid, None, &[deletion])?.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(found.len())
    }

    pub fn clear_documents(&self, uid: &str) -> Result<u64> {
        let index = self.index(uid)?;
        let mut wtxn = index.write_txn()?;
        let count = ClearDocuments::new(&mut wtxn, &index).execute()?;
        wtxn.commit()?;
        Ok(count)
    }

    fn index_or_new(&self, uid: &str) -> Result<Index> {
        match self.index(uid) {
            Ok(index) => Ok(index),
            Err(_) => self.registry_mut().create(uid, None),
        }
    }

    fn set_primary_key(&self, index: &Index, primary_key: Option<&str>) -> Result<()> {
        let Some(primary_key) = primary_key else { return Ok(()) };
        self.change_settings(index, |builder| {
            builder.set_primary_key(primary_key.to_owned());
            Ok(())
        })
    }

    fn change_settings(
        &self,
        index: &Index,
        change: impl FnOnce(&mut Settings<'_, '_, '_>) -> Result<()>,
    ) -> Result<()> {
        let mut wtxn = index.write_txn()?;
        let mut builder = Settings::new(&mut wtxn, index, &self.indexer);
        change(&mut builder)?;
        builder.execute(|_| (), || self.is_stopping())?;
        wtxn.commit()?;
        Ok(())
    }
}
