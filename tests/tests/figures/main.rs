//! How the work goes: figures by day, channel, team and agent equal a recount of messages and timelines, also after the feed was
//! replayed and what assignment knows was rebuilt.

mod play;
mod recount;

use chrono::NaiveDate;
use sqlx::Row;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::overview_service_client::OverviewServiceClient;
use tandem_proto::assignment::v1::{FigureGroup, Figures, GetFiguresRequest};
use tandem_tests::{Databases, Kind, Suite, eventually};

use crate::play::Play;
use crate::recount::{Fact, What, count, expected, recount};

/// All pages of figures.
async fn figures(
    overview: &mut OverviewServiceClient<InternalChannel>,
    mut request: GetFiguresRequest,
) -> Vec<Figures> {
    let mut all = Vec::new();
    loop {
        let page = overview.get_figures(request.clone()).await.unwrap().into_inner();
        all.extend(page.rows);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

/// Every answer equals what messages and timelines say.
async fn compare(play: &mut Play, facts: &[Fact], days: &[NaiveDate]) {
    let token = play.token().await;
    let lead = play.suite.spec("lead", Role::Supervisor);
    let mut overview = OverviewServiceClient::new(play.suite.channel(Kind::Assignment, 0, &lead));
    use FigureGroup::{Agent, Channel, Day, Team, Unspecified};
    for (from, until) in [(days[0], days[days.len() - 1]), (days[0], days[0])] {
        let within: Vec<&Fact> = facts.iter().filter(|fact| (from..=until).contains(&fact.day)).collect();
        for group in [Unspecified, Day, Channel, Team, Agent] {
            let request = GetFiguresRequest {
                from_date: from.to_string(),
                until_date: until.to_string(),
                group_by: group.into(),
                at_least_as_fresh: vec![token.clone()],
                page_size: 2,
                ..GetFiguresRequest::default()
            };
            let all = expected(within.iter().copied(), group);
            assert_eq!(figures(&mut overview, request.clone()).await, all, "{from} to {until} {group:?}");
            let (channel, team) = (play.channels[0].to_string(), play.team.to_string());
            let agent = play.agents[0].to_string();
            let of_channel = GetFiguresRequest { channel_ids: vec![channel.clone()], ..request.clone() };
            let in_channel = within.iter().copied().filter(|fact| fact.channel == channel);
            assert_eq!(figures(&mut overview, of_channel).await, expected(in_channel, group));
            let of_team = GetFiguresRequest { team_ids: vec![team.clone()], ..request.clone() };
            let in_team = within.iter().copied().filter(|fact| fact.team == team);
            assert_eq!(figures(&mut overview, of_team).await, expected(in_team, group));
            let of_agent = GetFiguresRequest { agent_ids: vec![agent.clone()], ..request };
            let by_agent = within.iter().copied().filter(|fact| fact.agent == agent);
            assert_eq!(figures(&mut overview, of_agent).await, expected(by_agent, group));
        }
    }
    // The play had something of everything.
    for what in [
        |what: What| what == What::Started,
        |what: What| matches!(what, What::Response { first: true, .. }),
        |what: What| matches!(what, What::Response { first: false, .. }),
        |what: What| what == What::Closed { ai_alone: true },
        |what: What| what == What::Closed { ai_alone: false },
        |what: What| what == What::Reopened,
        |what: What| matches!(what, What::HandedOff(_)),
    ] {
        assert!(count(facts, what) > 0, "{facts:?}");
    }
}

/// Moves assignment's place on conversation's feed, and waits until it has come to the end again.
async fn move_place(suite: &Suite, set: &str) {
    let url = suite.databases.urls()[1].clone();
    let place = async || {
        let select = "SELECT seq, generation, rebuild_page IS NULL AS done FROM feed_cursor WHERE feed = 'conversation.1'";
        let row = Databases::rows_of(&url, select).await.remove(0);
        (row.get::<i64, _>("seq"), row.get::<i64, _>("generation"), row.get::<bool, _>("done"))
    };
    let (seq, generation, _) = place().await;
    let rebuilt = i64::from(set.contains("mark = mark"));
    Databases::execute_on(&url, &format!("UPDATE feed_cursor SET {set} WHERE feed = 'conversation.1'")).await;
    eventually("assignment goes on from there", async || {
        let (now, of, done) = place().await;
        (now >= seq && of == generation + rebuilt && done).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_equal_a_recount() {
    let mut play = Play::start().await;
    let mut days = vec![play.suite.ambient.now().date_naive()];
    for _ in 0..400 {
        play.step().await;
        let today = play.suite.ambient.now().date_naive();
        if days.last() != Some(&today) {
            days.push(today);
        }
    }
    let facts = recount(&play.suite, &play.all).await;
    compare(&mut play, &facts, &days).await;
    // The feed from its beginning: nothing counts twice.
    move_place(&play.suite, "seq = 0, mark = 0").await;
    compare(&mut play, &facts, &days).await;
    // A place that the feed does not know: everything is rebuilt, and counted anew.
    move_place(&play.suite, "mark = mark # 1").await;
    compare(&mut play, &facts, &days).await;
    for _ in 0..40 {
        play.step().await;
    }
    days.push(play.suite.ambient.now().date_naive());
    let facts = recount(&play.suite, &play.all).await;
    compare(&mut play, &facts, &days).await;
}
