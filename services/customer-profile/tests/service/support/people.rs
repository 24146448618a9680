//! Builders of what conversation tells.

use prost_types::Timestamp;
use tandem_proto::conversation::v1::{Contact, Conversation, Message};
use tandem_proto::feed::v1::change::Body;
use tandem_proto::feed::v1::{Change, ChangeKind};
use tandem_proto::r#type::v1::{Actor, ActorKind, Identity, IdentityKind};
use uuid::Uuid;

use super::Harness;

/// One person on one channel.
#[derive(Debug, Clone)]
pub struct Person {
    pub tenant: Uuid,
    pub contact: Uuid,
    pub customer: Uuid,
    pub state: Contact,
}

impl Person {
    /// Somebody new in [`Harness::tenant`], who first wrote at second `at`.
    pub fn new(harness: &Harness, name: &str, at: i64) -> Self {
        Self::of(harness, harness.tenant, harness.ambient.id(), name, at)
    }

    pub fn of(harness: &Harness, tenant: Uuid, channel: Uuid, name: &str, at: i64) -> Self {
        let (contact, customer) = (harness.ambient.id(), harness.ambient.id());
        let state = Contact {
            id: contact.to_string(),
            channel_id: channel.to_string(),
            canonical_id: String::new(),
            customer_id: customer.to_string(),
            identities: Vec::new(),
            display_name: name.to_owned(),
            create_time: Some(Timestamp { seconds: at, nanos: 0 }),
            version: 1,
        };
        Self { tenant, contact, customer, state }
    }

    pub fn with(mut self, identity: Identity) -> Self {
        self.state.identities.push(identity);
        self
    }

    /// The next version, changed.
    pub fn then(&self, change: impl FnOnce(&mut Contact)) -> Self {
        let mut next = self.clone();
        next.state.version += 1;
        change(&mut next.state);
        next
    }

    pub fn change(&self) -> Change {
        Change {
            seq: 0,
            tenant_id: self.tenant.to_string(),
            entity_id: self.contact.to_string(),
            kind: ChangeKind::Contact.into(),
            body: Some(Body::Contact(self.state.clone())),
        }
    }
}

/// A conversation that has reached a position, active since second `at`.
pub fn conversation(tenant: Uuid, id: Uuid, contact: Uuid, position: i64, at: i64) -> Change {
    let state = Conversation {
        id: id.to_string(),
        contact_id: contact.to_string(),
        create_time: Some(Timestamp { seconds: 1_000, nanos: 0 }),
        last_activity_time: Some(Timestamp { seconds: at, nanos: 0 }),
        last_position: position,
        version: position + 1,
        ..Conversation::default()
    };
    Change {
        seq: 0,
        tenant_id: tenant.to_string(),
        entity_id: id.to_string(),
        kind: ChangeKind::Conversation.into(),
        body: Some(Body::Conversation(state)),
    }
}

pub fn message(tenant: Uuid, conversation: Uuid, position: i64, private: bool) -> Change {
    // The same message always has the same id.
    let id = Uuid::from_u128(conversation.as_u128().wrapping_add(u128::from(position.unsigned_abs())));
    let state = Message {
        id: id.to_string(),
        conversation_id: conversation.to_string(),
        position,
        private,
        version: 1,
        ..Message::default()
    };
    Change {
        seq: 0,
        tenant_id: tenant.to_string(),
        entity_id: id.to_string(),
        kind: ChangeKind::Message.into(),
        body: Some(Body::Message(state)),
    }
}

/// What an agent answered a contact, stored at second `at`.
pub fn answer(
    tenant: Uuid,
    conversation: Uuid,
    position: i64,
    contact: Uuid,
    agent: Uuid,
    at: i64,
) -> Change {
    let mut change = message(tenant, conversation, position, false);
    if let Some(Body::Message(state)) = &mut change.body {
        state.contact_id = contact.to_string();
        state.author =
            Some(Actor { kind: ActorKind::Agent.into(), id: agent.to_string(), ..Actor::default() });
        state.store_time = Some(Timestamp { seconds: at, nanos: 0 });
    }
    change
}

/// The same entity, no longer there.
pub fn gone(change: &Change) -> Change {
    Change { body: None, ..change.clone() }
}

pub fn external(value: &str) -> Identity {
    Identity { kind: IdentityKind::ExternalId.into(), value: value.to_owned(), verified: true }
}

pub fn claimed(value: &str) -> Identity {
    Identity { verified: false, ..external(value) }
}

pub fn phone(value: &str) -> Identity {
    Identity { kind: IdentityKind::Phone.into(), value: value.to_owned(), verified: true }
}

/// An e-mail address that somebody only says is theirs.
pub fn email(value: &str) -> Identity {
    Identity { kind: IdentityKind::Email.into(), value: value.to_owned(), verified: false }
}
