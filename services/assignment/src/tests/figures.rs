//! Figures count what happened once, in whatever order and however often the feed tells of it.

use tandem_change_feed::{Apply, Change};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::FigureGroup;
use tandem_proto::assignment::v1::overview_service_server::OverviewService;
use tandem_proto::conversation::v1 as conversation;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::feed::v1::ChangeKind;
use tandem_proto::feed::v1::change::Body;
use tandem_proto::r#type::v1 as types;
use tandem_proto::r#type::v1::{
    ActorKind, ConversationStatus as Status, HandOffReason, HolderChangeCause, HolderKind,
};
use uuid::Uuid;

use super::sandbox::{CHANNEL, OTHER_TENANT, Sandbox, TENANT, admin, call, time};
use super::{fields, reason};
use tandem_access::Role;

/// One conversation, of which the feed tells what the test says.
struct Play<'a> {
    sandbox: &'a Sandbox,
    id: Uuid,
}

type Who = (ActorKind, Option<Uuid>);

const AI: Who = (ActorKind::Ai, None);

fn text(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn actor((kind, id): Who) -> Option<types::Actor> {
    Some(types::Actor { kind: kind.into(), id: text(id), ..types::Actor::default() })
}

impl Play<'_> {
    fn tell(&self, kind: ChangeKind, of: impl FnOnce(String, prost_types::Timestamp) -> Body) {
        let mut state = self.sandbox.fake.state();
        let (id, now) = (state.id().to_string(), prost_types::Timestamp { seconds: state.time, nanos: 0 });
        let body = of(id.clone(), now);
        state.push(TENANT, &id, kind, body);
    }

    fn entry(&self, who: Who, event: Event) {
        self.tell(ChangeKind::TimelineEntry, |id, now| {
            Body::TimelineEntry(conversation::TimelineEntry {
                id,
                conversation_id: self.id.to_string(),
                channel_id: CHANNEL.to_string(),
                contact_id: Uuid::from_u128(9).to_string(),
                time: Some(now),
                actor: actor(who),
                event: Some(event),
                ..conversation::TimelineEntry::default()
            })
        });
    }

    fn held(&self, epoch: i64, cause: HolderChangeCause, who: Who, to: (HolderKind, Option<Uuid>)) {
        let holder = types::Holder { kind: to.0.into(), id: text(to.1), ..types::Holder::default() };
        let reason = match cause {
            HolderChangeCause::HandOff => HandOffReason::Complex,
            _ => HandOffReason::Unspecified,
        };
        let changed = conversation::HolderChanged {
            cause: cause.into(),
            to: Some(holder),
            epoch,
            hand_off_reason: reason.into(),
            ..conversation::HolderChanged::default()
        };
        self.entry(who, Event::HolderChanged(changed));
    }

    fn status(&self, epoch: i64, who: Who, from: Status, to: Status) {
        let (from, to) = (from.into(), to.into());
        let changed =
            conversation::StatusChanged { from, to, epoch, ..conversation::StatusChanged::default() };
        self.entry(who, Event::StatusChanged(changed));
    }

    /// A reply for which the customer had waited so many seconds.
    fn reply(&self, epoch: i64, who: Who, waited: i64, first: bool) {
        self.tell(ChangeKind::Message, |id, now| {
            let waited_since = prost_types::Timestamp { seconds: now.seconds - waited, nanos: 0 };
            Body::Message(conversation::Message {
                id,
                conversation_id: self.id.to_string(),
                channel_id: CHANNEL.to_string(),
                author: actor(who),
                store_time: Some(now),
                waited_since: Some(waited_since),
                first_response: first,
                epoch,
                ..conversation::Message::default()
            })
        });
    }
}

fn asked(group_by: FigureGroup) -> proto::GetFiguresRequest {
    let day = time().date_naive().to_string();
    proto::GetFiguresRequest {
        from_date: day.clone(),
        until_date: day,
        group_by: group_by.into(),
        ..proto::GetFiguresRequest::default()
    }
}

async fn figures(sandbox: &Sandbox, request: proto::GetFiguresRequest) -> Vec<proto::Figures> {
    sandbox.overview.get_figures(admin(request)).await.unwrap().into_inner().rows
}

/// Every grouping.
async fn everything(sandbox: &Sandbox) -> Vec<Vec<proto::Figures>> {
    use FigureGroup::{Agent, Channel, Day, Team, Unspecified};
    let mut all = Vec::new();
    for group in [Unspecified, Day, Channel, Team, Agent] {
        all.push(figures(sandbox, asked(group)).await);
    }
    all
}

