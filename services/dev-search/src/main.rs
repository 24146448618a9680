//! A small stand-in for a Meilisearch server, for development and tests: the part of its HTTP API that Tandem's search
//! service uses, with Meilisearch's own engine inside. Nothing is linked against it, and nobody deploys it.
//!
//! `server` speaks HTTP, `queue` keeps writes in order and safe, `engine` indexes and searches.

mod engine;
mod error;
mod queue;
mod server;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::engine::Engine;
use crate::queue::Queue;
use crate::server::Keys;

/// Seconds that requests in flight have to end.
const DRAIN: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A development stand-in for Meilisearch. Not for production: run a real Meilisearch there.
///
/// Serves the part of Meilisearch 1.15's HTTP API that Tandem's search service uses, with Meilisearch's own engine
/// inside. Logs go to stderr (`RUST_LOG` sets how much). When it is ready, one line on stdout tells its address.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:7700")]
    addr: SocketAddr,

    /// Folder of the indexes and of writes not yet done; made if it is missing
    #[arg(long, default_value = "dev-search-data")]
    data_dir: PathBuf,

    /// Key that every request but `/health` must carry as a bearer token, or one that was made with it
    #[arg(long, env = "MEILI_MASTER_KEY", hide_env_values = true)]
    master_key: Option<String>,

    /// Writes that may wait; more are refused with 503
    #[arg(long, default_value_t = 1000)]
    max_queue: usize,

    /// Stop when stdin ends, so that this never outlives the program that started it
    #[arg(long)]
    die_with_parent: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,milli_core=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot serve");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism()?.get();
    let stopping = Arc::new(AtomicBool::new(false));
    let engine = Arc::new(Engine::open(&options.data_dir.join("indexes"), threads, stopping.clone())?);
    let queue = Arc::new(Queue::open(
        &options.data_dir.join("tasks"),
        options.max_queue,
        engine.last_applied(),
        stopping,
    )?);
    let worker = {
        let (queue, engine) = (queue.clone(), engine.clone());
        std::thread::Builder::new().name("tasks".to_owned()).spawn(move || queue.run(&engine))?
    };
    let keys =
        options.master_key.map(|key| Keys::open(key, options.data_dir.join("keys.json"))).transpose()?;
    let app = server::router(engine, queue.clone(), keys, threads);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(app, options.addr, options.die_with_parent));
    // A search that outlasts the drain ends by itself at its cut-off; nobody waits for its answer.
    runtime.shutdown_background();
    queue.stop();
    worker.join().map_err(|_| "the thread of the tasks panicked")?;
    served
}

async fn serve(app: axum::Router, addr: SocketAddr, die_with_parent: bool) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = TcpListener::bind(addr).await?;
    let address = listener.local_addr()?;
    {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "listening on http://{address}")?;
        stdout.flush()?;
    }
    if die_with_parent {
        watch_stdin(stop.clone())?;
    }
    let server = tokio::spawn({
        let stop = stop.clone();
        let server = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        async move { server.await }
    });
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stop.cancelled() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
    match tokio::time::timeout(DRAIN, server).await {
        Ok(ended) => Ok(ended??),
        Err(_) => {
            tracing::warn!("requests were still running at the end of the drain");
            Ok(())
        }
    }
}

/// A thread of its own: a pending read of stdin would hold up the end of the runtime.
fn watch_stdin(stop: CancellationToken) -> std::io::Result<()> {
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut byte = [0];
        // Whatever the parent writes is ignored; an error ends the watch as an end would.
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        stop.cancel();
    })?;
    Ok(())
}
