use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Databases;

/// Dumps a database as SQL, as an operator's backup does.
///
/// # Panics
/// When PostgreSQL's client programs are missing or fail.
pub async fn dump(url: &str, file: &Path) {
    run("pg_dump", vec!["--no-owner".into(), "--file".into(), file.into(), url.into()]).await;
}

/// Puts a dump in the place of the database of that URL: same name, same server, another history. Whoever is connected
/// is thrown out.
///
/// # Panics
/// When PostgreSQL's client programs are missing or fail.
pub async fn restore(databases: &Databases, url: &str, file: &Path) {
    let (_, name) = url.rsplit_once('/').unwrap();
    databases.execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    databases.execute(&format!("CREATE DATABASE {name}")).await;
    let arguments = ["--quiet", "--no-psqlrc", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--file"];
    let mut arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    arguments.extend([file.into(), url.into()]);
    run("psql", arguments).await;
}

async fn run(program: &'static str, arguments: Vec<PathBuf>) {
    let ran =
        tokio::task::spawn_blocking(move || Command::new(binary(program)).args(arguments).output()).await;
    let output = ran.unwrap().unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The program of the server that the tests run on, else the newest that is installed, else the path's.
fn binary(program: &str) -> PathBuf {
    if let Ok(folder) = std::env::var("TANDEM_TEST_POSTGRES_BIN") {
        return Path::new(&folder).join(program);
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|entry| entry.path()).max();
    newest.map_or_else(|| program.into(), |version| version.join("bin").join(program))
}
