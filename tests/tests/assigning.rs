//! Many conversations given away in one call, and conversations that nobody holds.

use tandem_access::Role;
use tandem_proto::assignment::v1::bulk_assign_request::Assignee;
use tandem_proto::assignment::v1::bulk_assign_result::Outcome;
use tandem_proto::assignment::v1::{
    Agent, AssignRequest, BulkAssignRequest, BulkAssignResult, CreateAgentRequest, UnassignRequest,
};
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    LabelFigureKind, ListLabelFiguresRequest, ListLabelsRequest, MergeLabelsRequest,
};
use tandem_proto::r#type::v1::{ErrorReason, HolderChangeCause, HolderKind, Priority};
use tandem_tests::{Parts, Suite, refused, wrong};
use tonic::Code;

/// An agent who may hold so many conversations.
async fn agent_of(suite: &Suite, capacity: i32) -> String {
    let agent =
        Agent { subject: "small".to_owned(), display_name: "Small".to_owned(), capacity, ..Agent::default() };
    let request = CreateAgentRequest { request_id: suite.request_id(), agent: Some(agent) };
    let created = suite.directory().create_agent(request).await.unwrap().into_inner();
    created.agent.unwrap().id
}

async fn bulk(suite: &Suite, request: &BulkAssignRequest) -> Vec<BulkAssignResult> {
    let mut lead = suite.assignments("lead", Role::Supervisor);
    lead.bulk_assign(request.clone()).await.unwrap().into_inner().results
}

