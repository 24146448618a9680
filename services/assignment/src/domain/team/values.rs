use chrono_tz::Tz;
use tandem_database::{Connection, Result};
use tandem_fault::Violations;
use uuid::Uuid;

use crate::domain::check::is_name;
use crate::domain::model::{Hours, ReturnRule, Team};
use crate::store;

/// The most members and the most channels of a team.
pub const MOST: usize = 500;
/// The most working hours of a week.
const MOST_HOURS: usize = 70;
/// Seconds, a day.
const LONGEST_ABSENCE: i32 = 86_400;

/// What can be changed of a team.
#[derive(Debug, Clone, Default)]
pub struct Values {
    pub display_name: String,
    pub agent_ids: Vec<Uuid>,
    pub lead_agent_id: Option<Uuid>,
    pub all_channels: bool,
    pub channel_ids: Vec<Uuid>,
    pub fallback_team_id: Option<Uuid>,
    pub return_rule: ReturnRule,
    pub working_hours: Vec<Hours>,
    pub time_zone: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    DisplayName,
    AgentIds,
    LeadAgentId,
    AllChannels,
    ChannelIds,
    FallbackTeamId,
    ReturnRule,
    WorkingHours,
    TimeZone,
}

impl Field {
    pub const ALL: [Self; 9] = [
        Self::DisplayName,
        Self::AgentIds,
        Self::LeadAgentId,
        Self::AllChannels,
        Self::ChannelIds,
        Self::FallbackTeamId,
        Self::ReturnRule,
        Self::WorkingHours,
        Self::TimeZone,
    ];

    /// The path in an update mask.
    pub const fn path(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::AgentIds => "agent_ids",
            Self::LeadAgentId => "lead_agent_id",
            Self::AllChannels => "all_channels",
            Self::ChannelIds => "channel_ids",
            Self::FallbackTeamId => "fallback_team_id",
            Self::ReturnRule => "return_rule",
            Self::WorkingHours => "working_hours",
            Self::TimeZone => "time_zone",
        }
    }
}

impl Values {
    /// Notes what is wrong with the given fields by themselves.
    pub fn check(&self, fields: &[Field], violations: &mut Violations) {
        for field in fields {
            match field {
                Field::DisplayName => {
                    violations.check(
                        is_name(&self.display_name, 200),
                        "display_name",
                        "must be 1 to 200 characters",
                    );
                }
                Field::AgentIds => {
                    violations.check(self.agent_ids.len() <= MOST, "agent_ids", "must be at most 500");
                }
                Field::ChannelIds => {
                    violations.check(self.channel_ids.len() <= MOST, "channel_ids", "must be at most 500");
                }
                Field::ReturnRule => self.check_return_rule(violations),
                Field::WorkingHours => self.check_hours(violations),
                Field::TimeZone => {
                    let known = self.time_zone.is_empty() || self.time_zone.parse::<Tz>().is_ok();
                    violations.check(known, "time_zone", "must be the name of an IANA time zone or empty");
                }
                Field::LeadAgentId | Field::AllChannels | Field::FallbackTeamId => {}
            }
        }
    }

    fn check_return_rule(&self, violations: &mut Violations) {
        let ReturnRule { away_after_s, offline_after_s } = self.return_rule;
        for (field, after) in
            [("return_rule.away_after_s", away_after_s), ("return_rule.offline_after_s", offline_after_s)]
        {
            let known = after.is_none_or(|after| (0..=LONGEST_ABSENCE).contains(&after));
            violations.check(known, field, "must be 0 to 86,400 seconds");
        }
    }

    fn check_hours(&self, violations: &mut Violations) {
        if !violations.check(self.working_hours.len() <= MOST_HOURS, "working_hours", "must be at most 70") {
            return;
        }
        for (index, hours) in self.working_hours.iter().enumerate() {
            let field = |name| format!("working_hours[{index}].{name}");
            violations.check((1..=7).contains(&hours.weekday), &field("weekday"), "must be 1 to 7");
            violations.check(hours.opens < 1_440, &field("opens_minute"), "must be 0 to 1,439");
            let after = hours.closes > hours.opens && hours.closes <= 1_440;
            violations.check(after, &field("closes_minute"), "must be after opens_minute, at most 1,440");
        }
        let hours = in_order(&self.working_hours);
        let apart =
            hours.windows(2).all(|two| two[0].weekday != two[1].weekday || two[0].closes <= two[1].opens);
        violations.check(apart, "working_hours", "must not overlap");
    }

    /// Notes agents and teams that the tenant doesn't have.
    pub async fn check_known(
        &self,
        connection: &mut Connection,
        tenant_id: Uuid,
        own_id: Uuid,
        fields: &[Field],
    ) -> Result<()> {
        let mut violations = Violations::new();
        let mut agents = self.agent_ids.clone();
        agents.extend(self.lead_agent_id);
        let known = store::agent::existing(connection, tenant_id, &agents).await?;
        if fields.contains(&Field::AgentIds) {
            for (index, id) in self.agent_ids.iter().enumerate() {
                let field = format!("team.agent_ids[{index}]");
                violations.check(known.contains(id), &field, "must be an agent of the tenant");
            }
        }
        if let Some(lead) = self.lead_agent_id.filter(|_| fields.contains(&Field::LeadAgentId)) {
            violations.check(known.contains(&lead), "team.lead_agent_id", "must be an agent of the tenant");
        }
        if let Some(fallback) = self.fallback_team_id.filter(|_| fields.contains(&Field::FallbackTeamId)) {
            let other = fallback != own_id && store::team::exists(connection, tenant_id, fallback).await?;
            violations.check(other, "team.fallback_team_id", "must be another team of the tenant");
        }
        Ok(violations.finish()?)
    }

    /// Puts the given fields into a team. Members and channels stand once, in the order of their ids.
    pub fn put(self, fields: &[Field], team: &mut Team) {
        for field in fields {
            match field {
                Field::DisplayName => team.display_name.clone_from(&self.display_name),
                Field::AgentIds => team.agent_ids = once(&self.agent_ids),
                Field::LeadAgentId => team.lead_agent_id = self.lead_agent_id,
                Field::AllChannels => team.all_channels = self.all_channels,
                Field::ChannelIds => team.channel_ids = once(&self.channel_ids),
                Field::FallbackTeamId => team.fallback_team_id = self.fallback_team_id,
                Field::ReturnRule => team.return_rule = self.return_rule,
                Field::WorkingHours => team.working_hours = in_order(&self.working_hours),
                Field::TimeZone => team.time_zone.clone_from(&self.time_zone),
            }
        }
    }
}

fn once(ids: &[Uuid]) -> Vec<Uuid> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn in_order(hours: &[Hours]) -> Vec<Hours> {
    let mut hours = hours.to_vec();
    hours.sort_unstable();
    hours
}
