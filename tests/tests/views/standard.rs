//! The views that every tenant has.

use std::collections::BTreeSet;

use tandem_access::Role;
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{
    CountPrecision, DeleteViewRequest, ListViewsRequest, StandardView, View,
};
use tandem_proto::r#type::v1::ConversationStatus;
use tandem_tests::{Parts, Suite, refused, wrong};
use tonic::Code;

use crate::support::{
    admins_views, agents_views, create, furnish, get, list, names, personal, shown, standard, statuses,
    update, views,
};

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
