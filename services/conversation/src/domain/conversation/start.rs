use tandem_database::{Attempts, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::may_leave;
use crate::domain::Domain;
use crate::domain::channel::delete::or_gone;
use crate::domain::content::Content;
use crate::domain::ingest::contacts::{Book, Person};
use crate::domain::kinds::Status;
use crate::domain::model::{Holder, Identity};
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::{Draft, Work, fresh};
use crate::store;

#[derive(Debug, Clone)]
pub struct Start {
    pub request: Request,
    pub channel_id: Uuid,
    /// A known contact; else identities.
    pub contact_id: Option<Uuid>,
    pub identities: Vec<Identity>,
    pub display_name: String,
    pub contents: Vec<Content>,
}

impl Domain {
    /// Writes first. The conversation is the calling agent's from its first message on.
    pub async fn start(&self, viewer: &Viewer, start: Start) -> Result<Outcome> {
        let mut attempts = Attempts::default();
        let recorded = loop {
            match self.try_start(viewer, start.clone()).await {
                Err(error) if attempts.again(&error) => {}
                outcome => break outcome?,
            }
        };
        self.outcome(viewer, recorded).await
    }

    async fn try_start(&self, viewer: &Viewer, start: Start) -> Result<Recorded> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &start.request, now).await? {
            return Ok(first);
        }
        let tenant_id = viewer.tenant_id;
        let channel = store::channel::find_one(&mut tx, tenant_id, start.channel_id).await?;
        let channel = channel.filter(|channel| viewer.scope.covers(channel.id));
        let channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
        let actor = viewer.actor()?;
        let mut work = Work::new(&self.ambient, tenant_id, now);
        let mut book = None;
        let contact_id = match start.contact_id {
            Some(id) => {
                store::contact::lock(&mut tx, tenant_id, &[id]).await?;
                let contact = store::contact::find(&mut tx, tenant_id, &[id]).await?.pop();
                let contact = contact.filter(|contact| contact.channel_id == channel.id);
                let contact = contact.ok_or_else(|| Fault::not_found("contact"))?;
                if let Some(canonical) = contact.canonical_id {
                    return Err(Fault::new(Reason::NotFound, "the contact turned out to be another")
                        .with("contact_id", canonical)
                        .into());
                }
                if store::erasure::is_erased(&mut tx, tenant_id, id).await? {
                    return Err(Fault::new(Reason::Erased, "the contact was erased").into());
                }
                id
            }
            None => {
                // By the same rules as ingest.
                let person = Person {
                    channel_id: channel.id,
                    identities: &start.identities,
                    display_name: &start.display_name,
                    at: now,
                };
                let mut opened = Book::open(&mut tx, tenant_id, &[person]).await?;
                let id = opened.resolve(&self.ambient, person);
                let id = id.ok_or_else(|| Fault::invalid("identities", "must have a verified identity"))?;
                if !opened.aliased().is_empty() {
                    return Err(Fault::invalid("identities", "must be of one contact").into());
                }
                let rows = opened.write(&mut tx, tenant_id, now).await?;
                work.changed.extend(rows);
                book = Some(opened);
                id
            }
        };
        let current =
            store::conversation::current_of_contacts(&mut tx, tenant_id, &[contact_id]).await?.pop();
        let mut before = match current {
            Some((_, id)) => store::conversation::lock(&mut tx, tenant_id, &[id]).await?,
            None => Vec::new(),
        };
        if let Some(live) = before.iter().find(|conversation| conversation.status != Status::Closed) {
            return Err(Fault::new(Reason::ConversationLive, "the contact has a live conversation")
                .with("conversation_id", live.id)
                .into());
        }
        let id = self.ambient.id_at(now);
        let predecessor = before.first().map(|conversation| conversation.id);
        let holder = actor.id.map_or(Holder::AI, Holder::agent);
        let mut conversation = fresh(id, channel.id, contact_id, holder, predecessor, now);
        // The reply window counts from the customer's last message, whichever conversation it was in.
        conversation.last_customer_at = before.first().and_then(|conversation| conversation.last_customer_at);
        may_leave(&channel, &conversation, &start.contents, now)?;
        conversation.status = Status::Open;
        if let Some(before) = before.first_mut() {
            before.successor_id = Some(id);
        }
        work.started(&conversation, actor);
        for content in start.contents {
            work.reply(&mut conversation, Draft::now(actor, content, now), false);
        }
        let messages = work.messages.clone();
        let mut new = [conversation];
        work.persist(&mut tx, &mut new, &mut before).await.map_err(or_gone)?;
        if let Some(book) = &mut book {
            let rows = book.finish(&mut tx, tenant_id).await?;
            work.changed.extend(rows);
        }
        let written = work.publish(&mut tx, &new, &before).await?;
        let recorded = Recorded::new(id, &messages, written);
        request_log::record(&mut tx, &start.request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(recorded)
    }
}
