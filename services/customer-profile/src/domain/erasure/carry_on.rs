use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use tandem_change_feed::Freshness;
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tokio_util::sync::CancellationToken;

use super::{Erasure, State};
use crate::domain::model::Key;
use crate::domain::{Core, tell};
use crate::peer::Services as Peers;
use crate::store;

/// How often is looked for erasures that wait.
const EVERY: Duration = Duration::from_secs(2);
/// How long a process has an erasure without a word: longer than a step lasts.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How long a step waits for this service's own feed.
const OWN: Duration = Duration::from_secs(10);
/// Contacts that conversation takes in one call.
const CONTACTS: usize = 100;
/// Erasures of one round.
const MOST: usize = 100;

/// Who erases, and who has to show that it was done.
#[derive(Clone)]
pub struct Services {
    pub peers: Peers,
    pub freshness: Freshness,
}

/// Carries erasures on until `stop`.
pub async fn run(core: Core, services: Services, stop: CancellationToken) {
    let mut due = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.erasing.notified() => {}
            _ = due.tick() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            done = carry_on(&core, &services) => if let Err(error) = done {
                tracing::warn!(?error, "carrying erasures on failed, will try again");
            }
        }
    }
}

/// One round: each erasure goes on as far as it can. One that waits for something leaves the others their turn.
async fn carry_on(core: &Core, services: &Services) -> Result<()> {
    let mut passed = Vec::new();
    for _ in 0..MOST {
        let (lease, now) = (core.ambient.id(), core.ambient.now());
        let mut tx = begin(&core.pool).await?;
        let taken = store::erasure::take(&mut tx, lease, (now, now + LEASE), &passed).await?;
        tx.commit().await?;
        let Some(mut erasure) = taken else { return Ok(()) };
        match step(core, services, &mut erasure).await {
            Ok(()) => erasure.waits_for.clear(),
            Err(fault) => {
                tracing::debug!(%fault, erasure = %erasure.id, "an erasure waits");
                fault.reason.as_str().clone_into(&mut erasure.waits_for);
                passed.push(erasure.id);
            }
        }
        erasure.updated_at = core.ambient.now();
        let mut tx = begin(&core.pool).await?;
        store::erasure::give_back(&mut tx, &erasure, lease).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn step(core: &Core, services: &Services, erasure: &mut Erasure) -> Result<(), Fault> {
    match erasure.state {
        State::Conversations => conversations(core, services, erasure).await,
        State::Copies => copies(core, services, erasure).await,
        State::Done => Ok(()),
    }
}

/// Conversation erases some more of every contact.
async fn conversations(core: &Core, services: &Services, erasure: &mut Erasure) -> Result<(), Fault> {
    let (mut conversations, mut messages, mut left, mut token) = (0, 0, 0, String::new());
    for contact_ids in erasure.contact_ids.chunks(CONTACTS) {
        let part = services.peers.erase_contacts(erasure.tenant_id, contact_ids).await?;
        conversations += part.conversations_erased;
        messages += part.messages_erased;
        left += part.conversations_left;
        // The last one stands behind all before it.
        token = part.change_token;
    }
    (erasure.conversations_erased, erasure.messages_erased) = (conversations, messages);
    erasure.conversations_left = left;
    if left > 0 {
        return Ok(());
    }
    // What conversation told of the contacts meanwhile is here, and then their customers are told of once more.
    let here = services.freshness.wait(std::slice::from_ref(&token));
    let waited = tokio::time::timeout(OWN, here).await;
    waited.map_err(|_| Fault::new(Reason::DeadlineExceeded, "the feed is behind"))??;
    let own = tell_again(core, erasure).await?;
    erasure.tokens = vec![token, services.freshness.token(own)];
    erasure.state = State::Copies;
    Ok(())
}

/// A change behind everything that was written of the erased customers here.
async fn tell_again(
    core: &Core,
    erasure: &Erasure,
) -> Result<Option<tandem_change_feed::Written>, tandem_database::Error> {
    let keys: BTreeSet<Key> = erasure.customer_ids.iter().map(|id| (erasure.tenant_id, *id)).collect();
    let mut tx = begin(&core.pool).await?;
    store::customer::lock(&mut tx, &keys).await?;
    let versions = store::customer::touch(&mut tx, &keys, false).await?;
    let change = tell(&mut tx, &core.ambient, &versions).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(change.map(Into::into))
}

/// Every copy shows that it was done.
async fn copies(core: &Core, services: &Services, erasure: &mut Erasure) -> Result<(), Fault> {
    let shown = services.peers.await_changes(erasure.tenant_id, &erasure.tokens).await;
    if let Err(fault) = shown {
        if fault.reason == Reason::CursorGone {
            // Feeds were pruned or a database was restored: what is to be shown has to be said anew.
            erasure.state = State::Conversations;
            erasure.tokens = Vec::<String>::new();
        }
        return Err(fault);
    }
    erasure.state = State::Done;
    erasure.tokens.clear();
    erasure.ended_at = Some(core.ambient.now());
    Ok(())
}
