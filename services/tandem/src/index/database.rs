use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use sqlx::PgConnection;
use tandem_search::operate::INDEXES;

use crate::connection::{Connection, ServiceName};
use crate::postgres::open;

/// Which indexes, and where the search service keeps what it knows of them.
#[derive(Debug, Args)]
pub struct IndexArgs {
    /// Which indexes; all when none is named
    #[arg(value_name = "INDEX", value_parser = INDEXES)]
    indexes: Vec<String>,

    /// The database of search, such as postgres://user:password@host/tandem_search
    #[arg(long, value_name = "URL", env = "TANDEM_SEARCH_DATABASE_URL", hide_env_values = true)]
    search_url: Option<String>,

    /// The data folder of `tandem up`, for the address that is not given
    #[arg(long, env = "TANDEM_DATA", default_value = ".tandem", value_name = "DIR")]
    data: PathBuf,
}

impl IndexArgs {
    /// Those that are named.
    pub fn indexes(&self) -> impl Iterator<Item = &'static str> {
        let named = |name: &&str| self.indexes.is_empty() || self.indexes.iter().any(|index| index == name);
        INDEXES.into_iter().filter(named)
    }

    pub async fn open(&self) -> Result<PgConnection> {
        let known =
            || Connection::load(&self.data).ok()?.services.get(&ServiceName::Search)?.database.clone();
        let Some(url) = self.search_url.clone().or_else(known) else {
            bail!("no database address of search: give --search-url, its variable, or --data");
        };
        open(&url).await.context("the database of search does not answer")
    }
}

pub fn told(error: tandem_database::Error) -> anyhow::Error {
    anyhow!("the database of search can't be asked: {error:?}")
}
