//! What waits in a queue finds who should have it: by rules, to who is there and has room, and to nobody else.

use tandem_access::Role;
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::{
    Agent, CandidateReasonKind, CreateTeamRequest, DeleteRoutingRuleRequest, ExplainRoutingRequest,
    ExplainRoutingResponse, HandOffRequest, ListCandidatesRequest, ListRoutingRulesRequest, Presence,
    RoutingOutcome, RoutingRule, RoutingStrategy, Skill, Team, UpdateRoutingRuleRequest,
};
use tandem_proto::conversation::v1::{
    ChannelPolicy, CloseConversationRequest, SnoozeConversationRequest, TransferHolderRequest,
};
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::tag_service_client::TagServiceClient;
use tandem_proto::customer::v1::{Customer, MergeTagsRequest, UpdateCustomerRequest, UpdateTagsRequest};
use tandem_proto::r#type::v1::{
    Actor, ActorKind, HandOffReason, Holder, HolderChangeCause, HolderKind, Priority,
};
use tandem_tests::{Kind, Parts, Suite, eventually, refused, whatsapp, wrong};
use tonic::Code;
use uuid::Uuid;

fn skill(name: &str, level: i32) -> Skill {
    Skill { name: name.to_owned(), level }
}

fn rule(name: &str, strategy: RoutingStrategy) -> RoutingRule {
    RoutingRule { display_name: name.to_owned(), strategy: strategy.into(), ..RoutingRule::default() }
}

async fn begin(suite: &Suite, channel: Uuid, who: &str) -> String {
    suite.write(channel, &format!("first of {who}"), &[whatsapp(who)], "hello").await.conversation_id
}

/// Waits until an agent holds a conversation, and answers who.
async fn holder(suite: &Suite, id: &str) -> String {
    let routed = || async {
        let holder = suite.get(id).await.holder.unwrap();
        (holder.kind() == HolderKind::Agent).then_some(holder.id)
    };
    eventually("it is routed", routed).await
}

