//! Views: saved filters, whose they are, what they show, and what becomes of them when what they name goes.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use prost_types::FieldMask;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::AssignRequest;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{
    ArrangeViewsRequest, ArrangedView, CloseConversationRequest, CopyViewRequest, CountPrecision,
    CreateViewRequest, DeleteViewRequest, GetViewRequest, ListConversationsRequest, ListViewsRequest,
    ListViewsResponse, RaiseAttentionRequest, SetDefaultViewRequest, StandardView, UpdateLabelsRequest,
    UpdateViewRequest, View, ViewColumn, ViewProblemKind, ViewScope,
};
use tandem_proto::r#type::v1::{
    AssignmentFilter, ConversationFilter, ConversationOrder, ConversationStatus, TagFilter,
};
use tandem_tests::{Databases, Parts, Suite, fact, refused, whatsapp, wrong};
use tonic::{Code, Status};
use uuid::Uuid;

type Views = ViewServiceClient<InternalChannel>;
type Conversations = ConversationServiceClient<InternalChannel>;

fn views(suite: &Suite, replica: usize, subject: &str, role: Role) -> Views {
    ViewServiceClient::new(suite.as_role(replica, subject, role))
}

fn agents_views(suite: &Suite, number: usize) -> Views {
    views(suite, number, &format!("agent-{number}"), Role::Agent)
}

fn admins_views(suite: &Suite) -> Views {
    views(suite, 0, "admin", Role::Admin)
}

async fn create(suite: &Suite, client: &mut Views, view: View) -> Result<View, Status> {
    let request = CreateViewRequest { request_id: suite.request_id(), view: Some(view) };
    Ok(client.create_view(request).await?.into_inner().view.unwrap())
}

async fn update(suite: &Suite, client: &mut Views, view: View, paths: &[&str]) -> Result<View, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateViewRequest {
        request_id: suite.request_id(),
        view: Some(view),
        update_mask: Some(FieldMask { paths }),
    };
    Ok(client.update_view(request).await?.into_inner().view.unwrap())
}

async fn get(client: &mut Views, view_id: &str) -> Result<View, Status> {
    let request = GetViewRequest { view_id: view_id.to_owned(), at_least_as_fresh: Vec::new() };
    Ok(client.get_view(request).await?.into_inner().view.unwrap())
}

async fn list(client: &mut Views, counts: bool) -> ListViewsResponse {
    let request = ListViewsRequest { counts, ..ListViewsRequest::default() };
    client.list_views(request).await.unwrap().into_inner()
}

fn names(listed: &ListViewsResponse) -> Vec<&str> {
    listed.views.iter().map(|listed| listed.view.as_ref().unwrap().name.as_str()).collect()
}

async fn standard(client: &mut Views, wanted: StandardView) -> View {
    let listed = list(client, false).await.views.into_iter().filter_map(|listed| listed.view);
    listed.into_iter().find(|view| view.standard() == wanted).unwrap()
}

