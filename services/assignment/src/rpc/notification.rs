use std::pin::Pin;

use futures::{Stream, StreamExt};
use tandem_access::{Caller, caller};
use tandem_bootstrap::{shutting_down, until_drain};
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::notification_service_server::NotificationService;
use tandem_signed_token::{PageToken, Signer, binding};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{convert, parse};
use crate::domain::App;
use crate::domain::notification::{self, Hub};

pub struct Notifications {
    pub app: App,
    pub hub: Hub,
    pub signer: Signer,
    /// Streams end when it fires.
    pub end: CancellationToken,
}

type Items = Pin<Box<dyn Stream<Item = Result<proto::WatchNotificationsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl NotificationService for Notifications {
    type WatchNotificationsStream = Items;

    async fn list_notifications(
        &self,
        request: Request<proto::ListNotificationsRequest>,
    ) -> Result<Response<proto::ListNotificationsResponse>, Status> {
        let (caller, message) = (caller(&request)?, request.get_ref());
        let mut violations = Violations::new();
        let limit = parse::page_size(&mut violations, message.page_size);
        violations.finish()?;
        let bound = bound(caller, "ListNotifications")?;
        let before = PageToken::resume(&self.signer, &bound, &message.page_token)?;
        let page = notification::list(&self.app, caller, before, limit, &message.at_least_as_fresh).await?;
        let full = i64::try_from(page.notifications.len()) == Ok(limit);
        let last = page.notifications.last().filter(|_| full).map(|last| last.number);
        let next_page_token =
            last.map_or_else(String::new, |last| PageToken::encode(&self.signer, &bound, &last));
        let notifications = page.notifications.into_iter().map(convert::notification).collect();
        let unread = i32::try_from(page.unread).unwrap_or(i32::MAX);
        Ok(Response::new(proto::ListNotificationsResponse { notifications, next_page_token, unread }))
    }

    async fn watch_notifications(
        &self,
        request: Request<proto::WatchNotificationsRequest>,
    ) -> Result<Response<Items>, Status> {
        let caller = caller(&request)?;
        let bound = bound(caller, "WatchNotifications")?;
        let after = resume(&self.signer, &bound, &request.get_ref().resume_token)?;
        let watch = notification::watch(&self.app, &self.hub, caller, after).await?;
        let signer = self.signer.clone();
        let items = watch.items().map(move |item| {
            let item = item?;
            let resume_token = PageToken::encode(&signer, &bound, &item.number);
            let notification = item.notification.map(convert::notification);
            Ok(proto::WatchNotificationsResponse { notification, resume_token })
        });
        Ok(Response::new(Box::pin(until_drain(items, self.end.clone(), Some(Err(shutting_down()))))))
    }

    async fn mark_notifications_read(
        &self,
        request: Request<proto::MarkNotificationsReadRequest>,
    ) -> Result<Response<proto::MarkNotificationsReadResponse>, Status> {
        let mut violations = Violations::new();
        let given = &request.get_ref().notification_ids;
        violations.check((1..=200).contains(&given.len()), "notification_ids", "must be 1 to 200");
        let ids = parse::ids(&mut violations, "notification_ids", given);
        violations.finish()?;
        let unread = notification::mark_read(&self.app, caller(&request)?, &ids).await?;
        let unread = i32::try_from(unread).unwrap_or(i32::MAX);
        Ok(Response::new(proto::MarkNotificationsReadResponse { unread }))
    }

    async fn get_notification_preferences(
        &self,
        request: Request<proto::GetNotificationPreferencesRequest>,
    ) -> Result<Response<proto::GetNotificationPreferencesResponse>, Status> {
        let muted = notification::muted(&self.app, caller(&request)?).await?;
        let preferences = Some(convert::preferences(&muted));
        Ok(Response::new(proto::GetNotificationPreferencesResponse { preferences }))
    }

    async fn update_notification_preferences(
        &self,
        request: Request<proto::UpdateNotificationPreferencesRequest>,
    ) -> Result<Response<proto::UpdateNotificationPreferencesResponse>, Status> {
        let muted = parse::muted(request.get_ref().preferences.as_ref())?;
        notification::mute(&self.app, caller(&request)?, &muted).await?;
        let preferences = Some(convert::preferences(&muted));
        Ok(Response::new(proto::UpdateNotificationPreferencesResponse { preferences }))
    }
}

fn bound(caller: &Caller, method: &str) -> Result<[u8; 16], Fault> {
    Ok(binding(&[caller.tenant()?.as_bytes(), caller.subject.as_bytes(), method.as_bytes()]))
}

/// A page token in a field of another name.
fn resume(signer: &Signer, bound: &[u8], token: &str) -> Result<Option<i64>, Fault> {
    PageToken::resume(signer, bound, token).map_err(|mut fault| {
        for violation in &mut fault.violations {
            violation.field = "resume_token".to_owned();
            violation.description = "must be a resume_token of the same caller".to_owned();
        }
        fault
    })
}
