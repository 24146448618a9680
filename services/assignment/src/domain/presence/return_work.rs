use tandem_database::{Result, begin};

use crate::domain::App;
use crate::domain::kinds::OperationKind;
use crate::domain::model::Actor;
use crate::domain::operation;
use crate::store;

/// Agents whose work one tick begins to return.
const MOST: i64 = 20;

/// Begins to return what absent agents hold, where their teams' rules say that they were absent long enough.
pub async fn return_work(app: &App) -> Result<()> {
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    let absent = store::presence::take_due(&mut tx, now, MOST).await?;
    let new = store::operation::New {
        kind: OperationKind::ReturnWork,
        to: None,
        force: false,
        actor: Actor::SYSTEM,
        note: "",
        at: now,
    };
    operation::begin_each(&mut tx, &app.ambient, &new, &absent).await?;
    tx.commit().await?;
    Ok(())
}
