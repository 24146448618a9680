//! Lists in any order, counts, matches, live streams and a plain evaluation of the same filter agree, whatever happens to
//! the conversations.

mod caller;
mod plain;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use tandem_access::Role;
use tandem_proto::conversation::v1::CountPrecision;
use tandem_proto::r#type::v1::{AssignmentFilter, ConversationFilter};
use tandem_tests::{Parts, Suite, eventually};

use crate::caller::{Caller, Rows, id_of};
use crate::plain::{Asker, matches};
use crate::world::World;

const ROUNDS: usize = 10;
/// Of each caller.
const FILTERS: usize = 8;

fn expected(caller: &Caller<'_>, filter: &ConversationFilter, all: &Rows, suite: &Suite) -> Rows {
    let now = suite.ambient.now();
    let meant = all.iter().filter(|(_, row)| matches(filter, &caller.asker, row, now));
    meant.map(|(id, row)| (id.clone(), row.clone())).collect()
}

/// Every way of asking but the stream, at a moment at which timers do not change anything.
async fn asked(caller: &Caller<'_>, suite: &Suite, round: usize) -> Rows {
    let (all, lists, counts, matched) = eventually("nothing changes while it is asked", async || {
        let before = caller.everything().await;
        let (mut lists, mut matched) = (Vec::new(), Vec::new());
        for (number, filter) in caller.filters.iter().enumerate() {
            let order = i32::try_from((number + round) % 6).unwrap();
            lists.push(caller.listed(number, filter, order, 17).await);
            matched.push(caller.matched(filter, &before).await);
        }
        let counts = caller.counted(round % 2).await;
        (before == caller.everything().await).then_some((before, lists, counts, matched))
    })
    .await;
    for (number, filter) in caller.filters.iter().enumerate() {
        let expected = expected(caller, filter, &all, suite);
        let context = format!("{} in round {round} under {filter:?}", caller.subject);
        let ids: Vec<String> = lists[number].iter().map(id_of).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "a row came twice: {context}");
        let listed: Rows = lists[number].iter().map(|row| (id_of(row), row.clone())).collect();
        assert_eq!(listed, expected, "the list: {context}");
        assert_eq!(counts[number].precision(), CountPrecision::Exact, "{context}");
        assert_eq!(usize::try_from(counts[number].count), Ok(expected.len()), "the count: {context}");
        assert!(expected.keys().eq(&matched[number]), "what matches: {context}");
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn all_ways_of_asking_agree() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let mut world = World::found(&suite).await;
    let (narrow, narrow_team) = suite.narrow_agent(world.channels[1]).await;
    let random = world.filters().await;
    let asker =
        |agent: &String, team: &String| Asker { agent_id: Some(agent.clone()), team_ids: vec![team.clone()] };
    let askers = [
        (("agent-0", Role::Agent), asker(&world.agents[0], &world.team)),
        (("agent-1", Role::Supervisor), asker(&world.agents[1], &world.team)),
        (("narrow", Role::Agent), asker(&narrow, &narrow_team)),
        (("admin", Role::Admin), Asker::default()),
    ];
    let mut callers = Vec::new();
    for (who, asker) in askers {
        let filters = (0..FILTERS).map(|_| random.next()).collect();
        callers.push(Caller::new(&suite, who, asker, filters).await);
    }
    let mut met = 0;
    for round in 0..ROUNDS {
        world.goes_on().await;
        for caller in &mut callers {
            if round % 3 == 2 {
                caller.reconnect(round % 2).await;
            }
            let all = asked(caller, &suite, round).await;
            for (number, filter) in caller.filters.clone().iter().enumerate() {
                let expected = expected(caller, filter, &all, &suite);
                met += usize::from(!expected.is_empty());
                caller.shows(number, &expected).await;
            }
        }
    }
    println!("{met} of {} filters matched something", ROUNDS * FILTERS * callers.len());
    assert!(met > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_filter_and_order_make_the_whole_while_rows_change() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let mut world = World::found(&suite).await;
    for _ in 0..4 {
        world.goes_on().await;
    }
    let random = world.filters().await;
    let still = world.rest();
    let asker = Asker { agent_id: Some(world.agents[0].clone()), team_ids: vec![world.team.clone()] };
    let caller =
        Caller::new(&suite, ("agent-0", Role::Agent), asker, (0..8).map(|_| random.next()).collect()).await;
    // What was due has happened; time stands still from here on.
    asked(&caller, &suite, 0).await;
    let ended = AtomicBool::new(false);
    let changes = async {
        while !ended.load(Ordering::Relaxed) {
            world.things_happen().await;
        }
    };
    let reads = async {
        let not_mine = AssignmentFilter { unassigned: true, ..AssignmentFilter::default() };
        let mut filters = vec![
            ConversationFilter::default(),
            ConversationFilter { statuses: vec![1, 2], ..ConversationFilter::default() },
            ConversationFilter { unread: Some(true), ..ConversationFilter::default() },
            ConversationFilter { assignment: Some(not_mine), ..ConversationFilter::default() },
        ];
        filters.extend(caller.filters.clone());
        for (number, filter) in filters.iter().enumerate() {
            for order in 1..=5 {
                let all = caller.everything().await;
                let seen: Vec<String> =
                    caller.listed(number, filter, order, 7).await.iter().map(id_of).collect();
                let expected = expected(&caller, filter, &all, &suite);
                for id in &still {
                    let times = seen.iter().filter(|seen| *seen == id).count();
                    let wanted = usize::from(expected.contains_key(id));
                    assert_eq!(times, wanted, "{id} in order {order} under {filter:?}");
                }
            }
        }
        ended.store(true, Ordering::Relaxed);
    };
    tokio::join!(changes, reads);
}