/// Whether each was assigned, or why not.
fn reasons(results: &[BulkAssignResult]) -> Vec<Option<ErrorReason>> {
    let reason = |result: &BulkAssignResult| match result.outcome.as_ref().unwrap() {
        Outcome::Assigned(_) => None,
        Outcome::Refused(refused) => Some(refused.reason()),
    };
    results.iter().map(reason).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_is_assigned_or_refused_alone() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let mut ids = suite.begin(channel, "a", 6).await;
    suite.take_over(0, &ids[1]).await.unwrap();
    let missing = suite.request_id();
    ids.insert(3, missing.clone());
    let to_small = BulkAssignRequest {
        request_id: suite.request_id(),
        conversation_ids: ids.clone(),
        assignee: Some(Assignee::AgentId(agent_of(&suite, 3).await)),
        note: "please".to_owned(),
        priority: Priority::High.into(),
        ..BulkAssignRequest::default()
    };
    let results = bulk(&suite, &to_small).await;
    let (held, missed, full) = (ErrorReason::HeldByOther, ErrorReason::NotFound, ErrorReason::CapacityFull);
    let expected = [None, Some(held), None, Some(missed), None, Some(full), Some(full)];
    assert_eq!(reasons(&results), expected, "in the order of the request");
    assert!(results.iter().map(|result| &result.conversation_id).eq(&ids));
    for (result, id) in results.iter().zip(&ids) {
        if let Some(Outcome::Assigned(assigned)) = &result.outcome {
            let conversation = assigned.conversation.as_ref().unwrap();
            assert_eq!((&conversation.id, conversation.priority()), (id, Priority::High));
            assert_eq!(suite.holder_changes(id).await.last().unwrap().1.note, "please");
        }
    }
    // Repeated, what was assigned answers the same and changes nothing, and what was refused is tried anew; another body
    // under the id is refused.
    let again = bulk(&suite, &to_small).await;
    for at in [0, 2, 4] {
        assert_eq!(again[at], results[at]);
    }
    assert_eq!(reasons(&again).iter().flatten().count(), 4, "it is still full");
    let other = BulkAssignRequest { note: "now".to_owned(), ..to_small.clone() };
    assert_eq!(reasons(&bulk(&suite, &other).await)[0], Some(ErrorReason::RequestIdReused));
    // Under the epochs that the caller saw: what has passed its epoch stays.
    let epoch = suite.get(&ids[0]).await.epoch;
    let seen = BulkAssignRequest {
        request_id: suite.request_id(),
        conversation_ids: vec![ids[0].clone(), ids[2].clone()],
        assignee: Some(Assignee::TeamId(team.to_string())),
        force: true,
        expected_epochs: [(ids[0].clone(), epoch - 1), (ids[2].clone(), epoch)].into(),
        ..BulkAssignRequest::default()
    };
    assert_eq!(reasons(&bulk(&suite, &seen).await), [Some(held), None]);
    // To a team nobody's capacity ends it, and a supervisor who says so takes from a person.
    let to_team = BulkAssignRequest {
        request_id: suite.request_id(),
        assignee: Some(Assignee::TeamId(team.to_string())),
        force: true,
        ..to_small.clone()
    };
    let results = bulk(&suite, &to_team).await;
    let assigned = reasons(&results).iter().filter(|reason| reason.is_none()).count();
    assert_eq!((assigned, reasons(&results)[3]), (6, Some(missed)));
    for id in ids.iter().filter(|id| **id != missing) {
        let holder = suite.get(id).await.holder.unwrap();
        assert_eq!((holder.kind(), holder.id), (HolderKind::Team, team.to_string()));
    }
    let mut lead = suite.assignments("lead", Role::Supervisor);
    let twice = vec![ids[0].clone(), ids[0].clone()];
    let twice = BulkAssignRequest { conversation_ids: twice, assignee: None, ..to_team.clone() };
    wrong(lead.bulk_assign(twice).await, &["conversation_ids", "assignee"]);
    let epochs = [(missing.clone(), 1), (ids[0].clone(), -1)].into();
    let epochs = BulkAssignRequest {
        conversation_ids: vec![ids[0].clone()],
        expected_epochs: epochs,
        ..to_team.clone()
    };
    let mut fields = [format!("expected_epochs[{missing}]"), format!("expected_epochs[{}]", ids[0])];
    fields.sort();
    wrong(lead.bulk_assign(epochs).await, &[&fields[0][..], &fields[1]]);
    let many = (0..101).map(|_| suite.request_id()).collect();
    wrong(
        lead.bulk_assign(BulkAssignRequest { conversation_ids: many, ..to_team }).await,
        &["conversation_ids"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unassigned_nobody_holds_and_anybody_may_take() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let id = suite.begin(channel, "a", 1).await.remove(0);
    suite.take_over(0, &id).await.unwrap();
    let unassign = || UnassignRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        note: "I am off".to_owned(),
        ..UnassignRequest::default()
    };
    let mut agents = [0, 1].map(|number| suite.assignments(&format!("agent-{number}"), Role::Agent));
    // Not by somebody else.
    refused(agents[1].unassign(unassign()).await, Code::Aborted, "HELD_BY_OTHER");
    wrong(agents[1].unassign(UnassignRequest { force: true, ..unassign() }).await, &["force"]);
    let request = unassign();
    let first = agents[0].unassign(request.clone()).await.unwrap().into_inner();
    let conversation = first.conversation.clone().unwrap();
    assert_eq!((conversation.holder.unwrap().kind(), conversation.epoch), (HolderKind::Nobody, 3));
    assert_eq!(agents[0].unassign(request).await.unwrap().into_inner(), first);
    let (entry, change) = suite.holder_changes(&id).await.pop().unwrap();
    assert_eq!((change.cause(), change.note.as_str()), (HolderChangeCause::Unassign, "I am off"));
    assert!(entry.actor.is_some_and(|actor| !actor.id.is_empty()));
    // The AI has no word in it, and whoever likes may take it; from a person only one who leads.
    let now = suite.get(&id).await;
    let answer = suite.answer(&id, now.epoch, now.last_customer_position, &["hi"]);
    let spoke = suite.as_ai(0).send_message(answer).await.unwrap_err();
    assert_eq!(spoke.code(), Code::FailedPrecondition);
    suite.take_over(1, &id).await.unwrap();
    let mut lead = suite.assignments("lead", Role::Supervisor);
    refused(lead.unassign(unassign()).await, Code::Aborted, "HELD_BY_OTHER");
    let forced = lead.unassign(UnassignRequest { force: true, ..unassign() }).await.unwrap().into_inner();
    assert_eq!(forced.conversation.unwrap().holder.unwrap().kind(), HolderKind::Nobody);
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_put_on_with_an_assignment() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, _) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let ids = suite.begin(channel, "a", 3).await;
    let of = async |name: &str| -> (String, i64) {
        let all = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
        let label = all.into_iter().find(|label| label.name == name).unwrap();
        (label.id, label.conversation_count)
    };
    suite.label(0, &ids[2], &["refund", "money", "vip"], &[]).await.unwrap();
    let (refund, money, vip) = (of("refund").await.0, of("money").await.0, of("vip").await.0);
    let merge = MergeLabelsRequest {
        request_id: suite.request_id(),
        label_id: money.clone(),
        into_label_id: refund.clone(),
    };
    suite.as_admin().merge_labels(merge).await.unwrap();
    let request = |labels: &[&String]| AssignRequest {
        request_id: suite.request_id(),
        conversation_id: ids[0].clone(),
        assignee: Some(tandem_proto::assignment::v1::assign_request::Assignee::AgentId(
            agents[0].to_string(),
        )),
        priority: Priority::Urgent.into(),
        add_label_ids: labels.iter().map(|label| (*label).clone()).collect(),
        ..AssignRequest::default()
    };
    let mut client = suite.assignments("agent-0", Role::Agent);
    // One that does not exist refuses everything.
    let before = suite.get(&ids[0]).await;
    let unknown = suite.request_id();
    refused(client.assign(request(&[&vip, &unknown])).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(suite.get(&ids[0]).await, before);
    // A merged label stands for the one that stayed; what is named twice is put on once.
    let wanted = request(&[&money, &refund, &vip]);
    let first = client.assign(wanted.clone()).await.unwrap().into_inner();
    let assigned = first.conversation.clone().unwrap();
    assert_eq!(assigned.label_ids, [refund.clone(), vip.clone()]);
    assert_eq!((assigned.priority(), assigned.epoch), (Priority::Urgent, 2));
    assert_eq!(client.assign(wanted).await.unwrap().into_inner(), first);
    let mut added = Vec::new();
    for entry in suite.timeline(&ids[0]).await {
        if let Some(Event::LabelsChanged(changed)) = entry.event {
            added.push((entry.actor.unwrap().id, changed.added));
        }
    }
    assert_eq!(added, [(agents[0].to_string(), vec![refund.clone(), vip.clone()])]);
    // Counted as if they had been put on by themselves.
    assert_eq!((of("refund").await.1, of("vip").await.1), (2, 2));
    let today = suite.ambient.now().date_naive().to_string();
    let figures = ListLabelFiguresRequest {
        kind: LabelFigureKind::Label.into(),
        from_date: today.clone(),
        until_date: today,
        ..ListLabelFiguresRequest::default()
    };
    let figures = suite.as_admin().list_label_figures(figures).await.unwrap().into_inner().labels;
    let of_vip = figures.iter().find(|figures| figures.id == vip).unwrap();
    assert_eq!(of_vip.conversations, 2);
    // No more than a conversation may carry.
    let names: Vec<String> = (0..20).map(|number| format!("label {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    suite.label(0, &ids[1], &names, &[]).await.unwrap();
    let full = AssignRequest { conversation_id: ids[1].clone(), ..request(&[&vip]) };
    refused(client.assign(full).await, Code::ResourceExhausted, "LIMIT_REACHED");
    // Many at once, each alone.
    let many = BulkAssignRequest {
        request_id: suite.request_id(),
        conversation_ids: ids.clone(),
        assignee: Some(Assignee::AgentId(agents[1].to_string())),
        force: true,
        add_label_ids: vec![vip.clone()],
        ..BulkAssignRequest::default()
    };
    let results = bulk(&suite, &many).await;
    assert_eq!(reasons(&results), [None, Some(ErrorReason::LimitReached), None]);
    assert_eq!(of("vip").await.1, 2, "both had it");
}
