use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tandem_database::{Attempts, Result, begin as transaction};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::{Erasure, State};
use crate::domain::merge::{hold, settle, surroundings};
use crate::domain::model::Key;
use crate::domain::profile::find;
use crate::domain::scope::Scope;
use crate::domain::{Change, Core, tell};
use crate::store;

/// A person to erase.
#[derive(Debug, Clone)]
pub struct Erase {
    pub request: request_log::Request,
    pub customer_id: Uuid,
    pub by_subject: String,
}

/// An erasure, and what the profile's end wrote.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Begun {
    pub erasure: Erasure,
    pub change: Option<Change>,
}

/// Empties a person's profile, and leaves the rest to be carried on. Of one that was erased: that erasure.
///
/// # Errors
/// `NOT_FOUND`, `REQUEST_ID_REUSED`.
pub async fn begin(core: &Core, asked: &Erase) -> Result<Begun> {
    let mut attempts = Attempts::default();
    loop {
        match try_begin(core, asked).await {
            Err(error) if attempts.again(&error) => {}
            outcome => return outcome,
        }
    }
}

async fn try_begin(core: &Core, asked: &Erase) -> Result<Begun> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = transaction(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &asked.request, now).await? {
        return Ok(first);
    }
    hold(&mut tx, &[tenant].into()).await?;
    let root = (tenant, find(&mut tx, (tenant, asked.customer_id), &Scope::All).await?);
    if let Some(erasure) = store::erasure::of_customer(&mut tx, root).await? {
        let begun = Begun { erasure, change: None };
        request_log::record(&mut tx, &asked.request, &begun).await?;
        tx.commit().await?;
        return Ok(begun);
    }
    let members = store::customer::members(&mut tx, root).await?;
    let keys: BTreeSet<Key> = members.iter().map(|id| (tenant, *id)).collect();
    // Before the customers, as who edits a note.
    store::erasure::lock_notes(&mut tx, &keys).await?;
    let around = surroundings(&mut tx, &[root].into()).await?;
    store::customer::lock(&mut tx, &around).await?;
    let contacts = store::contact::of_customers(&mut tx, &keys).await?;
    let erasure = Erasure {
        tenant_id: tenant,
        id: core.ambient.id_at(now),
        customer_id: root.1,
        customer_ids: members,
        contact_ids: contacts.into_iter().map(|(_, contact)| contact.id).collect(),
        state: State::Conversations,
        tokens: Vec::new(),
        conversations_erased: 0,
        messages_erased: 0,
        conversations_left: 0,
        waits_for: String::new(),
        by_subject: asked.by_subject.clone(),
        created_at: now,
        updated_at: now,
        ended_at: None,
    };
    store::erasure::insert(&mut tx, &erasure).await?;
    store::erasure::empty(&mut tx, &keys, erasure.id, now).await?;
    settle(&mut tx, &core.ambient, &keys).await?;
    // Of each, also of those who only pointed to another: copies know them by their own ids.
    let versions = store::customer::touch(&mut tx, &keys, false).await?;
    let change = tell(&mut tx, &core.ambient, &versions).await?;
    let begun = Begun { erasure, change };
    request_log::record(&mut tx, &asked.request, &begun).await?;
    tx.commit().await?;
    core.sequencer.wake();
    core.erasing.notify_one();
    Ok(begun)
}
