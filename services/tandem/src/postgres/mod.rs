//! A private PostgreSQL cluster in the data folder, run as a child process.

mod account;
mod binaries;
mod databases;

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tandem_ambient::Ambient;
use tokio::time::{Instant, sleep};

pub use databases::open;

use self::account::Account;
use self::binaries::Binaries;
use crate::connection::ServiceName;
use crate::folder::{DataFolder, random_secret, write_secret};
use crate::suite::free_port;

/// The cluster's superuser.
const USER: &str = "tandem";
/// How long the server may take to start: after a crash it goes through its log first.
const START: Duration = Duration::from_secs(120);
/// Where root's clusters go when the server's user can't reach the data folder.
const FALLBACK: &str = "/var/lib/tandem-up";

/// A running cluster; it stops with [`Cluster::stop`], or when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    control: Control,
    server: Option<Child>,
    port: u16,
    password: String,
}

/// How the server is made to stop.
#[derive(Debug, Clone)]
struct Control {
    binaries: Binaries,
    account: Account,
    folder: PathBuf,
}

impl Cluster {
    /// Makes the cluster when there is none, starts its server on a free port of loopback, and makes the databases of
    /// the services that are not there.
    ///
    /// # Errors
    /// PostgreSQL that is not installed, a folder that its user can't use, a server that does not start (its log is
    /// named).
    pub async fn start(data: &DataFolder, fsync: bool, ambient: &Ambient) -> Result<Self> {
        let binaries = Binaries::find()?;
        let account = Account::choose()?;
        let home = home(data, account)?;
        let control = Control { binaries, account, folder: home.join("cluster") };
        let password = data.secret("keys/postgres-password", || random_secret(ambient))?;
        if control.folder.join("PG_VERSION").exists() {
            control.stop_left_behind(&password).await;
        } else {
            control.init(&home, &password)?;
        }
        let log = data.logs().join("postgres.log");
        let port = free_port()?;
        let server = control.server(port, fsync, &log)?;
        let mut cluster = Self { control, server: Some(server), port, password };
        cluster.wait_until_ready(&log).await?;
        databases::create_missing(&cluster.url("postgres")).await?;
        Ok(cluster)
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        url(&self.password, self.port, database)
    }

    /// Where a service's data is.
    pub fn url_of(&self, service: ServiceName) -> String {
        self.url(service.database())
    }

    /// Ends the server in order; what was acknowledged is on the disk.
    pub async fn stop(mut self) {
        // `pg_ctl` waits for the server's end.
        let _ = tokio::task::spawn_blocking(move || self.end()).await;
    }

