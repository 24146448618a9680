//! Whose views are, and how they are made, changed, arranged and limited.

use tandem_access::Role;
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{
    ArrangeViewsRequest, ArrangedView, CopyViewRequest, CreateViewRequest, DeleteViewRequest,
    ListConversationsRequest, SetDefaultViewRequest, StandardView, View, ViewColumn, ViewScope,
};
use tandem_proto::r#type::v1::{AssignmentFilter, ConversationFilter, ConversationOrder, ConversationStatus};
use tandem_tests::{Parts, Suite, fact, refused, wrong};
use tonic::Code;
use uuid::Uuid;

use crate::support::{
    admins_views, agents_views, create, get, list, names, personal, standard, statuses, update, views,
};

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
