//! `tandem search-key`: a key for the search service that can do what it needs, and no more.

use anyhow::{Context, Result};
use clap::Args;
use tandem_search::operate::make_key;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  MEILI_MASTER_KEY=… tandem search-key --url http://meilisearch:7700
  MEILI_MASTER_KEY=… tandem search-key --url http://meilisearch:7700 --prefix staging_

Prints a new key, and nothing else: give it to the service as search.meilisearch_key. It may search, write and delete documents,
make and delete indexes, set them up and see their tasks, for the indexes that begin with the prefix.")]
pub struct SearchKeyArgs {
    /// Where Meilisearch is
    #[arg(long, env = "MEILISEARCH_URL", value_name = "URL")]
    url: String,

    /// What the names of the indexes begin with, as in search.index_prefix
    #[arg(long, default_value = "tandem_", value_name = "PREFIX")]
    prefix: String,

    /// The master key of Meilisearch, or one that may make keys
    #[arg(long, env = "MEILI_MASTER_KEY", value_name = "KEY", hide_env_values = true)]
    master_key: String,
}

/// Runs the command.
pub async fn run(args: SearchKeyArgs) -> Result<()> {
    let key = make_key(&args.url, &args.master_key, &args.prefix).await.context("no key was made")?;
    println!("{key}");
    Ok(())
}
