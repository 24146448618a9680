use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::goals::Updates;
use crate::domain::viewer::Viewer;
use crate::store;
use crate::store::label::Label;

/// Labels that may have become one: what a filter by it compares with.
const MOST_IN_ONE: usize = 200;
/// Conversations that a merge reads at most, to count those that carry both labels once.
const MOST_COUNTED: i64 = 10_000;

impl Domain {
    /// Makes one label another: a pointer, which every read follows. Merging again changes nothing.
    pub async fn merge_labels(
        &self,
        viewer: &Viewer,
        request: Request,
        label_id: Uuid,
        into_id: Uuid,
    ) -> Result<Label> {
        let mut tx = begin(&self.pool).await?;
        if request_log::claim::<()>(&mut tx, &request, self.ambient.now()).await?.is_none() {
            store::label::hold_alone(&mut tx, viewer.tenant_id).await?;
            let going = store::label::find(&mut tx, viewer.tenant_id, label_id).await?;
            let staying = store::label::find(&mut tx, viewer.tenant_id, into_id).await?;
            let (Some(going), Some(staying)) = (going, staying) else {
                return Err(Fault::not_found("label").into());
            };
            if going.id != staying.id {
                join(&mut tx, viewer.tenant_id, &going, &staying).await?;
                for tenant in store::tenant::find(&mut tx, &[viewer.tenant_id]).await? {
                    self.tell_tenant(&mut tx, &tenant).await?;
                }
            }
            request_log::record(&mut tx, &request, &()).await?;
        }
        tx.commit().await?;
        self.sequencer.wake();
        self.label(viewer, into_id).await
    }
}

async fn join(connection: &mut Connection, tenant_id: Uuid, going: &Label, staying: &Label) -> Result<()> {
    let goals = store::goals::find(connection, tenant_id).await?;
    let updates = Updates::read(connection, tenant_id, &goals).await?;
    if updates.asked_by(going.id) || updates.asked_by(staying.id) {
        store::due::ask_anew(connection, tenant_id).await?;
    }
    let mut groups = store::label::groups(connection, tenant_id, &[going.id, staying.id]).await?;
    let gone = groups.remove(&going.id).unwrap_or_default();
    let kept = groups.remove(&staying.id).unwrap_or_default();
    if gone.len() + kept.len() > MOST_IN_ONE {
        let fault = Fault::new(Reason::LimitReached, "at most 200 labels become one");
        return Err(fault.with("limit", MOST_IN_ONE).into());
    }
    let fewer = going.conversations.min(staying.conversations);
    let (count, exact) = if !going.exact || !staying.exact || fewer > MOST_COUNTED {
        (going.conversations.max(staying.conversations), false)
    } else if fewer == 0 {
        (going.conversations + staying.conversations, true)
    } else {
        let (small, large) =
            if going.conversations <= staying.conversations { (&gone, &kept) } else { (&kept, &gone) };
        let both = store::label::in_both(connection, tenant_id, small, large).await?;
        (going.conversations + staying.conversations - both, true)
    };
    store::label::merge(connection, tenant_id, &gone, staying.id).await?;
    store::label::set_count(connection, tenant_id, staying.id, count, exact).await?;
    store::label::set_count(connection, tenant_id, going.id, 0, true).await
}
