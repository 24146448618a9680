use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use tandem_ambient::Ambient;
use tandem_change_feed::{Apply, Body, Change, ChangeKind};
use tandem_database::{Connection, Result};
use tandem_proto::customer::v1;
use tandem_proto::r#type::v1::ActorKind;
use uuid::Uuid;

use crate::domain::model::CustomerNote;
use crate::domain::notification::{Hub, of_customer_notes, tell};
use crate::store;
use crate::store::customer::Customer;
use crate::store::tag::Tag;

/// Follows customer-profile: languages, tags and contacts, which routing asks for.
pub struct CustomerFeed {
    pub ambient: Ambient,
    pub hub: Hub,
}

impl Apply for CustomerFeed {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[ChangeKind::Customer, ChangeKind::Tag, ChangeKind::Note]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        // A statement takes each row once: the newest state of each stays.
        let mut customers: HashMap<(Uuid, Uuid), Option<Customer>> = HashMap::new();
        let mut tags: BTreeMap<(Uuid, Uuid), Tag> = BTreeMap::new();
        let mut notes: BTreeMap<(Uuid, Uuid), Option<CustomerNote>> = BTreeMap::new();
        let mut erased: Vec<(Uuid, Uuid)> = Vec::new();
        for change in changes {
            let (Ok(tenant_id), Ok(id)) = (change.tenant_id.parse(), change.entity_id.parse()) else {
                tracing::warn!(entity_id = change.entity_id, "a change can't be read, passed over");
                continue;
            };
            if change.kind() == ChangeKind::Tag {
                if let Some(Body::Tag(tag)) = &change.body {
                    let merged_into = tag.merged_into_id.parse().ok();
                    let state =
                        Tag { tenant_id, id, merged_into, deleted: tag.deleted, version: tag.version };
                    tags.insert((tenant_id, id), state);
                }
                continue;
            }
            if change.kind() == ChangeKind::Note {
                let note = match &change.body {
                    Some(Body::Note(note)) => called(tenant_id, id, note),
                    _ => None,
                };
                notes.insert((tenant_id, id), note);
                continue;
            }
            if matches!(&change.body, Some(Body::Customer(customer)) if customer.erase_time.is_some()) {
                erased.push((tenant_id, id));
            }
            let state = match &change.body {
                Some(Body::Customer(customer)) => Some(Customer {
                    tenant_id,
                    id,
                    language: customer.language.clone(),
                    contact_ids: customer
                        .contacts
                        .iter()
                        .filter_map(|contact| contact.id.parse().ok())
                        .collect(),
                    tag_ids: customer.tag_ids.iter().filter_map(|tag_id| tag_id.parse().ok()).collect(),
                    version: customer.version,
                }),
                _ => None,
            };
            customers.insert((tenant_id, id), state);
        }
        let gone = customers.iter().filter(|(_, state)| state.is_none()).map(|(key, _)| *key);
        let gone: Vec<(Uuid, Uuid)> = gone.collect();
        let mut known: Vec<Customer> = customers.into_values().flatten().collect();
        // Locks in one order, whoever else applies.
        known.sort_unstable_by_key(|customer| (customer.tenant_id, customer.id));
        store::customer::remove(connection, &gone).await?;
        store::customer::upsert(connection, generation, &known).await?;
        store::tag::upsert(connection, generation, &tags.into_values().collect::<Vec<_>>()).await?;
        let deleted: Vec<(Uuid, Uuid)> =
            notes.iter().filter(|(_, note)| note.is_none()).map(|(key, _)| *key).collect();
        store::notification::blank(connection, &deleted).await?;
        let notes: Vec<CustomerNote> = notes.into_values().flatten().collect();
        let told = of_customer_notes(connection, &self.ambient, &notes).await?;
        if tell(connection, told).await? > 0 {
            self.hub.made();
        }
        let living: Vec<(Uuid, Uuid)> = notes.iter().map(|note| (note.tenant_id, note.id)).collect();
        store::notification::seen(connection, generation, &living).await?;
        store::erasure::customers(connection, &erased).await
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        store::tag::sweep(connection, generation).await?;
        store::notification::sweep(connection, generation).await?;
        store::customer::sweep(connection, generation).await
    }
}

/// A note of which somebody is to hear; one that can't be read is passed over.
fn called(tenant_id: Uuid, id: Uuid, note: &v1::Note) -> Option<CustomerNote> {
    let (edited, written) = (note.edit_time, note.create_time);
    let at = time(&edited.or(written)?)?;
    let subject = if edited.is_some() { &note.editor_subject } else { &note.author_subject };
    // The release before told no times of calls.
    let times = note.mention_times.iter().map(time).chain(std::iter::repeat(Some(at)));
    let calls = note.mention_agent_ids.iter().zip(times);
    Some(CustomerNote {
        tenant_id,
        id,
        customer_id: note.customer_id.parse().ok()?,
        by_ai: note.author_kind() == ActorKind::Ai && edited.is_none(),
        subject: subject.clone(),
        calls: calls.filter_map(|(id, at)| Some((id.parse().ok()?, at?))).collect(),
        text: note.text.clone(),
    })
}

fn time(at: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}
