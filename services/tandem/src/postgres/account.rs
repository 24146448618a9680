use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The system's user that PostgreSQL runs as: it refuses to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// The user who runs the command.
    Own,
    /// Another one, since the command runs as root.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// # Errors
    /// As root, when there is no user `postgres`.
    pub fn choose() -> Result<Self> {
        if id(&["-u"])? != 0 {
            return Ok(Self::Own);
        }
        let other = || Ok::<_, anyhow::Error>((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?));
        let (uid, gid) = other().context(
            "PostgreSQL refuses to run as root, and there is no user `postgres` to run it as: install the package \
             postgresql, which makes one, or run `tandem up` as another user",
        )?;
        Ok(Self::Other { uid, gid })
    }

    /// A program that runs as this user, from a folder that everyone may be in, and in a process group of its own so
    /// that Ctrl-C does not reach it.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").process_group(0);
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a folder to this user.
    pub fn own(self, folder: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            chown(folder, Some(uid), Some(gid))
                .with_context(|| format!("cannot give away {}", folder.display()))?;
        }
        Ok(())
    }

    /// The nearest folder above (or the folder itself) that this user can't pass, if there is one.
    pub fn barrier(self, folder: &Path) -> Result<Option<PathBuf>> {
        let Self::Other { uid, gid } = self else { return Ok(None) };
        for above in folder.ancestors() {
            let about = above.metadata().with_context(|| format!("cannot look at {}", above.display()))?;
            let mode = about.permissions().mode();
            let passable = if about.uid() == uid {
                mode & 0o100 != 0
            } else if about.gid() == gid {
                mode & 0o010 != 0
            } else {
                mode & 0o001 != 0
            };
            if !passable {
                return Ok(Some(above.to_owned()));
            }
        }
        Ok(None)
    }
}

/// What `id` says: it also knows users that are in no file, as in a directory service.
fn id(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(arguments).output().context("cannot run `id`")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_runs_it_as_another_user_and_nobody_else_does() {
        let own = id(&["-u"]).unwrap();
        match Account::choose() {
            Ok(Account::Own) => assert_ne!(own, 0),
            Ok(Account::Other { uid, .. }) => assert!(own == 0 && uid != 0),
            Err(error) => assert!(own == 0 && error.to_string().contains("postgres"), "{error:#}"),
        }
    }

    #[test]
    fn a_folder_that_the_user_can_not_pass_is_found() {
        let scratch = tempfile::tempdir().unwrap();
        let (closed, inner) = (scratch.path().join("closed"), scratch.path().join("closed/inner"));
        std::fs::create_dir_all(&inner).unwrap();
        let mode =
            |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        mode(scratch.path(), 0o711);
        mode(&closed, 0o700);
        let stranger = Account::Other { uid: 4_000_000, gid: 4_000_000 };
        assert_eq!(stranger.barrier(&inner).unwrap(), Some(closed.clone()));
        mode(&closed, 0o711);
        assert_eq!(stranger.barrier(&inner).unwrap(), None);
        let owner = Account::Other { uid: closed.metadata().unwrap().uid(), gid: 4_000_000 };
        mode(&closed, 0o601);
        assert_eq!(owner.barrier(&inner).unwrap(), Some(closed.clone()), "the owner's own right decides");
        mode(&closed, 0o700);
        assert_eq!(Account::Own.barrier(&inner).unwrap(), None);
    }
}
