//! Changes as states of the domain. What can't be read stops the feed: skipping it would lose a fact in silence.

use chrono::{DateTime, Utc};
use tandem_change_feed::Body;
use tandem_fault::Fault;
use tandem_proto::conversation::v1;
use tandem_proto::feed::v1::{Change, ChangeKind};
use tandem_proto::r#type::v1::ActorKind;
use uuid::Uuid;

use crate::domain::model::{Contact, Conversation};
use crate::domain::projection::States;
use crate::wire;

/// The newest state of each entity in a batch.
pub fn states(changes: &[Change]) -> Result<States, Fault> {
    let mut states = States::default();
    for change in changes {
        let key = (id(&change.tenant_id)?, id(&change.entity_id)?);
        match (change.kind(), &change.body) {
            (ChangeKind::Contact, Some(Body::Contact(body))) => {
                let contact = contact(body)?;
                let newest = states.contacts.entry(key).or_default();
                if newest.as_ref().is_none_or(|newest| newest.version <= contact.version) {
                    *newest = Some(contact);
                }
            }
            (ChangeKind::Contact, None) => {
                states.contacts.insert(key, None);
            }
            (ChangeKind::Conversation, Some(Body::Conversation(body))) => {
                let conversation = conversation(body)?;
                let newest = states.conversations.entry(key).or_default();
                if newest.as_ref().is_none_or(|newest| newest.version <= conversation.version) {
                    *newest = Some(conversation);
                }
            }
            (ChangeKind::Conversation, None) => {
                states.conversations.insert(key, None);
            }
            (ChangeKind::Message, Some(Body::Message(body))) if body.private => {
                states.private_notes.insert(((key.0, id(&body.conversation_id)?), body.position));
            }
            (ChangeKind::Message, Some(Body::Message(body))) => {
                if let Some((agent, at)) = answer(body)? {
                    let newest = states.answers.entry(((key.0, id(&body.contact_id)?), agent)).or_insert(at);
                    *newest = at.max(*newest);
                }
            }
            // Other messages are counted by their conversation's last position. One that is gone keeps its position.
            (ChangeKind::Message, _) => {}
            (kind, _) => return Err(Fault::internal(format!("a {} that is none", kind.as_str_name()))),
        }
    }
    Ok(states)
}

fn contact(body: &v1::Contact) -> Result<Contact, Fault> {
    Ok(Contact {
        id: id(&body.id)?,
        customer_id: id(&body.customer_id)?,
        channel_id: id(&body.channel_id)?,
        canonical_id: if body.canonical_id.is_empty() { None } else { Some(id(&body.canonical_id)?) },
        display_name: body.display_name.clone(),
        created_at: wire::time_of(body.create_time.as_ref()).ok_or_else(|| missing("create_time"))?,
        identities: body.identities.iter().map(wire::identity_of).collect(),
        version: body.version,
    })
}

fn conversation(body: &v1::Conversation) -> Result<Conversation, Fault> {
    let created_at = wire::time_of(body.create_time.as_ref()).ok_or_else(|| missing("create_time"))?;
    Ok(Conversation {
        id: id(&body.id)?,
        contact_id: id(&body.contact_id)?,
        created_at,
        last_activity_at: wire::time_of(body.last_activity_time.as_ref()).unwrap_or(created_at),
        last_position: body.last_position,
        version: body.version,
    })
}

/// The agent who wrote a message that the customer sees, and when.
fn answer(body: &v1::Message) -> Result<Option<(Uuid, DateTime<Utc>)>, Fault> {
    let Some(author) = body.author.as_ref().filter(|author| author.kind() == ActorKind::Agent) else {
        return Ok(None);
    };
    let at = wire::time_of(body.store_time.as_ref()).ok_or_else(|| missing("store_time"))?;
    Ok(Some((id(&author.id)?, at)))
}

fn id(text: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(text).map_err(|_| Fault::internal("a state on the feed has an id that is no UUID"))
}

fn missing(field: &str) -> Fault {
    Fault::internal(format!("a state on the feed has no {field}"))
}
