use tandem_database::{Connection, Error, Failure, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::folded;
use crate::domain::Domain;
use crate::domain::goals::LabelGoal;
use crate::domain::viewer::Viewer;
use crate::store;
use crate::store::label::Label;

impl Domain {
    /// Gives a label of a version another name: one row, whatever carries it.
    pub async fn rename_label(
        &self,
        viewer: &Viewer,
        request: Request,
        label_id: Uuid,
        name: &str,
        version: i64,
    ) -> Result<Label> {
        let mut tx = begin(&self.pool).await?;
        if request_log::claim::<()>(&mut tx, &request, self.ambient.now()).await?.is_none() {
            store::label::hold_alone(&mut tx, viewer.tenant_id).await?;
            let label = store::label::find(&mut tx, viewer.tenant_id, label_id).await?;
            let label = Label { version, ..label.ok_or_else(|| Fault::not_found("label"))? };
            let name = name.trim();
            let renamed = store::label::rename(&mut tx, viewer.tenant_id, &label, name, &folded(name)).await;
            if !renamed.map_err(taken)? {
                return Err(Fault::new(Reason::EtagMismatch, "the label changed since it was read").into());
            }
            keep_goal(&mut tx, viewer.tenant_id, &label.folded, name).await?;
            request_log::record(&mut tx, &request, &()).await?;
        }
        tx.commit().await?;
        self.label(viewer, label_id).await
    }
}

/// A label's goal is its own under the new name; and a goal may have been waiting for that name.
async fn keep_goal(connection: &mut Connection, tenant_id: Uuid, before: &str, name: &str) -> Result<()> {
    let mut goals = store::goals::find(connection, tenant_id).await?;
    let is = |goal: &LabelGoal, name: &str| folded(&goal.label) == name;
    let now = folded(name);
    if goals.labels.iter().any(|goal| is(goal, before)) {
        goals.labels.retain(|goal| is(goal, before) || !is(goal, &now));
        for goal in goals.labels.iter_mut().filter(|goal| is(goal, before)) {
            name.clone_into(&mut goal.label);
        }
        if !store::goals::save(connection, tenant_id, &goals).await? {
            return Err(Fault::new(Reason::EtagMismatch, "the goals changed at the same time").into());
        }
    } else if goals.labels.iter().any(|goal| is(goal, &now)) {
        store::due::ask_anew(connection, tenant_id).await?;
    }
    Ok(())
}

/// A name that another label has, or had before it was merged.
fn taken(error: Error) -> Error {
    if error.failure() == Failure::Race && error.constraint() == Some("label_tenant_id_folded_key") {
        return Fault::new(Reason::AlreadyExists, "another label has, or had, this name").into();
    }
    error
}
