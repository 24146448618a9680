//! What leads and admins set for a whole tenant: labels, phrases that ask for a person, response goals.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::response_target::Following as Wire;

use super::{Rpc, convert, parse};
use crate::domain::attention::folded;
use crate::domain::goals::{Following, Goals, Hours, LabelGoal, Target};
use crate::domain::kinds::Priority;
use crate::domain::label;
use crate::domain::viewer::Viewer;

type Answer<T> = Result<T, tonic::Status>;

/// Seconds of the longest target: 30 days.
const LONGEST: i64 = 30 * 86_400;

impl Rpc {
    pub(super) async fn rename(
        &self,
        viewer: Viewer,
        request: proto::RenameLabelRequest,
    ) -> Answer<proto::RenameLabelResponse> {
        let mut v = Violations::new();
        let body =
            proto::RenameLabelRequest { request_id: String::new(), etag: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "RenameLabel", &request.request_id, &body);
        let id = parse::id(&mut v, "label_id", &request.label_id);
        parse::text(&mut v, "name", request.name.trim(), 1..=64);
        let etag = etag(&mut v, "etag", &request.etag, "must be the label's etag");
        v.finish()?;
        let label = self.domain.rename_label(&viewer, named, id, &request.name, etag).await?;
        Ok(proto::RenameLabelResponse { label: Some(convert::label(label)), change_token: String::new() })
    }

    pub(super) async fn merge(
        &self,
        viewer: Viewer,
        request: proto::MergeLabelsRequest,
    ) -> Answer<proto::MergeLabelsResponse> {
        let mut v = Violations::new();
        let body = proto::MergeLabelsRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "MergeLabels", &request.request_id, &body);
        let id = parse::id(&mut v, "label_id", &request.label_id);
        let into = parse::id(&mut v, "into_label_id", &request.into_label_id);
        v.check(id != into || id.is_nil(), "into_label_id", "must be another label");
        v.finish()?;
        let label = self.domain.merge_labels(&viewer, named, id, into).await?;
        Ok(proto::MergeLabelsResponse { label: Some(convert::label(label)), change_token: String::new() })
    }

    pub(super) async fn phrases(
        &self,
        viewer: Viewer,
        request: proto::UpdateAttentionPhrasesRequest,
    ) -> Answer<proto::UpdateAttentionPhrasesResponse> {
        let mut v = Violations::new();
        let body = proto::UpdateAttentionPhrasesRequest {
            request_id: String::new(),
            etag: String::new(),
            ..request.clone()
        };
        let tenant_id = viewer.tenant_id;
        let named = parse::request(&mut v, tenant_id, "UpdateAttentionPhrases", &request.request_id, &body);
        let phrases = parse_phrases(&mut v, &request.phrases);
        let etag = etag(&mut v, "etag", &request.etag, "must be the list's etag");
        v.finish()?;
        let (phrases, version) = self.domain.update_phrases(&viewer, named, &phrases, etag).await?;
        let (etag, change_token) = (version.to_string(), String::new());
        Ok(proto::UpdateAttentionPhrasesResponse { phrases, etag, change_token })
    }

    pub(super) async fn goals(
        &self,
        viewer: Viewer,
        request: proto::UpdateResponseGoalsRequest,
    ) -> Answer<proto::UpdateResponseGoalsResponse> {
        let mut v = Violations::new();
        let mut goals = request.goals.clone().unwrap_or_default();
        let etag_given = std::mem::take(&mut goals.etag);
        let body =
            proto::UpdateResponseGoalsRequest { request_id: String::new(), goals: Some(goals.clone()) };
        let tenant_id = viewer.tenant_id;
        let named = parse::request(&mut v, tenant_id, "UpdateResponseGoals", &request.request_id, &body);
        v.check(request.goals.is_some(), "goals", "must be set");
        let version = match request.goals {
            Some(_) => etag(&mut v, "goals.etag", &etag_given, "must be the goals' etag"),
            None => 0,
        };
        let goals = Goals { version, ..parse_goals(&mut v, &goals) };
        v.finish()?;
        let goals = self.domain.update_goals(&viewer, named, &goals).await?;
        Ok(proto::UpdateResponseGoalsResponse { goals: Some(to_proto(&goals)), change_token: String::new() })
    }
}

fn etag(v: &mut Violations, field: &str, value: &str, must: &str) -> i64 {
    v.take(field, value.parse::<i64>().map_err(|_| must)).unwrap_or_default()
}

