use tandem_database::{Connection, Result};

use super::States;
use crate::store;

/// Takes in who answered whom.
pub async fn apply(connection: &mut Connection, generation: i64, states: &States) -> Result<()> {
    if states.answers.is_empty() {
        return Ok(());
    }
    store::agent::answered(connection, generation, &states.answers).await
}

/// Forgets what a rebuild did not see.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    store::agent::remove_older_than(connection, generation).await
}
