//! The writes of a conversation's life: snoozing, priority, read positions, and many at once.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::bulk_result::Outcome;
use tandem_proto::conversation::v1::bulk_update_conversations_request::Change as Wanted;
use tandem_proto::r#type::v1::ErrorReason;

use super::{Rpc, convert, parse};
use crate::domain::conversation::bulk::{Bulk, Change, Refused};
use crate::domain::conversation::snooze::Snooze;
use crate::domain::kinds::Priority;
use crate::domain::viewer::Viewer;

type Answer<T> = Result<T, tonic::Status>;

impl Rpc {
    pub(super) async fn snooze(
        &self,
        viewer: Viewer,
        request: proto::SnoozeConversationRequest,
    ) -> Answer<proto::SnoozeConversationResponse> {
        let mut v = Violations::new();
        let body = proto::SnoozeConversationRequest { request_id: String::new(), ..request.clone() };
        let tenant_id = viewer.tenant_id;
        let named = parse::request(&mut v, tenant_id, "SnoozeConversation", &request.request_id, &body);
        let conversation_id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        let until = until(&mut v, "until", request.until);
        parse::text(&mut v, "note", &request.note, 0..=2_000);
        v.finish()?;
        let snooze = Snooze { request: named, conversation_id, until, note: request.note };
        let outcome = self.domain.snooze(&viewer, snooze).await?;
        let (conversation, change_token) = (Some(convert::full(outcome.row)), outcome.change_token);
        Ok(proto::SnoozeConversationResponse { conversation, change_token })
    }

    pub(super) async fn wake(
        &self,
        viewer: Viewer,
        request: proto::WakeConversationRequest,
    ) -> Answer<proto::WakeConversationResponse> {
        let mut v = Violations::new();
        let body = proto::WakeConversationRequest { request_id: String::new(), ..request.clone() };
        let tenant_id = viewer.tenant_id;
        let named = parse::request(&mut v, tenant_id, "WakeConversation", &request.request_id, &body);
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        v.finish()?;
        let outcome = self.domain.wake(&viewer, named, id).await?;
        let (conversation, change_token) = (Some(convert::full(outcome.row)), outcome.change_token);
        Ok(proto::WakeConversationResponse { conversation, change_token })
    }

    pub(super) async fn prioritise(
        &self,
        viewer: Viewer,
        request: proto::SetPriorityRequest,
    ) -> Answer<proto::SetPriorityResponse> {
        let mut v = Violations::new();
        let body = proto::SetPriorityRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "SetPriority", &request.request_id, &body);
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        let priority = parse::kind(&mut v, "priority", request.priority, Priority::from_number);
        v.finish()?;
        let priority = priority.unwrap_or(Priority::Normal);
        let outcome = self.domain.set_priority(&viewer, named, id, priority).await?;
        let (conversation, change_token) = (Some(convert::full(outcome.row)), outcome.change_token);
        Ok(proto::SetPriorityResponse { conversation, change_token })
    }

    pub(super) async fn unread(
        &self,
        viewer: Viewer,
        request: proto::MarkUnreadRequest,
    ) -> Answer<proto::MarkUnreadResponse> {
        let mut v = Violations::new();
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        v.finish()?;
        Ok(proto::MarkUnreadResponse { unread: self.domain.mark_unread(&viewer, id).await? })
    }

    pub(super) async fn bulk(
        &self,
        viewer: Viewer,
        request: proto::BulkUpdateConversationsRequest,
    ) -> Answer<proto::BulkUpdateConversationsResponse> {
        let mut v = Violations::new();
        let body = proto::BulkUpdateConversationsRequest { request_id: String::new(), ..request.clone() };
        let tenant_id = viewer.tenant_id;
        let named = parse::request(&mut v, tenant_id, "BulkUpdateConversations", &request.request_id, &body);
        let most = "must be 1 to 100 ids";
        v.check((1..=100).contains(&request.conversation_ids.len()), "conversation_ids", most);
        let ids = &request.conversation_ids[..request.conversation_ids.len().min(100)];
        let conversation_ids = parse::ids(&mut v, "conversation_ids", ids, 100);
        let mut seen = BTreeSet::new();
        for (at, id) in conversation_ids.iter().enumerate().filter(|(_, id)| !id.is_nil()) {
            v.check(seen.insert(*id), &format!("conversation_ids[{at}]"), "must be given once");
        }
        let change = change(&mut v, request.change);
        v.finish()?;
        let change = change.ok_or_else(|| Violations::new().into_fault())?;
        let bulk = Bulk { request: named, conversation_ids, change };
        let (results, change_token) = self.domain.bulk(&viewer, bulk).await?;
        let results = results
            .into_iter()
            .map(|(id, result)| proto::BulkResult {
                conversation_id: id.to_string(),
                outcome: Some(match result {
                    Ok(row) => Outcome::Updated(convert::full(*row)),
                    Err(why) => Outcome::Refused(refused(why)),
                }),
            })
            .collect();
        Ok(proto::BulkUpdateConversationsResponse { results, change_token })
    }
}

/// A time that must be given.
fn until(v: &mut Violations, field: &str, value: Option<prost_types::Timestamp>) -> DateTime<Utc> {
    v.check(value.is_some(), field, "must be set");
    parse::time(v, field, value).unwrap_or_default()
}

/// Names of labels to put on and to take off.
pub(super) fn names(v: &mut Violations, prefix: &str, add: &[String], remove: &[String]) {
    for (field, names) in [("add", add), ("remove", remove)] {
        v.check(names.len() <= 20, &format!("{prefix}{field}"), "must be at most 20 names");
        for (at, name) in names.iter().enumerate() {
            parse::text(v, &format!("{prefix}{field}[{at}]"), name.trim(), 1..=64);
        }
    }
    let nothing = add.is_empty() && remove.is_empty();
    v.check(!nothing, &format!("{prefix}add"), "must add or remove something");
}

fn change(v: &mut Violations, wanted: Option<Wanted>) -> Option<Change> {
    match wanted {
        None => {
            v.add("change", "must be set");
            None
        }
        Some(Wanted::Close(close)) => {
            parse::text(v, "close.reason", &close.reason, 0..=200);
            Some(Change::Close { reason: close.reason })
        }
        Some(Wanted::Labels(labels)) => {
            names(v, "labels.", &labels.add, &labels.remove);
            Some(Change::Labels { add: labels.add, remove: labels.remove })
        }
        Some(Wanted::Priority(priority)) => {
            parse::kind(v, "priority", priority, Priority::from_number).map(Change::Priority)
        }
        Some(Wanted::MarkRead(_)) => Some(Change::MarkRead),
        Some(Wanted::Snooze(snooze)) => {
            let until = until(v, "snooze.until", snooze.until);
            parse::text(v, "snooze.note", &snooze.note, 0..=2_000);
            Some(Change::Snooze { until, note: snooze.note })
        }
    }
}

fn refused(why: Refused) -> proto::BulkRefused {
    proto::BulkRefused { reason: ErrorReason::named(&why.reason).into(), message: why.message }
}
