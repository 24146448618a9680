use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A service as a process of its own, for `kill -9` and freezes at the operating system's hand.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a binary of the workspace with settings from the environment. It lies beside the tests; `make test` builds
    /// it first.
    ///
    /// # Panics
    /// When the binary is not there.
    pub fn spawn(binary: &str, environment: &[(String, String)]) -> Self {
        let path = Self::path(binary);
        let child = Command::new(&path)
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{} cannot be started ({error}): run `cargo build` first", path.display())
            });
        Self { child }
    }

    /// Where a binary of the workspace lies: `target/<profile>/`, two levels above the test's own.
    pub fn path(binary: &str) -> PathBuf {
        let mut path = std::env::current_exe().unwrap();
        path.pop();
        if path.ends_with("deps") {
            path.pop();
        }
        path.join(binary)
    }

    /// `SIGKILL`: no handler runs, nothing is flushed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `SIGSTOP`: it stands still with everything that it holds.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// `SIGCONT`: it goes on as if nothing had been.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
