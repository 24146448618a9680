//! Which indexes there are, and the folder of each: `indexes.json`, replaced as a whole at every change.
//!
//! A folder's name is never used twice, so a deleted index may go on answering the searches that hold it open.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use milli_core::Index;
use milli_core::heed::EnvOpenOptions;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::queue::sync_dir;

/// Address space of an index, in bytes; LMDB's file grows only as far as it is written.
const MAP_SIZE: usize = 16 * 1024 * 1024 * 1024;
/// Read transactions that may be open at a time, an index.
const MAX_READERS: u32 = 1024;

const FILE: &str = "indexes.json";

pub struct Registry {
    dir: PathBuf,
    names: Names,
    /// By uid.
    indexes: BTreeMap<String, Index>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Names {
    /// The number of the next folder.
    next: u64,
    /// The last task that changed this file: after a kill such a task must not run twice, a swap least of all.
    applied: Option<u32>,
    /// Folders by uid.
    folders: BTreeMap<String, String>,
}

impl Registry {
    /// Opens all indexes, and removes folders that a kill left without an index.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let names: Names = match fs::read(dir.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Names::default(),
            Err(error) => return Err(error.into()),
        };
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let known = names.folders.values().any(|folder| entry.file_name() == folder.as_str());
            if entry.file_type()?.is_dir() && !known {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let indexes = (names.folders.iter())
            .map(|(uid, folder)| Ok((uid.clone(), open(&dir.join(folder), false)?)))
            .collect::<Result<_>>()?;
        Ok(Self { dir: dir.to_owned(), names, indexes })
    }

    pub fn index(&self, uid: &str) -> Option<Index> {
        self.indexes.get(uid).cloned()
    }

    pub fn uids(&self) -> Vec<String> {
        self.indexes.keys().cloned().collect()
    }

    /// The last task that changed the registry.
    pub fn last_applied(&self) -> Option<u32> {
        self.names.applied
    }

    /// Whether this task already changed the registry, before a kill.
    pub fn applied(&self, task: u32) -> bool {
        self.names.applied.is_some_and(|applied| task <= applied)
    }

    /// Adds an empty index under a free uid. `task` is the task that this completes, if it does.
    pub fn create(&mut self, uid: &str, task: Option<u32>) -> Result<Index> {
        let folder = format!("{:06}", self.names.next);
        fs::create_dir_all(self.dir.join(&folder))?;
        let index = open(&self.dir.join(&folder), true)?;
        let mut names = self.names.clone();
        names.next += 1;
        names.applied = task.or(names.applied);
        names.folders.insert(uid.to_owned(), folder);
        self.save(names)?;
        self.indexes.insert(uid.to_owned(), index.clone());
        Ok(index)
    }

    pub fn delete(&mut self, uid: &str, task: u32) -> Result<()> {
        let mut names = self.names.clone();
        names.applied = Some(task);
        let folder = names.folders.remove(uid);
        self.save(names)?;
        self.indexes.remove(uid);
        if let Some(folder) = folder {
            fs::remove_dir_all(self.dir.join(folder))?;
        }
        Ok(())
    }

    /// Exchanges the indexes of every pair, all at once; the uids must exist.
    pub fn swap(&mut self, pairs: &[[String; 2]], task: u32) -> Result<()> {
        let mut names = self.names.clone();
        names.applied = Some(task);
        for pair in pairs {
            exchange(&mut names.folders, pair);
        }
        self.save(names)?;
        for pair in pairs {
            exchange(&mut self.indexes, pair);
        }
        Ok(())
    }

    fn save(&mut self, names: Names) -> Result<()> {
        let part = self.dir.join("indexes.part");
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec_pretty(&names).map_err(io::Error::from)?)?;
        file.sync_all()?;
        fs::rename(&part, self.dir.join(FILE))?;
        sync_dir(&self.dir)?;
        self.names = names;
        Ok(())
    }
}

fn open(dir: &Path, new: bool) -> Result<Index> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_SIZE).max_readers(MAX_READERS);
    Ok(Index::new(options, dir, new)?)
}

fn exchange<T>(map: &mut BTreeMap<String, T>, [a, b]: &[String; 2]) {
    if let (Some(first), Some(second)) = (map.remove(a), map.remove(b)) {
        map.insert(a.clone(), second);
        map.insert(b.clone(), first);
    }
}
