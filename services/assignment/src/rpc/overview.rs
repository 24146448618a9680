//! How the work goes.

use chrono::{Datelike, NaiveDate, TimeDelta};
use tandem_access::caller;
use tandem_fault::Violations;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::overview_service_server::OverviewService;
use tandem_signed_token::Signer;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::page::Page;
use super::{convert, parse};
use crate::domain::App;
use crate::domain::figure::{self, Figures, Times, Wanted};
use crate::domain::kinds::FigureGroup;
use crate::domain::load::{self, AgentLoad, Place, TeamLoad};

/// Days of one question.
const MOST_DAYS: i64 = 92;
/// Ids that one filter names.
const MOST_IDS: usize = 100;

pub struct Overview {
    pub app: App,
    pub signer: Signer,
}

#[tonic::async_trait]
impl OverviewService for Overview {
    async fn get_load(
        &self,
        request: Request<proto::GetLoadRequest>,
    ) -> Result<Response<proto::GetLoadResponse>, Status> {
        let (caller, message) = (caller(&request)?, request.get_ref());
        let size = (message.page_size, &message.page_token[..]);
        let method = ("GetLoad", &proto::GetLoadRequest::default());
        let page = Page::<Place>::read(&self.signer, caller, Violations::new(), method, size)?;
        let place = page.after.unwrap_or(Place::START);
        let load = load::get(&self.app, caller, place, page.limit, &message.at_least_as_fresh).await?;
        Ok(Response::new(proto::GetLoadResponse {
            agents: load.agents.into_iter().map(agent_load).collect(),
            teams: load.teams.into_iter().map(team_load).collect(),
            next_page_token: page.next(&self.signer, load.next.as_ref()),
        }))
    }

    async fn get_figures(
        &self,
        request: Request<proto::GetFiguresRequest>,
    ) -> Result<Response<proto::GetFiguresResponse>, Status> {
        let (caller, message) = (caller(&request)?, request.get_ref());
        let mut violations = Violations::new();
        let wanted = wanted(&mut violations, message);
        let (grouped, fresh) = (wanted.group, &message.at_least_as_fresh);
        let filter = proto::GetFiguresRequest {
            page_size: 0,
            page_token: String::new(),
            at_least_as_fresh: Vec::new(),
            ..message.clone()
        };
        let size = (message.page_size, &message.page_token[..]);
        let page = Page::<String>::read(&self.signer, caller, violations, ("GetFigures", &filter), size)?;
        let wanted = Wanted { after: page.after.clone(), limit: page.limit, ..wanted };
        let found = figure::list(&self.app, caller, wanted, fresh).await?;
        let next_page_token = page.next(&self.signer, found.next.as_ref());
        let rows = found.rows.into_iter().map(|row| figures(row, grouped)).collect();
        Ok(Response::new(proto::GetFiguresResponse { rows, next_page_token }))
    }
}

/// What is asked for, but for the page. What is wrong with it leaves it unused.
fn wanted(violations: &mut Violations, message: &proto::GetFiguresRequest) -> Wanted {
    let from = date(violations, "from_date", &message.from_date);
    let until = date(violations, "until_date", &message.until_date);
    if let (Some(from), Some(until)) = (from, until) {
        let fits = (1..=MOST_DAYS).contains(&((until - from).num_days() + 1));
        violations.check(fits, "until_date", "must be from_date or up to 91 days after it");
    }
    let channel_ids = ids(violations, "channel_ids", &message.channel_ids);
    let team_ids = ids(violations, "team_ids", &message.team_ids);
    let agent_ids = ids(violations, "agent_ids", &message.agent_ids);
    let group = FigureGroup::from_number(message.group_by);
    violations.check(message.group_by == 0 || group.is_some(), "group_by", "must be a known group");
    let (from, until) = (from.unwrap_or_default(), until.unwrap_or_default());
    Wanted { from, until, channel_ids, team_ids, agent_ids, group, after: None, limit: 0 }
}

/// A day of the years that this service may see.
fn date(violations: &mut Violations, field: &str, text: &str) -> Option<NaiveDate> {
    let date = text.parse::<NaiveDate>().ok().filter(|date| (2000..=2200).contains(&date.year()));
    violations.check(date.is_some(), field, "must be a day such as 2026-11-01");
    date
}

/// `None` for all.
fn ids(violations: &mut Violations, field: &str, texts: &[String]) -> Option<Vec<Uuid>> {
    violations.check(texts.len() <= MOST_IDS, field, "must be at most 100");
    let ids = parse::ids(violations, field, &texts[..texts.len().min(MOST_IDS)]);
    Some(ids).filter(|ids| !ids.is_empty())
}

fn count(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn agent_load(load: AgentLoad) -> proto::AgentLoad {
    proto::AgentLoad {
        agent_id: load.agent_id.to_string(),
        display_name: load.name,
        held: count(load.held),
        waiting: count(load.waiting),
        overdue: count(load.overdue),
        capacity: load.capacity,
    }
}

fn team_load(load: TeamLoad) -> proto::TeamLoad {
    proto::TeamLoad {
        team_id: load.team_id.to_string(),
        display_name: load.name,
        queued: count(load.queued),
        oldest_queued_since: load.oldest_since.map(convert::timestamp),
    }
}

fn figures(row: Figures, group: Option<FigureGroup>) -> proto::Figures {
    let ai = group == Some(FigureGroup::Agent) && row.key == "ai";
    let named = !ai && row.key != Uuid::nil().to_string();
    let share = if row.closed == 0 { 0.0 } else { row.closed_by_ai_alone as f64 / row.closed as f64 };
    let handed_off = row.handed_off.into_iter();
    proto::Figures {
        key: if named { row.key } else { String::new() },
        ai,
        started: row.started,
        first_responses: Some(times(row.first_responses)),
        responses: Some(times(row.responses)),
        closed: row.closed,
        closed_by_ai_alone: row.closed_by_ai_alone,
        ai_alone_share: share,
        reopened: row.reopened,
        handed_off: handed_off
            .map(|(reason, count)| proto::HandOffs { reason: reason.number().into(), count })
            .collect(),
    }
}

fn times(times: Times) -> proto::ResponseTimes {
    let duration =
        |time: TimeDelta| prost_types::Duration { seconds: time.num_seconds(), nanos: time.subsec_nanos() };
    proto::ResponseTimes {
        count: times.count,
        median: times.median.map(duration),
        ninetieth: times.ninetieth.map(duration),
    }
}
