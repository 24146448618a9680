//! Between the domain and the messages of the API.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use tandem_proto::conversation::v1::Contact as WireContact;
use tandem_proto::customer::v1;
use tandem_proto::r#type::v1::ActorKind;
use tandem_proto::r#type::v1::Identity as WireIdentity;
use uuid::Uuid;

use crate::domain::address;
use crate::domain::attribute::Definition;
use crate::domain::merge::Merge;
use crate::domain::model::{Contact, Identity, Note, Profile, Revision, Tag, TagState};
use crate::domain::privacy::Merged;
use crate::domain::suggestion::{Reason, Suggestion};

/// A customer. One that was merged says so, and nothing else of itself.
pub fn customer(profile: &Profile) -> v1::Customer {
    v1::Customer {
        id: profile.id.to_string(),
        display_name: profile.display_name.clone(),
        name_corrected: profile.name_corrected,
        contacts: profile.contacts.iter().map(contact).collect(),
        language: profile.language.clone(),
        time_zone: profile.time_zone.clone(),
        company: profile.company.clone(),
        tag_ids: profile.tag_ids.iter().map(ToString::to_string).collect(),
        first_contact_time: profile.first_contact_at.map(time),
        last_contact_time: profile.last_contact_at.map(time),
        conversation_count: profile.conversation_count,
        message_count: profile.message_count,
        merged_into_id: profile.merged_into.map(|id| id.to_string()).unwrap_or_default(),
        etag: profile.etag(),
        version: profile.version,
        attributes: profile.attributes.clone().into_iter().collect(),
        category: profile.category.clone(),
        agent_ids: profile.agent_ids.iter().map(ToString::to_string).collect(),
        phones: addresses(profile, address::PHONE)
            .map(phone)
            .chain(imported(profile, address::PHONE).map(imported_phone))
            .collect(),
        emails: addresses(profile, address::EMAIL)
            .map(email)
            .chain(imported(profile, address::EMAIL).map(imported_email))
            .collect(),
        erase_time: profile.erased_at.map(time),
        import_ids: profile.import_ids.clone(),
    }
}

fn addresses(profile: &Profile, kind: i16) -> impl Iterator<Item = (&Contact, &Identity)> {
    let each = profile
        .contacts
        .iter()
        .flat_map(|contact| contact.identities.iter().map(move |identity| (contact, identity)));
    each.filter(move |(_, identity)| identity.kind == i32::from(kind))
}

/// What imports gave.
fn imported(profile: &Profile, kind: i16) -> impl Iterator<Item = &str> {
    let of_kind = profile.import_addresses.iter().filter(move |(each, _)| *each == kind);
    of_kind.map(|(_, sent)| sent.as_str())
}

fn imported_phone(sent: &str) -> v1::CustomerPhone {
    let e164 = address::e164(sent).unwrap_or_default();
    v1::CustomerPhone { sent: sent.to_owned(), e164, ..v1::CustomerPhone::default() }
}

fn imported_email(sent: &str) -> v1::CustomerEmail {
    v1::CustomerEmail { sent: sent.to_owned(), ..v1::CustomerEmail::default() }
}

fn phone((contact, identity): (&Contact, &Identity)) -> v1::CustomerPhone {
    v1::CustomerPhone {
        sent: identity.value.clone(),
        e164: address::e164(&identity.value).unwrap_or_default(),
        verified: identity.verified,
        contact_id: contact.id.to_string(),
    }
}

fn email((contact, identity): (&Contact, &Identity)) -> v1::CustomerEmail {
    v1::CustomerEmail {
        sent: identity.value.clone(),
        verified: identity.verified,
        contact_id: contact.id.to_string(),
    }
}

pub fn suggestion(suggestion: Suggestion) -> v1::MergeSuggestion {
    let evidence = suggestion.evidence.into_iter().map(|evidence| v1::SuggestionEvidence {
        reason: match evidence.reason {
            Reason::Phone => v1::SuggestionReason::SamePhone,
            Reason::Email => v1::SuggestionReason::SameEmail,
            Reason::ExternalId => v1::SuggestionReason::SameExternalId,
            Reason::NameAndCompany => v1::SuggestionReason::SameNameAndCompany,
        }
        .into(),
        value: evidence.value,
    });
    v1::MergeSuggestion {
        customer: Some(customer(&suggestion.customer)),
        other: Some(customer(&suggestion.other)),
        evidence: evidence.collect(),
    }
}