/// Key, responses, closed, by the AI alone, and hand-offs of a row.
fn brief(row: &proto::Figures) -> (String, i64, i64, i64, i64) {
    let responses = row.responses.as_ref().map_or(0, |times| times.count);
    let handed_off = row.handed_off.iter().map(|one| one.count).sum();
    (row.key.clone(), responses, row.closed, row.closed_by_ai_alone, handed_off)
}

async fn sweep(sandbox: &Sandbox, generation: i64) {
    let mut tx = tandem_database::begin(&sandbox.app.pool).await.unwrap();
    sandbox.feed.sweep(&mut tx, generation).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_happened_counts_once_in_whatever_order_it_is_told() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let team = sandbox.team("Team", &[ada]).await;
    let by_ada = (ActorKind::Agent, Some(ada));
    let customer = (ActorKind::Customer, None);
    let play = |number: u128| Play { sandbox: &sandbox, id: Uuid::from_u128(0xc0 + number) };
    let (one, two) = (play(1), play(2));
    // A message comes before the entries of its transaction: it counts once they are there.
    one.reply(1, AI, 4, true);
    sandbox.catch_up().await;
    assert_eq!(everything(&sandbox).await.concat(), []);
    one.held(1, HolderChangeCause::Started, customer, (HolderKind::Ai, None));
    sandbox.catch_up().await;
    let first = figures(&sandbox, asked(FigureGroup::Unspecified)).await.remove(0);
    let times = first.first_responses.unwrap();
    assert_eq!((first.started, times.count, first.responses.unwrap().count), (1, 1, 1));
    assert_eq!(times.median.map(|time| (time.seconds, time.nanos)), Some((4, 87_000_000)));
    // Handed off to a team, taken from its queue, answered and closed by an agent.
    one.held(2, HolderChangeCause::HandOff, AI, (HolderKind::Team, Some(team)));
    one.reply(3, by_ada, 100, false);
    sandbox.catch_up().await;
    one.status(3, by_ada, Status::Open, Status::Closed);
    one.held(3, HolderChangeCause::TakeOver, by_ada, (HolderKind::Agent, Some(ada)));
    one.held(4, HolderChangeCause::Close, by_ada, (HolderKind::Nobody, None));
    // The AI alone, then again with a person; what was before it was reopened does not count.
    two.held(1, HolderChangeCause::Started, customer, (HolderKind::Ai, None));
    two.status(1, AI, Status::Open, Status::Closed);
    two.held(2, HolderChangeCause::Close, AI, (HolderKind::Nobody, None));
    two.status(2, customer, Status::Closed, Status::New);
    two.held(3, HolderChangeCause::Reopen, customer, (HolderKind::Ai, None));
    two.held(4, HolderChangeCause::TakeOver, by_ada, (HolderKind::Agent, Some(ada)));
    two.held(5, HolderChangeCause::Release, by_ada, (HolderKind::Ai, None));
    two.status(5, (ActorKind::System, None), Status::Open, Status::Closed);
    sandbox.catch_up().await;
    let none = String::new();
    let by_team = figures(&sandbox, asked(FigureGroup::Team)).await;
    assert_eq!(
        by_team.iter().map(brief).collect::<Vec<_>>(),
        [(none.clone(), 1, 2, 1, 0), (team.to_string(), 1, 1, 0, 1)]
    );
    let by_agent = figures(&sandbox, asked(FigureGroup::Agent)).await;
    assert_eq!(
        by_agent.iter().map(|row| (row.ai, brief(row))).collect::<Vec<_>>(),
        [
            (false, (none.clone(), 0, 1, 0, 1)),
            (false, (ada.to_string(), 1, 1, 0, 0)),
            (true, (none.clone(), 1, 1, 1, 0)),
        ]
    );
    let all = figures(&sandbox, asked(FigureGroup::Channel)).await.remove(0);
    assert_eq!((all.key.as_str(), all.started, all.reopened), (CHANNEL.to_string().as_str(), 2, 1));
    assert!((all.ai_alone_share - 1.0 / 3.0).abs() < 1e-9);
    assert_eq!((all.handed_off[0].reason(), all.handed_off[0].count), (HandOffReason::Complex, 1));
    // Replayed, and rebuilt from the other end, it is the same.
    let before = everything(&sandbox).await;
    let changes = sandbox.fake.state().changes.clone();
    sandbox.apply(1, &changes).await;
    assert_eq!(everything(&sandbox).await, before);
    let backwards: Vec<Change> = changes.iter().rev().cloned().collect();
    for page in backwards.chunks(3) {
        sandbox.apply(2, page).await;
    }
    sweep(&sandbox, 2).await;
    assert_eq!(everything(&sandbox).await, before);
    // What a rebuild does not see is gone.
    let of_one = |change: &&Change| match change.body.as_ref().unwrap() {
        Body::TimelineEntry(entry) => entry.conversation_id == one.id.to_string(),
        Body::Message(message) => message.conversation_id == one.id.to_string(),
        _ => false,
    };
    let history: Vec<Change> = changes.iter().filter(of_one).cloned().collect();
    sandbox.apply(3, &history).await;
    sweep(&sandbox, 3).await;
    let left = figures(&sandbox, asked(FigureGroup::Unspecified)).await.remove(0);
    assert_eq!((left.started, left.closed, left.closed_by_ai_alone, left.reopened), (1, 1, 0, 0));
    // Another tenant has none of it.
    let foreign = call(OTHER_TENANT, "admin", Role::Admin, asked(FigureGroup::Agent));
    assert_eq!(sandbox.overview.get_figures(foreign).await.unwrap().into_inner().rows, []);
}