async fn explain(suite: &Suite, id: &str, rule: Option<RoutingRule>) -> ExplainRoutingResponse {
    let explained = || async {
        let mut lead = suite.routing("lead", Role::Supervisor);
        let request = ExplainRoutingRequest {
            conversation_id: id.to_owned(),
            rule: rule.clone(),
            at_least_as_fresh: Vec::new(),
        };
        match lead.explain_routing(request).await {
            Ok(explained) => Some(explained.into_inner()),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => panic!("{status}"),
        }
    };
    eventually("assignment knows it", explained).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_kept() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(1).await;
    let mut admin = suite.routing("admin", Role::Admin);
    let second = suite.rule(RoutingRule { place: 2, ..rule("second", RoutingStrategy::LeastLoaded) }).await;
    let given = RoutingRule {
        place: 1,
        team_ids: vec![team.to_string()],
        priorities: vec![Priority::Urgent.into()],
        languages: vec!["pt".to_owned()],
        hand_off_reasons: vec![HandOffReason::Complex.into()],
        required_skills: vec![skill("Refunds", 3)],
        preferred_skills: vec!["VIP".to_owned()],
        language_required: true,
        fallback_after: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        fallback_team_id: team.to_string(),
        ..rule("first", RoutingStrategy::MostSkilled)
    };
    let first = suite.rule(given.clone()).await;
    let same = RoutingRule {
        enabled: true,
        id: first.id.clone(),
        etag: first.etag.clone(),
        create_time: first.create_time,
        ..given.clone()
    };
    assert_eq!(first, same);
    let list = |mut admin: tandem_proto::assignment::v1::routing_service_client::RoutingServiceClient<_>| async move {
        admin.list_routing_rules(ListRoutingRulesRequest {}).await.unwrap().into_inner().rules
    };
    assert_eq!(list(admin.clone()).await, [first.clone(), second.clone()]);
    // A name is there once; a change needs the etag that was read.
    let taken = RoutingRule { display_name: "FIRST".to_owned(), ..second.clone() };
    let update = |rule: RoutingRule, path: &str| UpdateRoutingRuleRequest {
        request_id: suite.request_id(),
        rule: Some(rule),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
    };
    refused(
        admin.update_routing_rule(update(taken, "display_name")).await,
        Code::AlreadyExists,
        "ALREADY_EXISTS",
    );
    let moved = RoutingRule { place: 0, display_name: "not named".to_owned(), ..second.clone() };
    let request = update(moved.clone(), "place");
    let changed = admin.update_routing_rule(request.clone()).await.unwrap().into_inner().rule.unwrap();
    assert_eq!((changed.place, changed.display_name.as_str()), (0, "second"));
    assert_eq!(admin.update_routing_rule(request).await.unwrap().into_inner().rule.unwrap(), changed);
    refused(admin.update_routing_rule(update(moved, "place")).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(list(admin.clone()).await, [changed.clone(), first.clone()]);
    // Everything that is wrong at once; teams must be there.
    let bad = RoutingRule {
        id: first.id.clone(),
        etag: first.etag.clone(),
        team_ids: vec![suite.request_id()],
        fallback_team_id: suite.request_id(),
        ..RoutingRule::default()
    };
    let paths = ["team_ids", "fallback_team_id"].map(str::to_owned).to_vec();
    let request = UpdateRoutingRuleRequest {
        update_mask: Some(prost_types::FieldMask { paths }),
        ..update(bad, "team_ids")
    };
    wrong(admin.update_routing_rule(request).await, &["rule.team_ids[0]", "rule.fallback_team_id"]);
    // Gone is gone, and may be said twice.
    for _ in 0..2 {
        let request = DeleteRoutingRuleRequest { rule_id: changed.id.clone() };
        admin.delete_routing_rule(request).await.unwrap();
    }
    assert_eq!(list(admin.clone()).await, [first]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_given_to_who_is_online_and_has_room_and_no_further() {
    let suite = Suite::start(Parts::TWO_ASSIGNMENTS).await;
    let crew = vec![Agent { capacity: 2, ..Agent::default() }; 4];
    let (agents, team, token) = suite.create_crew(crew).await;
    suite.conversation_knows(&token).await;
    let channel = suite.queued_line(team).await;
    suite.rule(rule("all", RoutingStrategy::RoundRobin)).await;
    suite.presence(0, Presence::Online).await;
    suite.presence(1, Presence::Online).await;
    suite.presence(2, Presence::Away).await;
    suite.presence(3, Presence::Busy).await;
    let mut given = Vec::new();
    for number in 0..4 {
        let id = begin(&suite, channel, &format!("US.{number}")).await;
        given.push(holder(&suite, &id).await);
    }
    // In turn, each two; the fifth waits although two are neither full nor offline.
    let [first, second] = [&given[0], &given[1]];
    assert_ne!(first, second);
    assert_eq!(given, [first.clone(), second.clone(), first.clone(), second.clone()]);
    assert!(given.iter().all(|id| agents[..2].iter().any(|agent| agent.to_string() == *id)));
    let fifth = begin(&suite, channel, "US.5").await;
    let waits = explain(&suite, &fifth, None).await;
    assert_eq!(waits.outcome(), RoutingOutcome::Waits);
    let against = |number: usize| {
        let id = agents[number].to_string();
        let candidate = waits.candidates.iter().find(|candidate| candidate.agent_id == id).unwrap();
        let against = candidate.reasons.iter().filter(|reason| reason.against);
        against.map(|reason| (reason.kind(), reason.detail.clone())).collect::<Vec<_>>()
    };
    assert_eq!(against(0), [(CandidateReasonKind::Load, "2 of 2".to_owned())]);
    assert_eq!(against(2), [(CandidateReasonKind::Presence, String::new())]);
    // As soon as someone is free: by presence, and by room. What closes while it waits is given to nobody.
    suite.presence(2, Presence::Online).await;
    assert_eq!(holder(&suite, &fifth).await, agents[2].to_string());
    let changes = suite.holder_changes(&fifth).await;
    assert_eq!(changes.last().unwrap().1.cause(), HolderChangeCause::Route);
    suite.presence(2, Presence::Offline).await;
    let (sixth, seventh) = (begin(&suite, channel, "US.6").await, begin(&suite, channel, "US.7").await);
    assert_eq!(explain(&suite, &seventh, None).await.outcome(), RoutingOutcome::Waits);
    let close = |id: &str| CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.to_owned(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close(&sixth)).await.unwrap();
    let freed = suite.write(channel, "more", &[whatsapp("US.0")], "more").await.conversation_id;
    suite.as_admin().close_conversation(close(&freed)).await.unwrap();
    assert_eq!(holder(&suite, &seventh).await, given[0], "who closed one has room again");
    assert_eq!(suite.get(&sixth).await.holder.unwrap().kind(), HolderKind::Nobody);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_find_skill_language_and_who_knows_the_customer() {
    let parts = Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT };
    let suite = Suite::start(parts).await;
    let speaks = |languages: &[&str], skills: Vec<Skill>| Agent {
        languages: languages.iter().map(|tag| (*tag).to_owned()).collect(),
        skills,
        ..Agent::default()
    };
    let crew = vec![
        speaks(&["de"], vec![skill("refunds", 5)]),
        speaks(&["pt-BR"], vec![skill("refunds", 2)]),
        speaks(&["de", "pt"], vec![]),
    ];
    let (agents, team, token) = suite.create_crew(crew).await;
    suite.conversation_knows(&token).await;
    let channel = suite.queued_line(team).await;
    // The conversation waits: there is no rule yet, so nobody is given anything.
    let id = begin(&suite, channel, "US.1").await;
    for number in 0..3 {
        suite.presence(number, Presence::Online).await;
    }
    assert_eq!(explain(&suite, &id, None).await.outcome(), RoutingOutcome::NoRule);
    // The customer speaks Portuguese.
    let spec = suite.spec("agent-0", Role::Admin);
    let language = || async {
        let customer_id = suite.get(&id).await.customer_id;
        let customer = Customer { id: customer_id, language: "pt-PT".to_owned(), ..Customer::default() };
        let mut profiles = CustomerServiceClient::new(suite.channel(Kind::CustomerProfile, 0, &spec));
        let request = UpdateCustomerRequest {
            request_id: suite.request_id(),
            customer: Some(customer),
            update_mask: Some(prost_types::FieldMask { paths: vec!["language".to_owned()] }),
        };
        profiles.update_customer(request).await.ok()
    };
    eventually("the customer has a language", language).await;
    let tried = |rule: RoutingRule| {
        let (suite, id) = (&suite, id.clone());
        async move { explain(suite, &id, Some(RoutingRule { enabled: true, ..rule })).await }
    };
    let known = || async {
        let rule = RoutingRule { languages: vec!["pt".to_owned()], ..rule("", RoutingStrategy::LeastLoaded) };
        let explained = tried(rule).await;
        explained.rules[0].decides.then_some(explained)
    };
    eventually("assignment knows the language", known).await;
    let most_skilled = rule("", RoutingStrategy::MostSkilled);
    let refunds = RoutingRule { preferred_skills: vec!["Refunds".to_owned()], ..most_skilled.clone() };
    assert_eq!(tried(refunds.clone()).await.agent_id, agents[0].to_string(), "the highest level");
    let portuguese = RoutingRule { language_required: true, ..refunds.clone() };
    let explained = tried(portuguese.clone()).await;
    assert_eq!(explained.agent_id, agents[1].to_string(), "who can speak to them");
    let last = explained.candidates.last().unwrap();
    assert_eq!((last.agent_id.clone(), last.routable), (agents[0].to_string(), false));
    let demanding = RoutingRule { required_skills: vec![skill("refunds", 3)], ..portuguese };
    assert_eq!(tried(demanding.clone()).await.outcome(), RoutingOutcome::Waits, "nobody has both");
    let elsewhere = RoutingRule { priorities: vec![Priority::Urgent.into()], ..demanding };
    let verdict = tried(elsewhere).await;
    assert_eq!(
        (verdict.outcome(), verdict.rules[0].unmet.join(" ")),
        (RoutingOutcome::NoRule, "priorities".to_owned())
    );
    // Who helped the customer before: agent 2 took the first one and closes it; the customer comes back.
    suite.take_over(2, &id).await.unwrap();
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_agent(0, 2).close_conversation(close).await.unwrap();
    suite.rule(rule("again", RoutingStrategy::LastAgentFirst)).await;
    let again = suite.write(channel, "again", &[whatsapp("US.1")], "again").await.conversation_id;
    assert_eq!(holder(&suite, &again).await, agents[2].to_string());
    let request = ListCandidatesRequest { conversation_id: again, ..ListCandidatesRequest::default() };
    let found = suite.routing("agent-0", Role::Agent).list_candidates(request).await.unwrap().into_inner();
    let kinds: Vec<_> = found.candidates.iter().map(|candidate| candidate.agent_id.clone()).collect();
    assert_eq!(kinds.len(), 3, "everybody who sees the channel");
    let helper = found.candidates.iter().find(|found| found.agent_id == agents[2].to_string()).unwrap();
    assert!(helper.reasons.iter().any(|reason| reason.kind() == CandidateReasonKind::HelpedBefore));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_take_goes_on_to_the_next_team_once() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(1).await;
    let admin = suite.channel(Kind::Assignment, 0, &suite.spec("admin", Role::Admin));
    let second = Team {
        display_name: "second".to_owned(),
        agent_ids: vec![agents[0].to_string()],
        all_channels: true,
        fallback_team_id: team.to_string(),
        ..Team::default()
    };
    let request = CreateTeamRequest { request_id: suite.request_id(), team: Some(second) };
    let created = DirectoryServiceClient::new(admin).create_team(request).await.unwrap().into_inner();
    suite.conversation_knows(&created.change_token).await;
    let second = created.team.unwrap().id;
    let channel = suite.queued_line(team).await;
    let chess = RoutingRule {
        required_skills: vec![skill("chess", 1)],
        fallback_after: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        fallback_team_id: second.clone(),
        ..rule("chess", RoutingStrategy::LeastLoaded)
    };
    suite.rule(chess).await;
    suite.presence(0, Presence::Online).await;
    let id = begin(&suite, channel, "US.1").await;
    let waits = explain(&suite, &id, None).await;
    assert_eq!((waits.outcome(), waits.fallback_team_id), (RoutingOutcome::Waits, second.clone()));
    suite.ambient.clock().advance(chrono::TimeDelta::seconds(61));
    let moved = || async { (suite.get(&id).await.holder.unwrap().id == second).then_some(()) };
    eventually("it goes on", moved).await;
    // The second team's own fallback would be the first, where it has been.
    suite.ambient.clock().advance(chrono::TimeDelta::seconds(61));
    let stays = || async {
        let explained = explain(&suite, &id, None).await;
        let told = explained.outcome() == RoutingOutcome::Waits && explained.fallback_team_id.is_empty();
        (told && suite.get(&id).await.epoch == 2).then_some(())
    };
    eventually("it stays", stays).await;
    assert_eq!(suite.holder_changes(&id).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_snoozed_waits_for_nobody() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(1).await;
    let channel = suite.queued_line(team).await;
    suite.rule(rule("all", RoutingStrategy::LeastLoaded)).await;
    let id = begin(&suite, channel, "US.1").await;
    let snooze = SnoozeConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        until: Some(tandem_tests::time(suite.ambient.now() + chrono::TimeDelta::hours(1))),
        ..SnoozeConversationRequest::default()
    };
    suite.as_admin().snooze_conversation(snooze).await.unwrap();
    // What routing or a claim decided before it heard of the snooze is refused: the epoch is the same.
    let holder = |kind: HolderKind, id: String| Some(Holder { kind: kind.into(), id, name: String::new() });
    let late = TransferHolderRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        expected_epoch: 1,
        to: holder(HolderKind::Agent, agents[0].to_string()),
        cause: HolderChangeCause::Route.into(),
        actor: Some(Actor { kind: ActorKind::System.into(), ..Actor::default() }),
        from_queue: true,
        ..TransferHolderRequest::default()
    };
    for cause in [HolderChangeCause::Route, HolderChangeCause::TakeOver] {
        let late = TransferHolderRequest { cause: cause.into(), ..late.clone() };
        let late = suite.transfers(0).transfer_holder(suite.on_behalf(late)).await;
        refused(late, Code::FailedPrecondition, "HOLDER_CHANGED");
    }
    suite.presence(0, Presence::Online).await;
    let told =
        || async { (explain(&suite, &id, None).await.outcome() == RoutingOutcome::NotQueued).then_some(()) };
    eventually("routing leaves it alone", told).await;
    assert_eq!(suite.get(&id).await.epoch, 1);
    // Awake again, it is given.
    suite.ambient.clock().advance(chrono::TimeDelta::hours(1));
    suite.presence(0, Presence::Online).await;
    let given = || async {
        let holder = suite.get(&id).await.holder.unwrap();
        (holder.id == agents[0].to_string()).then_some(())
    };
    eventually("it is given", given).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ai_suggests_counts() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let crew = vec![
        Agent { languages: vec!["de".to_owned()], ..Agent::default() },
        Agent { languages: vec!["nl".to_owned()], skills: vec![skill("Refunds", 1)], ..Agent::default() },
        Agent { languages: vec!["nl".to_owned()], ..Agent::default() },
    ];
    let (agents, team, token) = suite.create_crew(crew).await;
    suite.conversation_knows(&token).await;
    let policy =
        ChannelPolicy { ai_enabled: true, default_team_id: team.to_string(), ..ChannelPolicy::default() };
    let channel = suite.create_channel_with(policy).await;
    suite.rule(RoutingRule { language_required: true, ..rule("all", RoutingStrategy::LeastLoaded) }).await;
    for number in 0..3 {
        suite.presence(number, Presence::Online).await;
    }
    let id = begin(&suite, channel, "US.1").await;
    let hand_off = HandOffRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        expected_epoch: 1,
        reason: HandOffReason::Complex.into(),
        summary: "wants money back".to_owned(),
        skill: "refunds".to_owned(),
        language: "nl-BE".to_owned(),
        answers_position: suite.get(&id).await.last_customer_position,
        ..HandOffRequest::default()
    };
    suite.assignments("ai", Role::Ai).hand_off(hand_off).await.unwrap();
    assert_eq!(holder(&suite, &id).await, agents[1].to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_means_by_a_tag_what_it_became() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
    let (_, team) = suite.agents(1).await;
    let channel = suite.queued_line(team).await;
    suite.presence(0, Presence::Online).await;
    let id = begin(&suite, channel, "US.1").await;
    let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    let put = async |names: &[&str], remove: &[&str]| {
        let request = UpdateTagsRequest {
            request_id: suite.request_id(),
            customer_id: suite.get(&id).await.customer_id,
            add: names.iter().map(|name| (*name).to_owned()).collect(),
            remove: remove.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut customers = CustomerServiceClient::new(lead.clone());
        eventually("customer-profile knows the customer", async || {
            customers.clone().update_tags(request.clone()).await.ok()
        })
        .await;
        customers.update_tags(request).await.unwrap().into_inner().tags
    };
    let tags = put(&["one", "two"], &[]).await;
    let tag = |name: &str| tags.iter().find(|tag| tag.name == name).unwrap().id.clone();
    put(&[], &["two"]).await;
    let tagged = |tag_id: String| RoutingRule {
        enabled: true,
        customer_tag_ids: vec![tag_id],
        ..rule("tagged", RoutingStrategy::LeastLoaded)
    };
    let decides = async |what: &str, tag_id: String, expected: bool| {
        eventually(what, async || {
            let explained = explain(&suite, &id, Some(tagged(tag_id.clone()))).await;
            (explained.rules[0].decides == expected).then_some(())
        })
        .await;
    };
    decides("the customer carries the first", tag("one"), true).await;
    decides("and not the second", tag("two"), false).await;
    let merge =
        MergeTagsRequest { request_id: suite.request_id(), tag_id: tag("one"), into_tag_id: tag("two") };
    TagServiceClient::new(lead.clone()).merge_tags(merge).await.unwrap();
    decides("what the first became", tag("two"), true).await;
    decides("by its former id as well", tag("one"), true).await;
    let rule = tagged(tag("one"));
    suite.rule(rule).await;
    holder(&suite, &id).await;
}
