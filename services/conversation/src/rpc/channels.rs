use chrono::TimeDelta;
use prost_types::FieldMask;
use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::channel_service_server::ChannelService;
use tandem_proto::conversation::v1::{
    CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeleteChannelResponse,
    GetChannelHealthRequest, GetChannelHealthResponse, GetChannelRequest, GetChannelResponse,
    ListChannelsRequest, ListChannelsResponse, UpdateChannelRequest, UpdateChannelResponse,
};
use tonic::{Request, Response, Status};

use super::{Rpc, convert, parse};
use crate::domain::channel::ChannelMask;
use crate::domain::kinds::{ChannelKind, ChannelState, ReopenPolicy};
use crate::domain::model::Channel;

#[tonic::async_trait]
impl ChannelService for Rpc {
    async fn create_channel(
        &self,
        request: Request<CreateChannelRequest>,
    ) -> Result<Response<CreateChannelResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut violations = Violations::new();
        let body = CreateChannelRequest { request_id: String::new(), ..request.clone() };
        let named =
            parse::request(&mut violations, viewer.tenant_id, "CreateChannel", &request.request_id, &body);
        let channel = self.parse_channel(&mut violations, request.channel.unwrap_or_default(), true);
        violations.finish()?;
        let (channel, change_token) = self.domain.create_channel(&viewer, named, channel).await?;
        Ok(Response::new(CreateChannelResponse { channel: Some(convert::channel(channel)), change_token }))
    }

    async fn update_channel(
        &self,
        request: Request<UpdateChannelRequest>,
    ) -> Result<Response<UpdateChannelResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut violations = Violations::new();
        let mut channel = request.channel.clone().unwrap_or_default();
        let etag = std::mem::take(&mut channel.etag);
        let body = UpdateChannelRequest {
            request_id: String::new(),
            channel: Some(channel.clone()),
            ..request.clone()
        };
        let named =
            parse::request(&mut violations, viewer.tenant_id, "UpdateChannel", &request.request_id, &body);
        let mask = parse_mask(&mut violations, request.update_mask);
        if !mask.display_name {
            // What is not changed need not be given.
            "unchanged".clone_into(&mut channel.display_name);
        }
        let id = parse::id(&mut violations, "channel.id", &channel.id);
        let etag =
            violations.take("channel.etag", etag.parse::<i64>().map_err(|_| "must be the channel's etag"));
        let new = Channel { id, ..self.parse_channel(&mut violations, channel, false) };
        violations.finish()?;
        let etag = etag.unwrap_or_default();
        let (channel, change_token) = self.domain.update_channel(&viewer, named, new, etag, mask).await?;
        Ok(Response::new(UpdateChannelResponse { channel: Some(convert::channel(channel)), change_token }))
    }

    async fn get_channel(
        &self,
        request: Request<GetChannelRequest>,
    ) -> Result<Response<GetChannelResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "channel_id", &request.channel_id);
        violations.finish()?;
        let channel = self.domain.channel(&viewer, id).await?;
        Ok(Response::new(GetChannelResponse { channel: Some(convert::channel(channel)) }))
    }

    async fn list_channels(
        &self,
        request: Request<ListChannelsRequest>,
    ) -> Result<Response<ListChannelsResponse>, Status> {
        let (viewer, _) = self.open(request).await?;
        let channels = self.domain.channels(&viewer).await?;
        Ok(Response::new(ListChannelsResponse {
            channels: channels.into_iter().map(convert::channel).collect(),
        }))
    }

    async fn delete_channel(
        &self,
        request: Request<DeleteChannelRequest>,
    ) -> Result<Response<DeleteChannelResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let body = DeleteChannelRequest {
            channel_id: request.channel_id.clone(),
            ..DeleteChannelRequest::default()
        };
        let named = parse::request(&mut v, viewer.tenant_id, "DeleteChannel", &request.request_id, &body);
        let id = parse::id(&mut v, "channel_id", &request.channel_id);
        let etag = match request.etag.as_str() {
            "" => None,
            etag => v.take("etag", etag.parse::<i64>().map_err(|_| "must be the channel's etag")),
        };
        v.finish()?;
        let (channel, change_token) = self.domain.delete_channel(&viewer, named, id, etag).await?;
        Ok(Response::new(DeleteChannelResponse { channel: Some(convert::channel(channel)), change_token }))
    }

    async fn get_channel_health(
        &self,
        request: Request<GetChannelHealthRequest>,
    ) -> Result<Response<GetChannelHealthResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let id = parse::id(&mut v, "channel_id", &request.channel_id);
        v.finish()?;
        let health = self.domain.channel_health(&viewer, id).await?;
        Ok(Response::new(GetChannelHealthResponse {
            last_seen_time: health.last_seen_at.map(convert::time),
            queue_length: i32::try_from(health.queue_length).unwrap_or(i32::MAX),
            queue_length_at_least: health.at_least,
            oldest_queued_time: health.oldest_queued_at.map(convert::time),
            time: Some(convert::time(self.domain.ambient.now())),
        }))
    }
}

