use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tandem_ambient::Ambient;

/// Where `tandem up` keeps everything: the cluster, the index, keys, logs, and how to reach it.
#[derive(Debug, Clone)]
pub struct DataFolder {
    root: PathBuf,
}

/// Held while a `tandem up` runs; the system lets go of it however the process ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl DataFolder {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the folder when it is not there, for its owner alone, and makes its path absolute.
    pub fn create(root: &Path) -> Result<Self> {
        let shown = root.display();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(root)
            .with_context(|| format!("cannot make the data folder {shown}"))?;
        let root = root.canonicalize().with_context(|| format!("cannot find the data folder {shown}"))?;
        Ok(Self { root })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn connection(&self) -> PathBuf {
        self.path("connection.json")
    }

    pub fn signing_key(&self) -> PathBuf {
        self.path("keys/signing-key.pem")
    }

    pub fn key_set(&self) -> PathBuf {
        self.path("keys/jwks.json")
    }

    pub fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    /// Makes a folder within.
    pub fn folder(&self, name: &str, mode: u32) -> Result<PathBuf> {
        let path = self.path(name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Makes sure that this is the only `tandem up` on the folder.
    pub fn lock(&self) -> Result<FolderLock> {
        let path = self.path("up.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => bail!(
                "another `tandem up` runs on {}; its addresses are in {}. Stop it, or give another folder with --data",
                self.root.display(),
                self.connection().display()
            ),
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// A text that only the owner may read, made once: `make` is asked when the file is not there.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> String) -> Result<String> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = make();
                write_secret(&path, &text)?;
                Ok(text)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// Writes a file for its owner alone, whole or not at all.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        // What a killed process left may have other rights.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// 32 random bytes as 64 hexadecimal digits: a password or a key.
pub fn random_secret(ambient: &Ambient) -> String {
    ambient.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_locked_once() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(&scratch.path().join("a/b")).unwrap();
        let held = folder.lock().unwrap();
        let error = folder.lock().unwrap_err().to_string();
        assert!(error.contains("another `tandem up` runs on"), "{error}");
        drop(held);
        folder.lock().unwrap();
    }

    #[test]
    fn a_secret_is_made_once_and_for_its_owner() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(scratch.path()).unwrap();
        assert_eq!(folder.secret("key", || "one".to_owned()).unwrap(), "one");
        assert_eq!(folder.secret("key", || "two".to_owned()).unwrap(), "one");
        assert_eq!(fs::metadata(folder.path("key")).unwrap().permissions().mode() & 0o777, 0o600);
        write_secret(&folder.path("key"), "three").unwrap();
        assert_eq!(folder.secret("key", String::new).unwrap(), "three");
    }
}
