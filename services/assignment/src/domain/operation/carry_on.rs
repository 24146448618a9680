use chrono::TimeDelta;
use tandem_database::{Result, begin};

use super::step::{Step, step};
use crate::domain::App;
use crate::store;

/// Steps of one round.
const STEPS: usize = 20;
/// How long operations are kept after their end.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Operations that one tick forgets.
const MOST: i64 = 20;

/// Carries running operations on, step by step. One that waits for something leaves the
/// others their turn.
pub async fn carry_on(app: &App) -> Result<()> {
    let mut passed = Vec::new();
    for _ in 0..STEPS {
        match step(app, &passed).await? {
            Step::Nothing => break,
            Step::WentOn => {}
            Step::Waits(id) => passed.push(id),
        }
    }
    Ok(())
}

/// Forgets operations that ended long ago.
pub async fn forget(app: &App) -> Result<()> {
    let mut tx = begin(&app.pool).await?;
    store::operation::prune(&mut tx, app.ambient.now() - KEPT, MOST).await?;
    tx.commit().await?;
    Ok(())
}