#[tokio::test]
async fn figures_come_in_pages_and_of_what_is_named() {
    let sandbox = Sandbox::start().await;
    let mut agents = Vec::new();
    for (number, waited) in [(0_u128, 10), (1, 100), (2, 1_000)] {
        let agent = sandbox.agent(&format!("agent-{number}"), 0).await;
        let play = Play { sandbox: &sandbox, id: Uuid::from_u128(0xc0 + number) };
        play.held(1, HolderChangeCause::Started, AI, (HolderKind::Agent, Some(agent)));
        play.reply(1, (ActorKind::Agent, Some(agent)), waited, true);
        agents.push(agent.to_string());
    }
    sandbox.catch_up().await;
    agents.sort();
    let request = proto::GetFiguresRequest { page_size: 2, ..asked(FigureGroup::Agent) };
    let page = sandbox.overview.get_figures(admin(request.clone())).await.unwrap().into_inner();
    let keys =
        |page: &proto::GetFiguresResponse| page.rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&page), agents[..2]);
    let next = proto::GetFiguresRequest { page_token: page.next_page_token.clone(), ..request.clone() };
    let last = sandbox.overview.get_figures(admin(next)).await.unwrap().into_inner();
    assert_eq!((keys(&last), last.next_page_token.as_str()), (agents[2..].to_vec(), ""));
    let other = proto::GetFiguresRequest {
        page_token: page.next_page_token,
        ..proto::GetFiguresRequest { agent_ids: agents.clone(), ..request.clone() }
    };
    assert_eq!(reason(sandbox.overview.get_figures(admin(other)).await), "PAGE_TOKEN_INVALID");
    let of_two = proto::GetFiguresRequest {
        agent_ids: agents[..2].to_vec(),
        channel_ids: vec![CHANNEL.to_string()],
        ..asked(FigureGroup::Unspecified)
    };
    assert_eq!(figures(&sandbox, of_two.clone()).await[0].started, 2);
    let nowhere = proto::GetFiguresRequest { team_ids: vec![sandbox.id()], ..of_two };
    assert_eq!(figures(&sandbox, nowhere).await, []);
    let earlier = proto::GetFiguresRequest {
        from_date: "2023-11-01".to_owned(),
        until_date: "2023-11-13".to_owned(),
        ..asked(FigureGroup::Day)
    };
    assert_eq!(figures(&sandbox, earlier).await, []);
    let wrong = proto::GetFiguresRequest {
        from_date: "2023-11-01".to_owned(),
        until_date: "2024-02-01".to_owned(),
        channel_ids: vec!["x".to_owned()],
        group_by: 9,
        page_size: 201,
        ..proto::GetFiguresRequest::default()
    };
    assert_eq!(
        fields(sandbox.overview.get_figures(admin(wrong)).await),
        ["until_date", "channel_ids[0]", "group_by", "page_size"]
    );
}

#[tokio::test]
async fn what_is_read_does_not_grow_with_what_happened() {
    let sandbox = Sandbox::start().await;
    let ada = (ActorKind::Agent, Some(sandbox.agent("ada", 0).await));
    let play = Play { sandbox: &sandbox, id: Uuid::from_u128(0xc0) };
    play.held(1, HolderChangeCause::Started, AI, (HolderKind::Ai, None));
    let mut rows = Vec::new();
    for more in [20, 200] {
        for waited in 0..more {
            play.reply(1, ada, waited % 10, false);
        }
        sandbox.catch_up().await;
        let all = figures(&sandbox, asked(FigureGroup::Unspecified)).await.remove(0);
        let count =
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM figure").fetch_one(&sandbox.app.pool).await;
        rows.push((all.responses.unwrap().count, count.unwrap()));
    }
    assert_eq!((rows[0].0, rows[1].0), (20, 220));
    assert_eq!(rows[0].1, rows[1].1, "a row for each class of times, however many there are");
}
