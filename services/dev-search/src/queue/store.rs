//! The queue on disk: one file a task until its effects are committed, then a line in the file of finished tasks.
//!
//! A task's file holds one line of JSON and, for additions, the documents. It is synced before the write is
//! acknowledged and removed after the commit, so a killed process runs the task again: every kind of work bears that
//! (see `Registry::applied` for the ones that are not idempotent by themselves).

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use memmap2::{Mmap, MmapMut};
use serde::{Deserialize, Serialize};

use super::task::{Task, Work};

/// Finished tasks that are kept, on disk and in memory.
pub const HISTORY: usize = 10_000;

const FINISHED: &str = "finished.jsonl";

#[derive(Serialize, Deserialize)]
pub struct Header {
    pub task: Task,
    pub work: Work,
}

/// A store, and what was found in it, in order of uid.
pub struct Opened {
    pub store: Store,
    /// Each with the bytes of its file.
    pub unfinished: Vec<(Header, u64)>,
    /// The last `HISTORY` ones.
    pub finished: Vec<Task>,
}

pub struct Store {
    dir: PathBuf,
    finished: Mutex<File>,
}

impl Store {
    pub fn open(dir: &Path) -> io::Result<Opened> {
        fs::create_dir_all(dir)?;
        let mut unfinished = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("task") => unfinished.push((read_header(&mut open(&path)?)?, path.metadata()?.len())),
                // Never acknowledged: the process died while it wrote the file.
                Some("part") => fs::remove_file(&path)?,
                _ => {}
            }
        }
        unfinished.sort_by_key(|(header, _)| header.task.uid);
        let finished = read_history(&dir.join(FINISHED))?;
        let file = rewrite_history(dir, &finished)?;
        Ok(Opened { store: Self { dir: dir.to_owned(), finished: Mutex::new(file) }, unfinished, finished })
    }

    /// Writes a task's file so that it outlives this process; answers with its size in bytes.
    pub fn add(&self, header: &Header, documents: &[u8]) -> io::Result<u64> {
        let part = self.dir.join(format!("{:010}.part", header.task.uid));
        let mut file = File::create(&part)?;
        serde_json::to_writer(&mut file, header)?;
        file.write_all(b"\n")?;
        file.write_all(documents)?;
        file.sync_all()?;
        let size = file.metadata()?.len();
        fs::rename(&part, self.path(header.task.uid))?;
        sync_dir(&self.dir)?;
        Ok(size)
    }

    /// Reads a task's work and, in anonymous memory as milli wants it, its documents.
    pub fn load(&self, uid: u32) -> io::Result<(Work, Mmap)> {
        let mut file = open(&self.path(uid))?;
        let header = read_header(&mut file)?;
        let mut documents = Vec::new();
        file.read_to_end(&mut documents)?;
        let mut map = MmapMut::map_anon(documents.len())?;
        map[..documents.len()].copy_from_slice(&documents);
        Ok((header.work, map.make_read_only()?))
    }

    /// Records the end of a task and forgets its work.
    pub fn finish(&self, task: &Task) -> io::Result<()> {
        let mut line = serde_json::to_vec(task)?;
        line.push(b'\n');
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)?;
        fs::remove_file(self.path(task.uid))
    }

    fn path(&self, uid: u32) -> PathBuf {
        self.dir.join(format!("{uid:010}.task"))
    }
}

/// Makes renames and removals in `dir` durable.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path)?))
}

fn read_header(file: &mut BufReader<File>) -> io::Result<Header> {
    let mut line = String::new();
    file.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// The last tasks of the file; a line cut off by a kill is passed over, and of two lines of a task the last counts.
fn read_history(path: &Path) -> io::Result<Vec<Task>> {
    let mut tasks = std::collections::BTreeMap::new();
    match File::open(path) {
        Ok(file) => {
            for line in BufReader::new(file).split(b'\n') {
                if let Ok(task) = serde_json::from_slice::<Task>(&line?) {
                    tasks.insert(task.uid, task);
                    if tasks.len() > HISTORY {
                        tasks.pop_first();
                    }
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(tasks.into_values().collect())
}

fn rewrite_history(dir: &Path, tasks: &[Task]) -> io::Result<File> {
    let part = dir.join("finished.part");
    let mut lines = Vec::new();
    for task in tasks {
        serde_json::to_writer(&mut lines, task)?;
        lines.push(b'\n');
    }
    fs::write(&part, lines)?;
    fs::rename(&part, dir.join(FINISHED))?;
    OpenOptions::new().append(true).open(dir.join(FINISHED))
}