fn parse_phrases(v: &mut Violations, phrases: &[String]) -> Vec<String> {
    if !v.check(phrases.len() <= 200, "phrases", "must be at most 200 phrases") {
        return Vec::new();
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut parsed = Vec::with_capacity(phrases.len());
    for (at, phrase) in phrases.iter().enumerate() {
        let (field, phrase) = (format!("phrases[{at}]"), phrase.trim());
        parse::text(v, &field, phrase, 2..=100);
        let compared = folded(phrase);
        v.check(compared.chars().any(char::is_alphanumeric), &field, "must have a letter or a digit");
        if let Some(first) = seen.insert(compared, at) {
            v.add(field, format!("must differ from phrases[{first}] in more than case and accents"));
        }
        parsed.push(phrase.to_owned());
    }
    parsed
}

fn parse_goals(outer: &mut Violations, from: &proto::ResponseGoals) -> Goals {
    let mut v = Violations::new();
    let mut goals = Goals::default();
    v.check(from.targets.len() <= 4, "targets", "must be at most one for each priority");
    let mut seen = Vec::new();
    for (at, target) in from.targets.iter().take(4).enumerate() {
        let field = |name| format!("targets[{at}].{name}");
        let priority = parse::kind(&mut v, &field("priority"), target.priority, Priority::from_number);
        let first = seconds(&mut v, &field("first"), target.first);
        let following = match target.following {
            None => Following::Never,
            Some(Wire::Within(within)) => {
                seconds(&mut v, &field("within"), Some(within)).map_or(Following::Never, Following::Within)
            }
            Some(Wire::SameBusinessDay(same)) => {
                v.check(same, &field("same_business_day"), "must be true where it is set");
                Following::SameBusinessDay
            }
        };
        let Some(priority) = priority else { continue };
        v.check(!seen.contains(&priority), &field("priority"), "must be given once");
        seen.push(priority);
        goals.targets[usize::try_from(priority.number() - 1).unwrap_or_default()] =
            Target { first, following };
    }
    let zone = if from.time_zone.is_empty() { Ok(Tz::UTC) } else { from.time_zone.parse::<Tz>() };
    goals.zone = v.take("time_zone", zone.map_err(|_| "must be an IANA time zone")).unwrap_or(goals.zone);
    goals.hours = hours(&mut v, &from.opening_hours);
    if let Some(labels) = &from.label_goals {
        goals.labels = labels_of(&mut v, &labels.goals);
    }
    outer.nest("goals", v);
    goals
}

fn labels_of(v: &mut Violations, from: &[proto::LabelGoal]) -> Vec<LabelGoal> {
    if !v.check(from.len() <= 20, "label_goals.goals", "must be at most 20") {
        return Vec::new();
    }
    let mut seen = BTreeMap::new();
    let mut parsed = Vec::with_capacity(from.len());
    for (at, goal) in from.iter().enumerate() {
        let field = |name| format!("label_goals.goals[{at}].{name}");
        let label = goal.label.trim();
        parse::text(v, &field("label"), label, 1..=64);
        if let Some(first) = seen.insert(label::folded(label), at) {
            v.add(field("label"), format!("must be another label than label_goals.goals[{first}]"));
        }
        v.check(goal.update_every.is_some(), &field("update_every"), "must be set");
        let every = seconds(v, &field("update_every"), goal.update_every);
        parsed.push(LabelGoal { label: label.to_owned(), every: every.unwrap_or_default() });
    }
    parsed
}

fn seconds(v: &mut Violations, field: &str, value: Option<prost_types::Duration>) -> Option<i64> {
    let time = value?;
    let ok = time.nanos == 0 && (1..=LONGEST).contains(&time.seconds);
    v.check(ok, field, "must be whole seconds, up to 30 days").then_some(time.seconds)
}

fn hours(v: &mut Violations, from: &[proto::OpeningHours]) -> Vec<Hours> {
    if !v.check(from.len() <= 70, "opening_hours", "must be at most 70") {
        return Vec::new();
    }
    let mut parsed = Vec::with_capacity(from.len());
    for (at, hours) in from.iter().enumerate() {
        let field = |name| format!("opening_hours[{at}].{name}");
        v.check((1..=7).contains(&hours.weekday), &field("weekday"), "must be 1 to 7");
        v.check((0..1_440).contains(&hours.opens_minute), &field("opens_minute"), "must be 0 to 1,439");
        let after = hours.closes_minute > hours.opens_minute && hours.closes_minute <= 1_440;
        v.check(after, &field("closes_minute"), "must be after opens_minute, at most 1,440");
        parsed.push(Hours {
            weekday: u32::try_from(hours.weekday).unwrap_or_default(),
            opens: u32::try_from(hours.opens_minute).unwrap_or_default(),
            closes: u32::try_from(hours.closes_minute).unwrap_or_default(),
        });
    }
    parsed.sort_unstable();
    let apart =
        parsed.windows(2).all(|two| two[0].weekday != two[1].weekday || two[0].closes <= two[1].opens);
    v.check(apart, "opening_hours", "must not overlap");
    parsed
}

pub(super) fn to_proto(goals: &Goals) -> proto::ResponseGoals {
    let duration = |seconds| prost_types::Duration { seconds, nanos: 0 };
    let minutes = |minutes: u32| i32::try_from(minutes).unwrap_or_default();
    let targets = (1..).zip(&goals.targets).map(|(priority, target)| proto::ResponseTarget {
        priority,
        first: target.first.map(duration),
        following: match target.following {
            Following::Never => None,
            Following::Within(seconds) => Some(Wire::Within(duration(seconds))),
            Following::SameBusinessDay => Some(Wire::SameBusinessDay(true)),
        },
    });
    let opening_hours = goals.hours.iter().map(|hours| proto::OpeningHours {
        weekday: minutes(hours.weekday),
        opens_minute: minutes(hours.opens),
        closes_minute: minutes(hours.closes),
    });
    let label_goals = goals
        .labels
        .iter()
        .map(|goal| proto::LabelGoal { label: goal.label.clone(), update_every: Some(duration(goal.every)) });
    proto::ResponseGoals {
        targets: targets.collect(),
        time_zone: goals.zone.name().to_owned(),
        opening_hours: opening_hours.collect(),
        label_goals: Some(proto::LabelGoals { goals: label_goals.collect() }),
        etag: goals.version.to_string(),
    }
}