    async fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let until = Instant::now() + START;
        loop {
            if let Some(server) = &mut self.server
                && let Some(status) = server.try_wait()?
            {
                self.server = None;
                bail!(
                    "PostgreSQL ended at once ({status}); its log, {}, ends with:\n{}",
                    log.display(),
                    tail(log)
                );
            }
            match databases::reachable(&self.url("postgres")).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= until => {
                    return Err(error).with_context(|| {
                        format!("PostgreSQL does not answer; its log is {}", log.display())
                    });
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            self.control.stop("fast");
            let _ = server.wait();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

impl Control {
    fn init(&self, home: &Path, password: &str) -> Result<()> {
        // An `initdb` that was cut off leaves a folder that is no cluster.
        let making = home.join("cluster.new");
        let _ = fs::remove_dir_all(&making);
        let password_file = home.join("password");
        write_secret(&password_file, password)?;
        self.account.own(&password_file)?;
        let made = run(self
            .account
            .command(&self.binaries.program("initdb"))
            // The password goes over loopback alone, and SCRAM costs a debug build a second for each connection.
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--auth=password", "--username", USER])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&making));
        let _ = fs::remove_file(&password_file);
        made.context("cannot make a PostgreSQL cluster")?;
        fs::rename(&making, &self.folder).context("cannot rename the new PostgreSQL cluster")
    }

    fn server(&self, port: u16, fsync: bool, log: &Path) -> Result<Child> {
        let log_file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let fsync = if fsync { "fsync=on" } else { "fsync=off" };
        let mut command = self.account.command(&self.binaries.program("postgres"));
        command.arg("-D").arg(&self.folder).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=256MB",
            "max_wal_size=4GB",
            "logging_collector=off",
            fsync,
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log_file.try_clone()?).stderr(log_file);
        command.spawn().context("cannot start PostgreSQL")
    }

    /// A `tandem up` that was killed leaves its server behind: ends it. What only looks like it, a file with the number
    /// of a process that is another one by now, is left to PostgreSQL, which knows stale files.
    async fn stop_left_behind(&self, password: &str) {
        let Ok(file) = fs::read_to_string(self.folder.join("postmaster.pid")) else { return };
        let Some(port) = file.lines().nth(3).and_then(|line| line.trim().parse().ok()) else { return };
        let answers = databases::folder(&url(password, port, "postgres")).await;
        if answers.is_ok_and(|folder| Path::new(&folder) == self.folder) {
            self.stop("fast");
        }
    }

    /// Ends the server of this folder if one runs; that none runs is no failure.
    fn stop(&self, mode: &str) {
        let _ = run(self
            .account
            .command(&self.binaries.program("pg_ctl"))
            .args(["stop", "--wait", "--timeout=60", "--silent", "--mode", mode, "--pgdata"])
            .arg(&self.folder));
    }
}

fn url(password: &str, port: u16, database: &str) -> String {
    format!("postgres://{USER}:{password}@127.0.0.1:{port}/{database}")
}

/// The folder that the cluster is made in: in the data folder, or for root beside the system's own data when the
/// server's user can't pass to the data folder, as below `/root`.
fn home(data: &DataFolder, account: Account) -> Result<PathBuf> {
    let note = data.path("postgres-folder");
    let home = match fs::read_to_string(&note) {
        Ok(path) => PathBuf::from(path.trim()),
        Err(_) => choose_home(data, account)?,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(home.parent().unwrap_or(&home))
        .and_then(|()| match fs::DirBuilder::new().mode(0o700).create(&home) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        })
        .with_context(|| format!("cannot make {}", home.display()))?;
    account.own(&home)?;
    if let Some(barrier) = account.barrier(&home)? {
        bail!(
            "the user `postgres` can't pass {}: chmod o+x it, or give another folder with --data",
            barrier.display()
        );
    }
    fs::write(&note, format!("{}\n", home.display()))
        .with_context(|| format!("cannot write {}", note.display()))?;
    Ok(home)
}

fn choose_home(data: &DataFolder, account: Account) -> Result<PathBuf> {
    if let Some(barrier) = account.barrier(data.root())? {
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, data.root().as_os_str().as_encoded_bytes());
        let home = Path::new(FALLBACK).join(id.simple().to_string());
        eprintln!(
            "the user `postgres` can't pass {}, so the PostgreSQL cluster is in {}",
            barrier.display(),
            home.display()
        );
        return Ok(home);
    }
    Ok(data.path("postgres"))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(anyhow!("{} failed ({}): {}", program.display(), output.status, said.trim()))
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_cluster_is_made_once_and_keeps_its_data() {
        let scratch = tempfile::tempdir().unwrap();
        // Root's cluster belongs to another user, who must be able to come here.
        fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let data = DataFolder::create(&scratch.path().join("data")).unwrap();
        for folder in ["logs", "keys"] {
            data.folder(folder, 0o755).unwrap();
        }
        let ambient = Ambient::system();
        let cluster = Cluster::start(&data, false, &ambient).await.unwrap();
        let url = cluster.url_of(ServiceName::Search);
        sqlx::raw_sql("CREATE TABLE kept (id integer)")
            .execute(&mut databases::open(&url).await.unwrap())
            .await
            .unwrap();
        // As after a kill: the server goes on without a parent.
        std::mem::forget(cluster);
        let cluster = Cluster::start(&data, false, &ambient).await.unwrap();
        let mut open = databases::open(&cluster.url_of(ServiceName::Search)).await.unwrap();
        sqlx::raw_sql("SELECT id FROM kept").execute(&mut open).await.unwrap();
        drop(open);
        let port = cluster.port;
        cluster.stop().await;
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
