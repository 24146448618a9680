//! The development stand-in for Meilisearch, as a child process.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tandem_ambient::Ambient;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::connection::MeilisearchAddress;
use crate::folder::{DataFolder, random_secret};

const PROGRAM: &str = "tandem-dev-search";
/// What it says on standard output when it is ready.
const READY: &str = "listening on ";
/// How long it may take to open its indexes, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running stand-in. It ends when its standard input does, also when this process is killed.
#[derive(Debug)]
pub struct DevSearch {
    child: Child,
    input: Option<ChildStdin>,
    pub address: MeilisearchAddress,
}

impl DevSearch {
    /// # Errors
    /// When the program is not built: says how to; when it does not start: names its log.
    pub async fn start(data: &DataFolder, ambient: &Ambient) -> Result<Self> {
        let program = program()?;
        let key = data.secret("keys/search-key", || random_secret(ambient))?;
        let log = data.logs().join("dev-search.log");
        let log_file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(&program)
            .args(["--addr", "127.0.0.1:0", "--die-with-parent", "--data-dir"])
            .arg(data.path("search"))
            .env("MEILI_MASTER_KEY", &key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // Ctrl-C is for us: it ends after the services that use it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the stand-in has no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let first = timeout(PATIENCE, lines.next_line()).await;
        let Ok(Ok(Some(line))) = first else {
            bail!("{PROGRAM} did not start; its log is {}", log.display());
        };
        let Some(url) = line.strip_prefix(READY) else { bail!("{PROGRAM} said `{line}`") };
        let address = MeilisearchAddress { url: url.trim().to_owned(), key };
        // Whatever else it says is read, so that it never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, input, address })
    }

    /// Ends it, and waits for its end.
    pub async fn stop(mut self) {
        drop(self.input.take());
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// Beside this program, where cargo puts both; beside its folder for tests, whose programs lie one deeper.
fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("TANDEM_DEV_SEARCH") {
        return Ok(named.into());
    }
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let found =
        own.ancestors().skip(1).take(2).map(|folder| folder.join(PROGRAM)).find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "{PROGRAM} is not beside {}: build it with `cargo build --package {PROGRAM}`, name it in TANDEM_DEV_SEARCH, \
             or set MEILISEARCH_URL (and MEILISEARCH_KEY) to use a real Meilisearch",
            own.display()
        )
    })
}
