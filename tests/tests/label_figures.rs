//! What customers write about: figures of labels and of customers' tags by day equal a recount, and cost no more with ten
//! times the conversations.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tandem_access::Role;
use tandem_conversation::domain::label::figures::{Days, Wanted};
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::{Agent, CreateAgentRequest, CreateTeamRequest, Team};
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    ChannelPolicy, CloseConversationRequest, LabelFigureKind, LabelFigures, ListLabelFiguresRequest,
    ListLabelsRequest, MergeLabelsRequest, ReopenPolicy,
};
use tandem_proto::customer::v1::UpdateTagsRequest;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_tests::{Databases, Kind, Parts, Suite, eventually, refused, whatsapp, wrong};
use tonic::{Code, Status};
use uuid::Uuid;

const NAMES: [&str; 4] = ["refund", "delivery", "invoice", "praise"];

fn asked(kind: LabelFigureKind, from: NaiveDate, until: NaiveDate) -> ListLabelFiguresRequest {
    ListLabelFiguresRequest {
        kind: kind.into(),
        from_date: from.to_string(),
        until_date: until.to_string(),
        ..ListLabelFiguresRequest::default()
    }
}

/// All pages of figures, `page_size` at a time.
async fn pages(
    suite: &Suite,
    subject: &str,
    role: Role,
    mut request: ListLabelFiguresRequest,
) -> Result<Vec<LabelFigures>, Status> {
    let (mut client, mut all) = (suite.conversations(1, subject, role), Vec::new());
    loop {
        let page = client.list_label_figures(request.clone()).await?.into_inner();
        assert!(request.page_size == 0 || page.labels.len() <= usize::try_from(request.page_size).unwrap());
        all.extend(page.labels);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn figures(suite: &Suite, request: ListLabelFiguresRequest) -> Vec<LabelFigures> {
    pages(suite, "admin", Role::Admin, request).await.unwrap()
}

async fn label(suite: &Suite, replica: usize, id: &str, add: &[&str], remove: &[&str]) {
    suite.label(replica, id, add, remove).await.unwrap();
}

async fn label_ids(suite: &Suite) -> BTreeMap<String, String> {
    let labels = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    labels.into_iter().map(|label| (label.name, label.id)).collect()
}

/// Goes on to the noon of the next day, UTC.
fn next_noon(suite: &Suite) -> NaiveDate {
    let now = suite.ambient.now();
    let noon = (now.date_naive() + TimeDelta::days(1)).and_hms_opt(12, 0, 0).unwrap().and_utc();
    suite.ambient.clock().advance(noon - now);
    noon.date_naive()
}

/// What timelines say: by label, how many conversations of some channels got it on each day.
async fn recount(
    suite: &Suite,
    ids: &[String],
    channels: &[Uuid],
) -> BTreeMap<String, BTreeMap<NaiveDate, i64>> {
    let mut counted: BTreeMap<String, BTreeMap<NaiveDate, i64>> = BTreeMap::new();
    for id in ids {
        let mut put_on: BTreeMap<String, NaiveDate> = BTreeMap::new();
        for entry in suite.timeline(id).await {
            if !channels.iter().any(|channel| channel.to_string() == entry.channel_id) {
                continue;
            }
            let at = entry.time.unwrap();
            let day = DateTime::from_timestamp(at.seconds, 0).unwrap().date_naive();
            let Some(Event::LabelsChanged(changed)) = entry.event else { continue };
            for label in changed.added {
                *counted.entry(label.clone()).or_default().entry(day).or_default() += 1;
                put_on.insert(label, day);
            }
            for label in changed.removed {
                if put_on.remove(&label) == Some(day) {
                    *counted.get_mut(&label).unwrap().get_mut(&day).unwrap() -= 1;
                }
            }
        }
    }
    counted
}

/// What an answer must be: ids with numbers, most first.
fn expected(
    counted: &BTreeMap<String, BTreeMap<NaiveDate, i64>>,
    from: NaiveDate,
    until: NaiveDate,
) -> BTreeSet<(String, i64, i64, Vec<i64>)> {
    let days = (until - from).num_days() + 1;
    let sum = |by_day: &BTreeMap<NaiveDate, i64>, from: NaiveDate| -> Vec<i64> {
        let day = |n| from + TimeDelta::days(n);
        (0..days).map(|n| by_day.get(&day(n)).copied().unwrap_or_default()).collect()
    };
    let rows = counted.iter().map(|(label, by_day)| {
        let (daily, before) = (sum(by_day, from), sum(by_day, from - TimeDelta::days(days)));
        (label.clone(), daily.iter().sum::<i64>(), before.iter().sum::<i64>(), daily)
    });
    rows.filter(|(_, now, before, _)| *now > 0 || *before > 0).collect()
}

fn told(figures: &[LabelFigures]) -> BTreeSet<(String, i64, i64, Vec<i64>)> {
    let row = |it: &LabelFigures| {
        let daily = it.daily_conversations.clone();
        (it.id.clone(), it.conversations, it.previous_conversations, daily)
    };
    figures.iter().map(row).collect()
}

/// An agent who sees one channel.
async fn narrow(suite: &Suite, channel: Uuid) {
    let admin = suite.channel(Kind::Assignment, 0, &suite.spec("admin", Role::Admin));
    let mut directory = DirectoryServiceClient::new(admin);
    let agent = Agent { subject: "narrow".to_owned(), display_name: "Narrow".to_owned(), ..Agent::default() };
    let request = CreateAgentRequest { request_id: suite.request_id(), agent: Some(agent) };
    let agent = directory.create_agent(request).await.unwrap().into_inner().agent.unwrap();
    let team = Team {
        display_name: "narrow".to_owned(),
        agent_ids: vec![agent.id],
        channel_ids: vec![channel.to_string()],
        ..Team::default()
    };
    let request = CreateTeamRequest { request_id: suite.request_id(), team: Some(team) };
    let made = directory.create_team(request).await.unwrap().into_inner();
    suite.conversation_knows(&made.change_token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_labels_equal_a_recount() {
    let suite = Arc::new(Suite::start(Parts::WITH_ASSIGNMENT).await);
    let (one, two) = (suite.create_channel().await, suite.create_channel().await);
    narrow(&suite, one).await;
    let mut ids = suite.begin(one, "one", 12).await;
    ids.extend(suite.begin(two, "two", 12).await);
    let ids = Arc::new(ids);
    let mut days = Vec::new();
    for day in 0..4_usize {
        days.push(next_noon(&suite));
        // Both processes at once, each conversation by several writers.
        let writers: Vec<_> = (0..6_usize)
            .map(|writer| {
                let (suite, ids) = (suite.clone(), ids.clone());
                tokio::spawn(async move {
                    let mut random = (day * 6 + writer + 1) as u64;
                    let mut next = |below: usize| {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (random >> 33) as usize % below
                    };
                    for _ in 0..15 {
                        let (id, add, remove) = (&ids[next(24)], NAMES[next(4)], NAMES[next(4)]);
                        match next(3) {
                            0 => label(&suite, writer, id, &[], &[remove]).await,
                            1 => label(&suite, writer, id, &[add], &[]).await,
                            _ => label(&suite, writer, id, &[add], &[remove]).await,
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    }
    let counted = recount(&suite, &ids, &[one, two]).await;
    let labels = |from, until| asked(LabelFigureKind::Label, from, until);
    for (from, until) in [(0, 3), (2, 3), (3, 3), (0, 0)].map(|(from, until)| (days[from], days[until])) {
        let answer = figures(&suite, labels(from, until)).await;
        assert_eq!(told(&answer), expected(&counted, from, until), "{from} to {until}");
        assert!(answer.is_sorted_by_key(|it| -it.conversations), "most first");
        let paged = figures(&suite, ListLabelFiguresRequest { page_size: 1, ..labels(from, until) }).await;
        assert_eq!(paged, answer);
        assert!(answer.iter().all(|it| NAMES.contains(&it.name.as_str())));
    }
    // Of one channel: because it is asked for, or because the caller sees no other.
    let (from, until) = (days[2], days[3]);
    let of_one = expected(&recount(&suite, &ids, &[one]).await, from, until);
    let in_one = ListLabelFiguresRequest { channel_ids: vec![one.to_string()], ..labels(from, until) };
    let in_two = ListLabelFiguresRequest { channel_ids: vec![two.to_string()], ..labels(from, until) };
    assert_eq!(told(&figures(&suite, in_one.clone()).await), of_one);
    for request in [labels(from, until), in_one] {
        assert_eq!(told(&pages(&suite, "narrow", Role::Agent, request).await.unwrap()), of_one);
    }
    assert_eq!(pages(&suite, "narrow", Role::Agent, in_two).await.unwrap(), []);

    // A merge adds up; what is taken off on the day of the merge counts back under either name.
    let known = label_ids(&suite).await;
    let merge = MergeLabelsRequest {
        request_id: suite.request_id(),
        label_id: known["refund"].clone(),
        into_label_id: known["delivery"].clone(),
    };
    let fresh = suite.begin(one, "fresh", 1).await.remove(0);
    label(&suite, 0, &fresh, &["refund"], &[]).await;
    suite.as_admin().merge_labels(merge).await.unwrap();
    label(&suite, 1, &fresh, &[], &["delivery"]).await;
    let mut merged = counted.clone();
    for (day, number) in merged.remove(&known["refund"]).unwrap() {
        *merged.get_mut(&known["delivery"]).unwrap().entry(day).or_default() += number;
    }
    let (from, until) = (days[0], days[3]);
    assert_eq!(told(&figures(&suite, labels(from, until)).await), expected(&merged, from, until));
    // Folded or not, the numbers are the same; in the end nothing waits to be folded.
    eventually("all is folded", async || {
        let rows = Databases::rows_of(&suite.conversation_url, "SELECT FROM label_figure_change").await;
        rows.is_empty().then_some(())
    })
    .await;
    assert_eq!(told(&figures(&suite, labels(from, until)).await), expected(&merged, from, until));
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_tags_count_conversations_as_they_begin() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::TWO_CONVERSATIONS }).await;
    let policy = ChannelPolicy { reopen: ReopenPolicy::Never.into(), ..ChannelPolicy::default() };
    let channel = suite.create_channel_with(policy).await;
    let who = [whatsapp("US.1")];
    let first = suite.write(channel, "m1", &who, "hello").await.conversation_id;
    let customer_id = suite.get(&first).await.customer_id;
    let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    let change = async |add: &[&str], remove: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = UpdateTagsRequest {
            request_id: suite.request_id(),
            customer_id: customer_id.clone(),
            add: names(add),
            remove: names(remove),
        };
        let tagged = eventually("the profile is there", async || {
            CustomerServiceClient::new(lead.clone()).update_tags(request.clone()).await.ok()
        });
        let tagged = tagged.await.into_inner();
        suite.conversation_knows(&tagged.change_token).await;
        let id = |tag: &tandem_proto::customer::v1::Tag| (tag.name.clone(), tag.id.clone());
        tagged.tags.iter().map(id).collect::<BTreeMap<_, _>>()
    };
    let again = async |message: &str| {
        let live = suite.write(channel, message, &who, "again").await.conversation_id;
        let close = CloseConversationRequest {
            request_id: suite.request_id(),
            conversation_id: live.clone(),
            ..CloseConversationRequest::default()
        };
        suite.as_admin().close_conversation(close).await.unwrap();
        live
    };
    let tags = change(&["vip", "wholesale"], &[]).await;
    let monday = next_noon(&suite);
    assert_eq!(again("m2").await, first, "began before anybody knew");
    assert_ne!(again("m3").await, first);
    again("m4").await;
    let tuesday = next_noon(&suite);
    change(&[], &["wholesale"]).await;
    again("m5").await;
    let answer = figures(&suite, asked(LabelFigureKind::CustomerTag, monday, tuesday)).await;
    let vip = (tags["vip"].clone(), 3, 0, vec![2, 1]);
    assert_eq!(told(&answer), BTreeSet::from([vip, (tags["wholesale"].clone(), 2, 0, vec![2, 0])]));
    assert_eq!(answer[0].name, "", "customer-profile knows tags' names");
    let answer = figures(&suite, asked(LabelFigureKind::CustomerTag, tuesday, tuesday)).await;
    let vip = (tags["vip"].clone(), 1, 2, vec![1]);
    assert_eq!(told(&answer), BTreeSet::from([vip, (tags["wholesale"].clone(), 0, 2, vec![0])]));
    assert_eq!(figures(&suite, asked(LabelFigureKind::Label, monday, tuesday)).await, []);
}

/// Rows that PostgreSQL reads for a page of figures, table by table: as it counts them itself.
async fn rows_read(suite: &Suite, day: NaiveDate) -> BTreeMap<String, i64> {
    let options = PgConnectOptions::from_str(&suite.conversation_url).unwrap();
    let mut connection = options.connect().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    let days = Days { from: day, until: day };
    let kind = tandem_conversation::domain::kinds::LabelFigureKind::Label;
    let wanted = Wanted { kind, days, channel_ids: None, after: None, limit: 200 };
    let found = tandem_conversation::store::label_figure::list(&mut tx, suite.tenant, &wanted).await.unwrap();
    assert_eq!(found.len(), 4);
    let read = "SELECT relname::text, coalesce(seq_tup_read + idx_tup_fetch, seq_tup_read)::bigint
                FROM pg_stat_xact_user_tables WHERE seq_tup_read + coalesce(idx_tup_fetch, 0) > 0";
    sqlx::query_as::<_, (String, i64)>(read).fetch_all(&mut *tx).await.unwrap().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_cost_days_channels_and_labels() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let day = next_noon(&suite);
    let mut read = Vec::new();
    for (round, more) in [(0, 10), (1, 90)] {
        for id in suite.begin(channel, &format!("{round}"), more).await {
            label(&suite, 0, &id, &NAMES, &[]).await;
        }
        let waiting = "SELECT FROM label_figure_change";
        eventually("all is folded", async || {
            Databases::rows_of(&suite.conversation_url, waiting).await.is_empty().then_some(())
        })
        .await;
        read.push(rows_read(&suite, day).await);
    }
    for read in &read {
        let tables: Vec<&str> = read.keys().map(String::as_str).collect();
        assert_eq!(tables, ["label", "label_figure"], "neither conversations nor timelines: {read:?}");
        assert!(read["label_figure"] <= 8, "a row for each day, channel and label: {read:?}");
        // By index or as a whole, as the planner likes: four labels, however many conversations carry them.
        assert!(read["label"] <= 16, "{read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_asked_for_in_bounds() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let (first, last) = (day("2026-01-01"), day("2026-04-02"));
    let request = asked(LabelFigureKind::Label, first, last);
    assert_eq!(figures(&suite, request.clone()).await, []);
    let longer = asked(LabelFigureKind::Label, first, day("2026-04-03"));
    wrong(pages(&suite, "admin", Role::Admin, longer).await, &["until_date"]);
    let backwards = asked(LabelFigureKind::Label, last, first);
    wrong(pages(&suite, "admin", Role::Admin, backwards).await, &["until_date"]);
    let forged = ListLabelFiguresRequest { page_token: "x".to_owned(), ..request };
    let answer = pages(&suite, "admin", Role::Admin, forged).await;
    refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}