/// What a view shows.
async fn shown(client: &mut Conversations, view_id: &str) -> BTreeSet<String> {
    let (mut ids, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let view_id = view_id.to_owned();
        let request = ListConversationsRequest { view_id, page_size: 3, page_token, ..Default::default() };
        let page = client.list_conversations(request).await.unwrap().into_inner();
        ids.extend(page.rows.into_iter().map(|row| row.conversation.unwrap().id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

fn personal(name: &str) -> View {
    View { name: name.to_owned(), ..View::default() }
}

fn statuses(statuses: &[ConversationStatus]) -> ConversationFilter {
    let statuses = statuses.iter().map(|status| (*status).into()).collect();
    ConversationFilter { statuses, ..ConversationFilter::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_made_changed_copied_and_deleted() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, _) = suite.agents(2).await;
    let mut own = agents_views(&suite, 0);
    let view = View {
        name: "Refunds".to_owned(),
        icon: "💶".to_owned(),
        colour: "#00aaFF".to_owned(),
        filter: Some(ConversationFilter {
            assignment: Some(AssignmentFilter {
                mine: true,
                agent_ids: vec![agents[1].to_string()],
                ..AssignmentFilter::default()
            }),
            ..statuses(&[ConversationStatus::New, ConversationStatus::Open])
        }),
        order: ConversationOrder::LongestWaiting.into(),
        columns: vec![ViewColumn::Customer.into(), ViewColumn::Due.into()],
        ..View::default()
    };
    let request = CreateViewRequest { request_id: suite.request_id(), view: Some(view.clone()) };
    let created = own.create_view(request.clone()).await.unwrap().into_inner().view.unwrap();
    let again = own.create_view(request.clone()).await.unwrap().into_inner().view.unwrap();
    assert_eq!(again, created, "the same request answers the same");
    let other = CreateViewRequest { view: Some(personal("other")), ..request };
    refused(own.create_view(other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!((&created.filter, &created.columns), (&view.filter, &view.columns), "kept as it was asked");
    assert_eq!((created.scope(), created.etag.as_str(), created.position), (ViewScope::Personal, "1", 12));
    assert_eq!(get(&mut own, &created.id).await.unwrap(), created);

    let new = View { name: "Returns".to_owned(), colour: String::new(), ..created.clone() };
    let changed = update(&suite, &mut own, new.clone(), &["name"]).await.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.colour.as_str(), changed.etag.as_str()),
        ("Returns", "#00aaFF", "2")
    );
    let stale = update(&suite, &mut own, new, &["name"]).await;
    refused(stale, Code::Aborted, "ETAG_MISMATCH");
    let filter = Some(statuses(&[ConversationStatus::Closed]));
    let changed = update(&suite, &mut own, View { filter, ..changed }, &["filter", "columns"]).await.unwrap();
    assert_eq!(changed.filter.as_ref().unwrap().statuses, [4]);

    let copy = CopyViewRequest {
        request_id: suite.request_id(),
        view_id: changed.id.clone(),
        name: "Copy".to_owned(),
        ..CopyViewRequest::default()
    };
    let copied = own.copy_view(copy).await.unwrap().into_inner().view.unwrap();
    assert_ne!(copied.id, changed.id);
    assert_eq!((copied.name.as_str(), &copied.filter, copied.order), ("Copy", &changed.filter, 2));

    let delete = |etag: &str| DeleteViewRequest {
        request_id: suite.request_id(),
        view_id: changed.id.clone(),
        etag: etag.to_owned(),
    };
    refused(own.delete_view(delete("1")).await, Code::Aborted, "ETAG_MISMATCH");
    let right = delete("3");
    own.delete_view(right.clone()).await.unwrap();
    own.delete_view(right).await.unwrap();
    refused(own.delete_view(delete("")).await, Code::NotFound, "NOT_FOUND");
    refused(get(&mut own, &changed.id).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(names(&list(&mut own, false).await).split_off(11), ["Copy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_view_is_nobody_elses_and_shared_ones_are_kept_by_supervisors() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(2).await;
    let mut own = agents_views(&suite, 0);
    let mine = create(&suite, &mut own, personal("mine")).await.unwrap();
    let nobodys = View { id: suite.request_id(), ..mine.clone() };
    let others = [agents_views(&suite, 1), views(&suite, 1, "lead", Role::Supervisor), admins_views(&suite)];
    for mut other in others {
        // One that exists and one that does not: the same answers.
        for view in [&mine, &nobodys] {
            refused(get(&mut other, &view.id).await, Code::NotFound, "NOT_FOUND");
            refused(update(&suite, &mut other, view.clone(), &["name"]).await, Code::NotFound, "NOT_FOUND");
            let delete = DeleteViewRequest {
                request_id: suite.request_id(),
                view_id: view.id.clone(),
                etag: String::new(),
            };
            refused(other.delete_view(delete).await, Code::NotFound, "NOT_FOUND");
            let copy = CopyViewRequest {
                request_id: suite.request_id(),
                view_id: view.id.clone(),
                ..CopyViewRequest::default()
            };
            refused(other.copy_view(copy).await, Code::NotFound, "NOT_FOUND");
            let default = SetDefaultViewRequest {
                request_id: suite.request_id(),
                view_id: view.id.clone(),
                team_id: String::new(),
            };
            refused(other.set_default_view(default).await, Code::NotFound, "NOT_FOUND");
        }
        assert_eq!(names(&list(&mut other, false).await).len(), 11);
    }
    let by_view = ListConversationsRequest { view_id: mine.id.clone(), ..Default::default() };
    refused(suite.as_agent(0, 1).list_conversations(by_view).await, Code::NotFound, "NOT_FOUND");

    let scoped = |scope: ViewScope, team_id: &Uuid| View {
        scope: scope.into(),
        team_id: if scope == ViewScope::Team { team_id.to_string() } else { String::new() },
        ..personal(&format!("{scope:?}"))
    };
    for scope in [ViewScope::Team, ViewScope::Tenant] {
        let answer = create(&suite, &mut own, scoped(scope, &team)).await;
        refused(answer, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    }
    let mut lead = views(&suite, 0, "lead", Role::Supervisor);
    let of_team = create(&suite, &mut lead, scoped(ViewScope::Team, &team)).await.unwrap();
    let of_tenant =
        create(&suite, &mut admins_views(&suite), scoped(ViewScope::Tenant, &team)).await.unwrap();
    let answer = create(&suite, &mut lead, scoped(ViewScope::Team, &suite.tenant)).await;
    wrong(answer, &["view.team_id"]);
    // Nobody's personal view without an agent.
    let answer = create(&suite, &mut admins_views(&suite), personal("x")).await;
    refused(answer, Code::FailedPrecondition, "AGENT_INACTIVE");
    assert_eq!(names(&list(&mut own, false).await).split_off(11), ["Tenant", "Team", "mine"]);
    // The AI is in no team.
    let mut ai = views(&suite, 0, "ai", Role::Ai);
    assert_eq!(names(&list(&mut ai, false).await).split_off(11), ["Tenant"]);
    refused(get(&mut ai, &of_team.id).await, Code::NotFound, "NOT_FOUND");
    for view in [of_team, of_tenant] {
        let answer = update(&suite, &mut own, view.clone(), &["name"]).await;
        refused(answer, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
        let delete = DeleteViewRequest {
            request_id: suite.request_id(),
            view_id: view.id.clone(),
            etag: String::new(),
        };
        refused(own.delete_view(delete.clone()).await, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
        // What an agent may not change it may copy.
        let copy = CopyViewRequest {
            request_id: suite.request_id(),
            view_id: view.id.clone(),
            ..CopyViewRequest::default()
        };
        let copied = own.copy_view(copy).await.unwrap().into_inner().view.unwrap();
        assert_eq!((copied.scope(), &copied.name), (ViewScope::Personal, &view.name));
        lead.delete_view(delete).await.unwrap();
    }
    assert_eq!(names(&list(&mut own, false).await).len(), 14);
}

/// Conversations of every sort; answers their ids. 0: new; 1: the AI answered; 2: agent 0's; 3: the team's; 4: snoozed
/// until today; 5: snoozed until next week; 6: closed; 7: the AI's, wants attention; 8: overdue.
async fn furnish(suite: &Suite) -> Vec<String> {
    let (agents, team) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let mut ids = Vec::new();
    for number in 0..9 {
        suite.ambient.clock().advance(TimeDelta::milliseconds(10));
        let who = [whatsapp(&format!("US.{number}"))];
        ids.push(suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id);
    }
    suite.as_ai(0).send_message(suite.answer(&ids[1], 1, 1, &["hi"])).await.unwrap();
    let mut lead = suite.assignments("lead", Role::Supervisor);
    for (number, assignee) in
        [(2, Assignee::AgentId(agents[0].to_string())), (3, Assignee::TeamId(team.to_string()))]
    {
        let assign = AssignRequest {
            request_id: suite.request_id(),
            conversation_id: ids[number].clone(),
            assignee: Some(assignee),
            ..AssignRequest::default()
        };
        lead.assign(assign).await.unwrap();
    }
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: ids[6].clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();
    let attention =
        RaiseAttentionRequest { request_id: suite.request_id(), conversation_id: ids[7].clone(), reason: 1 };
    suite.as_ai(0).raise_attention(attention).await.unwrap();
    // What timers and goals make of them.
    let now = suite.ambient.now();
    let end_of_day = (now.date_naive() + TimeDelta::days(1)).and_hms_opt(0, 0, 0).unwrap().and_utc();
    let next_week = now + TimeDelta::days(7);
    let snooze = |id: &String, until: chrono::DateTime<chrono::Utc>| {
        format!(
            "UPDATE conversation SET status = 3, snoozed_until = '{}' WHERE id = '{id}';",
            until.to_rfc3339()
        )
    };
    let due = (now - TimeDelta::minutes(1)).to_rfc3339();
    let statement = [
        snooze(&ids[4], end_of_day - TimeDelta::milliseconds(1)),
        snooze(&ids[5], next_week),
        format!("UPDATE conversation SET due_at = '{due}' WHERE id = '{}';", ids[8]),
    ];
    Databases::execute_on(&suite.conversation_url, &statement.concat()).await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_views_show_what_their_names_say_and_badges_count_it() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let ids = furnish(&suite).await;
    let mut client = agents_views(&suite, 0);
    let filter = Some(statuses(&[ConversationStatus::Snoozed, ConversationStatus::Closed]));
    create(&suite, &mut client, View { filter, ..personal("away") }).await.unwrap();
    let listed = list(&mut client, true).await;
    let names = names(&listed);
    assert_eq!(
        names,
        [
            "New",
            "Unread",
            "Assigned to me",
            "Unassigned",
            "New and unassigned",
            "Needs attention",
            "Waiting longest",
            "Overdue",
            "Handled by the AI last night",
            "Snoozed until today",
            "Closed this week",
            "away"
        ]
    );
    let expected: [&[usize]; 12] = [
        &[0, 2, 3, 7, 8],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8],
        &[2],
        &[0, 1, 3, 7, 8],
        &[0, 3, 7, 8],
        &[7],
        &[0, 2, 3, 7, 8],
        &[8],
        &[],
        &[4],
        &[6],
        &[4, 5, 6],
    ];
    let mut agent = suite.as_agent(1, 0);
    for ((listed, expected), name) in listed.views.iter().zip(expected).zip(names) {
        let view = listed.view.as_ref().unwrap();
        if name == "Handled by the AI last night" {
            // What there is depends on the time of the day: the badge and the list agree below.
            continue;
        }
        let expected: BTreeSet<String> = expected.iter().map(|number| ids[*number].clone()).collect();
        assert_eq!(shown(&mut agent, &view.id).await, expected, "{name}");
    }
    for listed in &listed.views {
        let (view, count) = (listed.view.as_ref().unwrap(), listed.count.as_ref().unwrap());
        assert_eq!(count.precision(), CountPrecision::Exact);
        let rows = shown(&mut agent, &view.id).await.len();
        assert_eq!(usize::try_from(count.count), Ok(rows), "{}", view.name);
    }
    assert_eq!(listed.total_unread.unwrap().count, 9);
    // The same view means another caller's own: nothing is agent 1's.
    let mine = standard(&mut client, StandardView::AssignedToMe).await;
    assert!(shown(&mut suite.as_agent(0, 1), &mine.id).await.is_empty());
    // Last night, told in the time zone of who asks: it is always 8 in the evening somewhere.
    let night = standard(&mut client, StandardView::HandledByTheAiLastNight).await;
    let range = night.filter.unwrap().last_activity.unwrap();
    assert_eq!((range.relative, range.time_zone.as_str()), (6, ""));
    // Tenants of every age have them, each under ids of its own.
    let spec = tandem_access::TokenSpec {
        tenant: Some(suite.request_id().parse().unwrap()),
        ..suite.spec("admin", Role::Admin)
    };
    let mut elsewhere = ViewServiceClient::new(suite.channel(tandem_tests::Kind::Conversation, 0, &spec));
    let there = list(&mut elsewhere, false).await;
    assert_eq!(there.views.len(), 11);
    let foreign = &there.views[0].view.as_ref().unwrap().id;
    refused(get(&mut client, foreign).await, Code::NotFound, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_changes_and_hides_standard_views() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let (mut admin, mut agent) = (admins_views(&suite), agents_views(&suite, 0));
    let new = standard(&mut agent, StandardView::New).await;
    assert_eq!((new.etag.as_str(), new.create_time), ("0", None));
    let answer = update(&suite, &mut agent, new.clone(), &["name"]).await;
    refused(answer, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    let renamed = View { name: "Neu".to_owned(), ..new.clone() };
    let changed = update(&suite, &mut admin, renamed.clone(), &["name"]).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.etag.as_str(), &changed.id), ("Neu", "1", &new.id));
    assert_eq!((changed.standard(), &changed.filter), (StandardView::New, &new.filter));
    let stale = update(&suite, &mut admin, renamed, &["name"]).await;
    refused(stale, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(names(&list(&mut agent, false).await)[0], "Neu");
    let delete =
        DeleteViewRequest { request_id: suite.request_id(), view_id: new.id.clone(), etag: String::new() };
    wrong(admin.delete_view(delete).await, &["view_id"]);
    let hidden = View { hidden: true, ..changed };
    let hidden = update(&suite, &mut admin, hidden, &["hidden"]).await.unwrap();
    assert_eq!(hidden.position, 0);
    let left = list(&mut agent, false).await;
    assert_eq!((left.views.len(), names(&left)[0]), (10, "Unread"));
    let everything = ListViewsRequest { include_hidden: true, ..ListViewsRequest::default() };
    let everything = agent.list_views(everything).await.unwrap().into_inner();
    assert_eq!((everything.views.len(), names(&everything)[10]), (11, "Neu"), "hidden ones come last");
    // Two who change a standard view for the first time at once: one wins.
    let unread = standard(&mut admin, StandardView::Unread).await;
    let mut other = views(&suite, 1, "lead", Role::Supervisor);
    let (one, two) = tokio::join!(
        update(&suite, &mut admin, View { name: "one".to_owned(), ..unread.clone() }, &["name"]),
        update(&suite, &mut other, View { name: "two".to_owned(), ..unread.clone() }, &["name"]),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    refused(if one.is_ok() { two } else { one }, Code::Aborted, "ETAG_MISMATCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_arranges_pins_and_opens_with_a_default() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(2).await;
    let (mut own, mut other) = (agents_views(&suite, 0), agents_views(&suite, 1));
    let mut lead = views(&suite, 0, "lead", Role::Supervisor);
    let mine = create(&suite, &mut own, personal("mine")).await.unwrap();
    let unread = standard(&mut own, StandardView::Unread).await;
    let overdue = standard(&mut own, StandardView::Overdue).await;
    let place = |view: &View, pinned| ArrangedView { view_id: view.id.clone(), pinned };
    let arrange = |views| ArrangeViewsRequest { request_id: suite.request_id(), views };
    let arranged = arrange(vec![place(&overdue, false), place(&mine, true), place(&unread, true)]);
    let answer = own.arrange_views(arranged.clone()).await.unwrap().into_inner().views;
    let order: Vec<(&str, i32, bool)> =
        answer.iter().map(|view| (view.name.as_str(), view.position, view.pinned)).take(5).collect();
    assert_eq!(
        order,
        [
            ("mine", 1, true),
            ("Unread", 2, true),
            ("Overdue", 3, false),
            ("New", 4, false),
            ("Assigned to me", 5, false)
        ]
    );
    assert_eq!(names(&list(&mut own, false).await)[..3], ["mine", "Unread", "Overdue"]);
    assert_eq!(names(&list(&mut other, false).await)[..3], ["New", "Unread", "Assigned to me"]);
    let theirs = arrange(vec![place(&unread, false), place(&mine, false)]);
    wrong(other.arrange_views(theirs).await, &["views[1].view_id"]);
    wrong(own.arrange_views(arrange(vec![place(&mine, false); 2])).await, &["views[1].view_id"]);
    let answer = lead.arrange_views(arrange(Vec::new())).await;
    refused(answer, Code::FailedPrecondition, "AGENT_INACTIVE");

    let default = |view_id: &str, team_id: String| SetDefaultViewRequest {
        request_id: suite.request_id(),
        view_id: view_id.to_owned(),
        team_id,
    };
    assert_eq!(list(&mut own, false).await.default_view_id, "");
    let answer = own.set_default_view(default(&unread.id, team.to_string())).await;
    refused(answer, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    lead.set_default_view(default(&unread.id, team.to_string())).await.unwrap();
    let answer = lead.set_default_view(default(&unread.id, suite.request_id())).await;
    refused(answer, Code::NotFound, "NOT_FOUND");
    let request = default(&mine.id, String::new());
    own.set_default_view(request.clone()).await.unwrap();
    assert_eq!(own.set_default_view(request).await.unwrap().into_inner().view_id, mine.id);
    let listed = list(&mut own, false).await;
    assert_eq!((&listed.default_view_id, &listed.team_defaults[0].view_id), (&mine.id, &unread.id));
    assert_eq!(list(&mut other, false).await.default_view_id, unread.id, "the team's");
    // One that is gone does not count.
    let delete =
        DeleteViewRequest { request_id: suite.request_id(), view_id: mine.id.clone(), etag: String::new() };
    own.delete_view(delete).await.unwrap();
    assert_eq!(list(&mut own, false).await.default_view_id, unread.id);
    assert_eq!(names(&list(&mut own, false).await)[..2], ["Unread", "Overdue"]);
    lead.set_default_view(default("", team.to_string())).await.unwrap();
    assert_eq!(list(&mut own, false).await.default_view_id, "");
    // A team's default is one that every member sees.
    let led = create(&suite, &mut own, personal("own")).await.unwrap();
    let mut both = {
        let mut spec = suite.spec("agent-0", Role::Agent);
        spec.roles = tandem_access::Roles::from([Role::Agent, Role::Supervisor]);
        ViewServiceClient::new(suite.channel(tandem_tests::Kind::Conversation, 0, &spec))
    };
    wrong(both.set_default_view(default(&led.id, team.to_string())).await, &["view_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_view_names_and_is_gone_is_said_and_widens_nothing() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let ids = furnish(&suite).await;
    let channel = suite.create_channel().await;
    let label = UpdateLabelsRequest {
        request_id: suite.request_id(),
        conversation_id: ids[0].clone(),
        add: vec!["refund".to_owned()],
        remove: Vec::new(),
    };
    let label = suite.as_admin().update_labels(label).await.unwrap().into_inner().labels.remove(0).id;
    let teams = suite.get(&ids[3]).await.holder.unwrap().id;
    let agents = suite.get(&ids[2]).await.holder.unwrap().id;
    let mut client = views(&suite, 0, "lead", Role::Supervisor);
    let filters = [
        ConversationFilter {
            assignment: Some(AssignmentFilter { team_ids: vec![teams.clone()], ..Default::default() }),
            ..ConversationFilter::default()
        },
        ConversationFilter {
            assignment: Some(AssignmentFilter { agent_ids: vec![agents.clone()], ..Default::default() }),
            ..ConversationFilter::default()
        },
        ConversationFilter {
            labels: Some(TagFilter { any: vec![label.clone()], ..TagFilter::default() }),
            ..ConversationFilter::default()
        },
        ConversationFilter { channel_ids: vec![channel.to_string()], ..ConversationFilter::default() },
    ];
    let mut saved = Vec::new();
    for filter in filters {
        let view = View {
            scope: ViewScope::Team.into(),
            team_id: teams.clone(),
            filter: Some(filter),
            ..personal("x")
        };
        let view = create(&suite, &mut client, view).await.unwrap();
        assert_eq!(view.problems, []);
        saved.push(view);
    }
    let mut caller = suite.conversations(0, "lead", Role::Supervisor);
    for (view, expected) in saved.iter().zip([1, 1, 1, 0]) {
        assert_eq!(shown(&mut caller, &view.id).await.len(), expected);
    }
    // Gone, as the feeds and a later release tell of it.
    let gone = format!(
        "DELETE FROM team; DELETE FROM label_count; DELETE FROM label; DELETE FROM channel WHERE id = '{channel}';
         UPDATE agent SET active = false WHERE id = '{agents}';
         UPDATE conversation SET label_ids = '{{}}'; UPDATE conversation SET holder_kind = 4, holder_id = NULL WHERE holder_kind = 3"
    );
    Databases::execute_on(&suite.conversation_url, &gone).await;
    let expected = [
        ("filter.assignment.team_ids[0]", &teams, ViewProblemKind::Unknown, 0),
        ("filter.assignment.agent_ids[0]", &agents, ViewProblemKind::Inactive, 1),
        ("filter.labels.any[0]", &label, ViewProblemKind::Unknown, 0),
        ("filter.channel_ids[0]", &channel.to_string(), ViewProblemKind::Unknown, 0),
    ];
    for (view, (field, id, kind, rows)) in saved.iter().zip(expected) {
        let view = get(&mut client, &view.id).await.unwrap();
        let named: Vec<_> = view.problems.iter().map(|it| (it.field.as_str(), &it.id, it.kind())).collect();
        assert_eq!(named, [(field, id, kind), ("team_id", &teams, ViewProblemKind::Unknown)]);
        assert_eq!(shown(&mut caller, &view.id).await.len(), rows, "{field} widens nothing");
    }
    let listed = list(&mut client, true).await;
    for listed in &listed.views[11..] {
        assert!(!listed.view.as_ref().unwrap().problems.is_empty());
        assert!(listed.count.as_ref().unwrap().count <= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_takes_a_filter_or_a_view() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let ids = furnish(&suite).await;
    let mut own = agents_views(&suite, 0);
    let filter = Some(statuses(&[ConversationStatus::New]));
    let view = create(&suite, &mut own, View { filter, ..personal("new") }).await.unwrap();
    let mut agent = suite.as_agent(0, 0);
    let by_view = ListConversationsRequest { view_id: view.id.clone(), page_size: 2, ..Default::default() };
    let both = ListConversationsRequest { filter: Some(ConversationFilter::default()), ..by_view.clone() };
    wrong(agent.list_conversations(both).await, &["filter", "view_id"]);
    let first = agent.list_conversations(by_view.clone()).await.unwrap().into_inner();
    assert_eq!(first.rows.len(), 2);
    let next = ListConversationsRequest { page_token: first.next_page_token, ..by_view };
    assert_eq!(agent.list_conversations(next.clone()).await.unwrap().into_inner().rows.len(), 2);
    // A page goes on in the question that it began with.
    let filter = Some(statuses(&[ConversationStatus::Closed]));
    update(&suite, &mut own, View { filter, ..view.clone() }, &["filter"]).await.unwrap();
    refused(agent.list_conversations(next).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    assert_eq!(shown(&mut agent, &view.id).await, BTreeSet::from([ids[6].clone()]));
    // The view's order, unless the list asks for another; a page goes on in the order that it began with too.
    let waiting = standard(&mut own, StandardView::WaitingLongest).await;
    let by_view = ListConversationsRequest { view_id: waiting.id, ..Default::default() };
    let newest = ListConversationsRequest { order: 1, ..by_view.clone() };
    let mut orders = Vec::new();
    for request in [&by_view, &newest] {
        let rows = agent.list_conversations(request.clone()).await.unwrap().into_inner().rows;
        orders.push(rows.into_iter().map(|row| row.conversation.unwrap().id).collect::<Vec<_>>());
    }
    let waits = [0, 2, 3, 7, 8].map(|number: usize| ids[number].clone());
    assert_eq!(orders[0], waits, "who waits longest first");
    assert_eq!(orders[1], waits.iter().rev().cloned().collect::<Vec<_>>());
    let page = ListConversationsRequest { page_size: 2, ..by_view };
    let token = agent.list_conversations(page.clone()).await.unwrap().into_inner().next_page_token;
    let other = ListConversationsRequest { order: 1, page_token: token, ..page };
    refused(agent.list_conversations(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_named() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let (mut own, mut lead) = (agents_views(&suite, 0), views(&suite, 0, "lead", Role::Supervisor));
    for number in 0..100 {
        create(&suite, &mut own, personal(&format!("{number}"))).await.unwrap();
    }
    let status = refused(
        create(&suite, &mut own, personal("one more")).await,
        Code::ResourceExhausted,
        "LIMIT_REACHED",
    );
    assert_eq!(fact(&status, "limit"), "100");
    create(&suite, &mut agents_views(&suite, 1), personal("another's")).await.unwrap();
    let shared = |name: &str| View { scope: ViewScope::Tenant.into(), ..personal(name) };
    for number in 0..200 {
        create(&suite, &mut lead, shared(&format!("{number}"))).await.unwrap();
    }
    let status =
        refused(create(&suite, &mut lead, shared("x")).await, Code::ResourceExhausted, "LIMIT_REACHED");
    assert_eq!(fact(&status, "limit"), "200");
    let listed = list(&mut own, true).await;
    assert_eq!(listed.views.len(), 311);
    assert!(listed.views.iter().all(|listed| listed.count.is_some()));
    let long =
        View { name: "x".repeat(101), icon: "x".repeat(65), colour: "red".to_owned(), ..View::default() };
    wrong(create(&suite, &mut own, long).await, &["view.name", "view.icon", "view.colour"]);
}