fn parse_mask(violations: &mut Violations, mask: Option<FieldMask>) -> ChannelMask {
    let mut parsed = ChannelMask::default();
    let paths = mask.unwrap_or_default().paths;
    violations.check(!paths.is_empty(), "update_mask", "must name at least one field");
    for path in &paths {
        match path.as_str() {
            "display_name" => parsed.display_name = true,
            "state" => parsed.state = true,
            "capabilities" => parsed.capabilities = true,
            "policy" => parsed.policy = true,
            _ => violations.add("update_mask", "must name display_name, state, capabilities or policy"),
        }
    }
    parsed
}

impl Rpc {
    /// A new channel, or the new values of one: `creating` asks for the kind.
    fn parse_channel(&self, outer: &mut Violations, from: proto::Channel, creating: bool) -> Channel {
        let mut v = Violations::new();
        let can = from.capabilities.unwrap_or_default();
        let policy = from.policy.unwrap_or_default();
        parse::text(&mut v, "display_name", &from.display_name, 1..=200);
        let longest = if can.max_text_length == 0 { 4_096 } else { can.max_text_length };
        v.check((1..=16_384).contains(&longest), "capabilities.max_text_length", "must be 0 to 16,384");
        let kind = match creating {
            true => parse::kind(&mut v, "kind", from.kind, ChannelKind::from_number),
            false => None,
        };
        let state = parse::optional_kind(&mut v, "state", from.state, ChannelState::from_number);
        v.check(state != Some(ChannelState::Deleted), "state", "must not be DELETED, delete the channel");
        let reopen = parse::optional_kind(&mut v, "policy.reopen", policy.reopen, ReopenPolicy::from_number);
        let window = parse::seconds(&mut v, "policy.reopen_window", policy.reopen_window);
        if reopen == Some(ReopenPolicy::WithinWindow) {
            v.check(window.is_some(), "policy.reopen_window", "must be set with this reopen policy");
        }
        parse::text(&mut v, "policy.close_message", &policy.close_message, 0..=1_024);
        let channel = Channel {
            id: self.domain.ambient.id(),
            kind: kind.unwrap_or(ChannelKind::WebChat),
            display_name: from.display_name,
            state: state.unwrap_or(ChannelState::Enabled),
            max_text_length: longest,
            reply_window: parse::seconds(&mut v, "capabilities.reply_window", can.reply_window),
            templates: can.templates,
            receipts: can.receipts,
            edits: can.edits,
            ai_enabled: policy.ai_enabled,
            ai_answer_time: parse::seconds(&mut v, "policy.ai_answer_time", policy.ai_answer_time),
            reopen: reopen.unwrap_or(ReopenPolicy::Always),
            reopen_window: window.unwrap_or(TimeDelta::zero()),
            close_after_silence: parse::seconds(
                &mut v,
                "policy.close_after_silence",
                policy.close_after_silence,
            ),
            close_message: policy.close_message,
            default_team_id: parse::optional_id(&mut v, "policy.default_team_id", &policy.default_team_id),
            created_at: self.domain.ambient.now(),
            last_seen_at: None,
            version: 1,
        };
        outer.nest("channel", v);
        channel
    }
}
