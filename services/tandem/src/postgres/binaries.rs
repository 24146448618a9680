use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// The oldest major version that the schema works on.
const OLDEST: u32 = 15;

/// PostgreSQL's programs on this machine.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Looks where `TANDEM_POSTGRES_BIN` says, where `pg_config` says, where Debian and its kin install, and in `PATH`.
    ///
    /// # Errors
    /// When they are not installed or too old: names what to install.
    pub fn find() -> Result<Self> {
        let mut too_old = None;
        for folder in candidates() {
            if ["initdb", "postgres", "pg_ctl"].iter().any(|name| !folder.join(name).is_file()) {
                continue;
            }
            match version(&folder) {
                Some(version) if version >= OLDEST => return Ok(Self { folder }),
                found => too_old = Some((folder, found)),
            }
        }
        if let Some((folder, found)) = too_old {
            let found =
                found.map_or_else(|| "an unknown version".to_owned(), |version| format!("version {version}"));
            bail!("the PostgreSQL in {} is {found}; {OLDEST} or newer is needed", folder.display());
        }
        bail!(
            "PostgreSQL's programs are not installed. On Debian or Ubuntu: apt-get install postgresql; on Fedora: dnf \
             install postgresql-server; with Homebrew: brew install postgresql. Or name their folder in TANDEM_POSTGRES_BIN"
        )
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn candidates() -> Vec<PathBuf> {
    if let Some(folder) = std::env::var_os("TANDEM_POSTGRES_BIN") {
        return vec![folder.into()];
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.extend(String::from_utf8(output.stdout).ok().map(|path| PathBuf::from(path.trim())));
    }
    folders.extend(versions_in(Path::new("/usr/lib/postgresql")));
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders
}

/// The newest first: `17/bin` before `15/bin`.
fn versions_in(parent: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    major(&String::from_utf8(output.stdout).ok()?)
}

/// `postgres (PostgreSQL) 15.14 (Debian …)` is 15.
fn major(text: &str) -> Option<u32> {
    let number = text.split(' ').find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_the_newest_is_first() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("something else"), None);
        let scratch = tempfile::tempdir().unwrap();
        for name in ["9", "17", "15", "common"] {
            std::fs::create_dir(scratch.path().join(name)).unwrap();
        }
        let found: Vec<_> = versions_in(scratch.path())
            .iter()
            .map(|path| path.strip_prefix(scratch.path()).unwrap().to_owned())
            .collect();
        assert_eq!(found, [Path::new("17/bin"), Path::new("15/bin"), Path::new("9/bin")]);
        assert!(versions_in(Path::new("/nowhere")).is_empty());
    }
}
