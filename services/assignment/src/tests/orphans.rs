//! Transfers whose caller never heard of their outcome.

use chrono::TimeDelta;
use tandem_fault::Reason;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;

use super::fake::Mishap;
use super::reason;
use super::sandbox::{Sandbox, TENANT, admin, agent};
use super::transfer::{ada_of_a_team, give};
use crate::ticker::tick;

#[tokio::test]
async fn a_lost_answer_is_found_by_a_retry() {
    let sandbox = Sandbox::start().await;
    let ada = ada_of_a_team(&sandbox).await;
    for mishap in [Mishap::LoseAnswer, Mishap::LoseRequest] {
        let conversation = sandbox.conversation().await;
        sandbox.fake.mishap(mishap);
        let message = give(&sandbox, conversation, ada);
        let lost = sandbox.assignment.assign(agent("ada", message.clone())).await;
        assert_eq!(reason(lost), "DEPENDENCY_UNAVAILABLE");
        let found = sandbox.assignment.assign(agent("ada", message.clone())).await.unwrap().into_inner();
        assert_eq!(found.conversation.as_ref().unwrap().epoch, 2);
        assert_eq!(sandbox.assignment.assign(agent("ada", message)).await.unwrap().into_inner(), found);
    }
    sandbox.catch_up().await;
    assert_eq!(sandbox.held(ada).await, 2);
}

#[tokio::test]
async fn the_tick_resolves_what_nobody_carries_on() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 1).await;
    let (one, two) = (sandbox.conversation().await, sandbox.conversation().await);
    sandbox.fake.mishap(Mishap::LoseRequest);
    let orphan = give(&sandbox, one, ada);
    sandbox.assignment.assign(admin(orphan.clone())).await.unwrap_err();
    // Not known to be refused, so it counts, and a tick in time leaves it alone.
    tick(&sandbox.app).await.unwrap();
    assert_eq!(sandbox.fake.state().resolved, 0);
    assert_eq!(reason(sandbox.assignment.assign(admin(give(&sandbox, two, ada))).await), "CAPACITY_FULL");
    sandbox.app.ambient.clock().advance(TimeDelta::seconds(31));
    tick(&sandbox.app).await.unwrap();
    tick(&sandbox.app).await.unwrap();
    assert_eq!(sandbox.fake.state().resolved, 1);
    // Refused for good: the delayed call cannot land later, and the capacity is free.
    let delayed = sandbox.fake.state().asked[0].clone();
    let refused = sandbox.fake.state().transfer(TENANT, &delayed).unwrap_err();
    assert_eq!(refused.reason, Reason::TransferRefused);
    // The caller's request is none the worse for it.
    let landed = sandbox.assignment.assign(admin(orphan.clone())).await.unwrap().into_inner();
    assert_eq!(landed.conversation.as_ref().unwrap().holder.as_ref().unwrap().id, ada.to_string());
    assert_eq!(sandbox.assignment.assign(admin(orphan)).await.unwrap().into_inner(), landed);
    let bob = sandbox.agent("bob", 0).await;
    let on = proto::AssignRequest { force: true, ..give(&sandbox, one, bob) };
    sandbox.assignment.assign(admin(on)).await.unwrap();
    sandbox.catch_up().await;
    sandbox.fake.mishap(Mishap::LoseAnswer);
    let landed = give(&sandbox, two, ada);
    sandbox.assignment.assign(admin(landed.clone())).await.unwrap_err();
    sandbox.app.ambient.clock().advance(TimeDelta::seconds(31));
    tick(&sandbox.app).await.unwrap();
    let asked = sandbox.fake.state().asked.len();
    let found = sandbox.assignment.assign(admin(landed)).await.unwrap().into_inner();
    assert_eq!(found.conversation.unwrap().holder.unwrap().id, ada.to_string());
    assert_eq!(sandbox.fake.state().asked.len(), asked, "the tick stored the first answer");
    assert_eq!(reason(sandbox.assignment.assign(admin(give(&sandbox, one, ada))).await), "CAPACITY_FULL");
}

#[tokio::test]
async fn a_request_that_was_given_up_meanwhile_is_asked_again() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 1).await;
    let conversation = sandbox.conversation().await;
    sandbox.fake.mishap(Mishap::LoseRequest);
    let request = give(&sandbox, conversation, ada);
    sandbox.assignment.assign(admin(request.clone())).await.unwrap_err();
    // Another process asks what became of it, and ends before it has written that down.
    sandbox.fake.state().refuse_for_good(TENANT, &request.request_id);
    let between = sandbox.assignment.assign(admin(request.clone())).await;
    assert_eq!(reason(between), "REQUEST_IN_PROGRESS");
    let landed = sandbox.assignment.assign(admin(request.clone())).await.unwrap().into_inner();
    assert_eq!(landed.conversation.as_ref().unwrap().epoch, 2);
    // The entry on the feed finds its reservation, whatever conversation knew it by.
    sandbox.catch_up().await;
    assert_eq!(sandbox.held(ada).await, 1);
    sandbox.app.ambient.clock().advance(TimeDelta::seconds(31));
    tick(&sandbox.app).await.unwrap();
    assert_eq!(sandbox.fake.state().resolved, 0, "nothing is pending");
    assert_eq!(sandbox.assignment.assign(admin(request)).await.unwrap().into_inner(), landed);
}

#[tokio::test]
async fn the_timeline_settles_what_nobody_carries_on() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 1).await;
    let (one, two) = (sandbox.conversation().await, sandbox.conversation().await);
    sandbox.fake.mishap(Mishap::LoseAnswer);
    let lost = give(&sandbox, one, ada);
    sandbox.assignment.assign(admin(lost.clone())).await.unwrap_err();
    sandbox.catch_up().await;
    assert_eq!(sandbox.held(ada).await, 1);
    sandbox.app.ambient.clock().advance(TimeDelta::seconds(31));
    tick(&sandbox.app).await.unwrap();
    assert_eq!(sandbox.fake.state().resolved, 0, "the entry told");
    assert_eq!(reason(sandbox.assignment.assign(admin(give(&sandbox, two, ada))).await), "CAPACITY_FULL");
    // Given to somebody else, the place is free as soon as the feed shows it.
    let bob = sandbox.agent("bob", 0).await;
    let on = proto::AssignRequest { force: true, ..give(&sandbox, one, bob) };
    sandbox.assignment.assign(admin(on)).await.unwrap();
    sandbox.catch_up().await;
    sandbox.assignment.assign(admin(give(&sandbox, two, ada))).await.unwrap();
    let answer = sandbox.assignment.assign(admin(lost)).await.unwrap().into_inner();
    assert_eq!(answer.conversation.unwrap().epoch, 2, "the first answer, whatever came after");
}