pub fn merge(merge: Merge) -> v1::Merge {
    let (undone_by, undone_at) = merge.undone.unzip();
    v1::Merge {
        id: merge.id.to_string(),
        survivor_id: merge.survivor_id.to_string(),
        merged_id: merge.merged_id.to_string(),
        by_subject: merge.by_subject,
        merge_time: Some(time(merge.merged_at)),
        undone_by_subject: undone_by.unwrap_or_default(),
        undo_time: undone_at.map(time),
    }
}

/// What a customer keeps that was merged into another.
pub fn merged(merged: Merged, into: Uuid) -> v1::Customer {
    v1::Customer {
        id: merged.id.to_string(),
        name_corrected: !merged.corrected_name.is_empty(),
        display_name: merged.corrected_name,
        language: merged.language,
        time_zone: merged.time_zone,
        company: merged.company,
        category: merged.category,
        attributes: merged.attributes.into_iter().collect(),
        merged_into_id: into.to_string(),
        ..v1::Customer::default()
    }
}

pub fn contact(contact: &Contact) -> WireContact {
    WireContact {
        id: contact.id.to_string(),
        channel_id: contact.channel_id.to_string(),
        canonical_id: contact.canonical_id.map(|id| id.to_string()).unwrap_or_default(),
        customer_id: contact.customer_id.to_string(),
        identities: contact.identities.iter().map(identity).collect(),
        display_name: contact.display_name.clone(),
        create_time: Some(time(contact.created_at)),
        version: contact.version,
    }
}

fn identity(identity: &Identity) -> WireIdentity {
    WireIdentity { kind: identity.kind, value: identity.value.clone(), verified: identity.verified }
}

pub fn identity_of(wire: &WireIdentity) -> Identity {
    Identity { kind: wire.kind, value: wire.value.clone(), verified: wire.verified }
}

pub fn tag(tag: Tag) -> v1::Tag {
    v1::Tag {
        etag: tag.etag(),
        id: tag.id.to_string(),
        name: tag.name,
        description: tag.description,
        colour: tag.colour,
        customer_count: tag.customers,
        count_exact: tag.exact,
        version: tag.version,
        ..v1::Tag::default()
    }
}

/// As followers keep it: how many carry it is not told.
pub fn tag_state(state: TagState) -> v1::Tag {
    v1::Tag {
        id: state.id.to_string(),
        name: state.name,
        description: state.description,
        colour: state.colour,
        merged_into_id: state.merged_into.map(|id| id.to_string()).unwrap_or_default(),
        deleted: state.deleted,
        version: state.version,
        ..v1::Tag::default()
    }
}

/// A note as the feed tells of it: who follows it tells each agent once.
pub fn note_state(note: Note) -> v1::Note {
    let mention_times = note.mentioned_at().map(time).collect();
    v1::Note { mention_times, ..self::note(note) }
}

pub fn note(note: Note) -> v1::Note {
    let author = if note.by_ai { ActorKind::Ai } else { ActorKind::Agent };
    v1::Note {
        etag: note.etag(),
        id: note.id.to_string(),
        customer_id: note.customer_id.to_string(),
        text: note.text,
        author_subject: note.author_subject,
        create_time: Some(time(note.created_at)),
        author_kind: author.into(),
        mention_agent_ids: note.mention_agent_ids.iter().map(Uuid::to_string).collect(),
        pin_time: note.pinned_at.map(time),
        edit_time: note.edited_at.map(time),
        editor_subject: note.edited_by.unwrap_or_default(),
        mention_times: Vec::new(),
    }
}

pub fn revision(revision: Revision) -> v1::NoteRevision {
    v1::NoteRevision {
        note_id: revision.note_id.to_string(),
        customer_id: revision.customer_id.to_string(),
        number: revision.number,
        text: revision.text,
        author_subject: revision.written_by,
        create_time: Some(time(revision.written_at)),
        end_subject: revision.ended_by,
        end_time: Some(time(revision.ended_at)),
        deleted: revision.is_last,
    }
}

pub fn definition(definition: Definition) -> v1::AttributeDefinition {
    v1::AttributeDefinition {
        id: definition.id.to_string(),
        key: definition.key,
        title: definition.title,
        r#type: definition.kind.number().into(),
        options: definition.options,
        create_time: Some(time(definition.created_at)),
        etag: definition.version.to_string(),
    }
}

pub fn time(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos().cast_signed() }
}

pub fn time_of(wire: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let wire = wire?;
    DateTime::from_timestamp(wire.seconds, u32::try_from(wire.nanos).ok()?)
}
