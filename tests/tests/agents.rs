//! Agents and teams as a screen finds them.

use prost_types::FieldMask;
use tandem_access::Role;
use tandem_proto::assignment::v1::{
    Agent, AgentState, CreateAgentRequest, DeactivateAgentRequest, GetTeamRequest, ListAgentsRequest,
    ListTeamsRequest, ReactivateAgentRequest, ReturnRule, Skill, Team, UpdateTeamRequest,
};
use tandem_proto::conversation::v1::OpeningHours;
use tandem_tests::{Parts, Suite, refused, whatsapp};
use tonic::Code;

/// The names of everything that a list of agents holds, by pages of three.
async fn names(suite: &Suite, wanted: ListAgentsRequest) -> Vec<String> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAgentsRequest { page_size: 3, page_token, ..wanted.clone() };
        let page = suite.directory().list_agents(request).await.unwrap().into_inner();
        found.extend(page.agents.into_iter().map(|agent| agent.display_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_listed_by_name_and_found_by_what_they_are() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(5).await;
    for (name, email) in
        [("ägnes Berg", "agnes@shop.example"), ("Zoe Agent", ""), ("bernd", "b@shop.example")]
    {
        let agent = Agent {
            subject: name.to_owned(),
            display_name: name.to_owned(),
            email: email.to_owned(),
            skills: vec![Skill { name: "Refunds".to_owned(), level: 2 }],
            languages: vec!["de-AT".to_owned()],
            ..Agent::default()
        };
        let request = CreateAgentRequest { request_id: suite.request_id(), agent: Some(agent) };
        suite.directory().create_agent(request).await.unwrap();
    }
    let any = ListAgentsRequest::default;
    let all = names(&suite, any()).await;
    assert_eq!(all.len(), 8);
    let find = |query: &str| ListAgentsRequest { query: query.to_owned(), ..any() };
    let numbered: Vec<String> = (0..5).map(|number| format!("Agent {number}")).collect();
    let mut expected = numbered.clone();
    expected.push("Zoe Agent".to_owned());
    assert_eq!(names(&suite, find("AGENT")).await, expected);
    assert_eq!(names(&suite, find("agent 3")).await, ["Agent 3"]);
    let mut shop = names(&suite, find("shop")).await;
    shop.sort();
    assert_eq!(shop, ["bernd", "ägnes Berg"]);
    assert_eq!(names(&suite, find("ÄG")).await, ["ägnes Berg"]);
    assert_eq!(names(&suite, ListAgentsRequest { team_id: team.to_string(), ..any() }).await, numbered);
    let skilled = ListAgentsRequest { skill: "refunds".to_owned(), language: "de".to_owned(), ..find("zo") };
    assert_eq!(names(&suite, skilled).await, ["Zoe Agent"]);

    // What somebody holds is right in the list as well.
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    suite.take_over(2, &id).await.unwrap();
    let held = tandem_tests::eventually("the list shows what is held", async || {
        let listed = suite.directory().list_agents(find("agent 2")).await.unwrap().into_inner().agents;
        listed.into_iter().find(|agent| agent.held == 1)
    })
    .await;
    assert_eq!(held.id, agents[2].to_string());

    // Who leaves is refused everywhere, and comes back to the same teams.
    let left = DeactivateAgentRequest { request_id: suite.request_id(), agent_id: agents[4].to_string() };
    let left = suite.directory().deactivate_agent(left).await.unwrap().into_inner();
    suite.conversation_knows(&left.change_token).await;
    refused(suite.take_over(4, &id).await, Code::FailedPrecondition, "AGENT_INACTIVE");
    let working = ListAgentsRequest { state: AgentState::Active.into(), team_id: team.to_string(), ..any() };
    assert_eq!(names(&suite, working).await, numbered[..4]);
    let back = ReactivateAgentRequest { request_id: suite.request_id(), agent_id: agents[4].to_string() };
    let back = suite.directory().reactivate_agent(back).await.unwrap().into_inner();
    assert_eq!(back.agent.unwrap().team_ids, [team.to_string()]);
    let got = suite.agent(agents[4]).await;
    assert_eq!((got.state(), got.version), (AgentState::Active, 3));
    let mut agent = suite.assignments("agent-0", Role::Agent);
    let denied = tandem_proto::assignment::v1::TransferAllRequest {
        request_id: suite.request_id(),
        from_agent_id: agents[2].to_string(),
        to: Some(tandem_proto::assignment::v1::transfer_all_request::To::TeamId(team.to_string())),
        ..Default::default()
    };
    tandem_tests::wrong(agent.transfer_all(denied).await, &["from_agent_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_hours_and_rules_are_kept_and_shown() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(1).await;
    let get = async || {
        let request = GetTeamRequest { team_id: team.to_string() };
        suite.directory().get_team(request).await.unwrap().into_inner().team.unwrap()
    };
    let before = get().await;
    assert!(before.open && before.working_hours.is_empty());
    // Every day but for the minute of now and the one after it.
    let now = suite.ambient.now();
    let minute = i32::try_from(now.timestamp().rem_euclid(86_400) / 60).unwrap();
    let hours = (1..=7).flat_map(|weekday| {
        let hours = |opens_minute, closes_minute| OpeningHours { weekday, opens_minute, closes_minute };
        [hours(0, minute), hours(minute + 2, 1_440)]
    });
    let hours: Vec<_> = hours.filter(|hours| hours.opens_minute < hours.closes_minute).collect();
    let rule = ReturnRule { away_after_s: Some(600), offline_after_s: Some(0) };
    let paths = ["working_hours", "time_zone", "return_rule"].map(str::to_owned).to_vec();
    let request = UpdateTeamRequest {
        request_id: suite.request_id(),
        team: Some(Team {
            working_hours: hours.clone(),
            time_zone: "Etc/UTC".to_owned(),
            return_rule: Some(rule),
            ..before
        }),
        update_mask: Some(FieldMask { paths }),
    };
    let changed = suite.directory().update_team(request).await.unwrap().into_inner().team.unwrap();
    assert!(!changed.open && changed.working_hours == hours && changed.return_rule == Some(rule));
    assert_eq!(get().await, changed);
    suite.ambient.clock().advance(chrono::TimeDelta::minutes(3));
    assert!(get().await.open);
    let request = ListTeamsRequest { query: "EVERY".to_owned(), ..ListTeamsRequest::default() };
    let listed = suite.directory().list_teams(request).await.unwrap().into_inner().teams;
    assert_eq!(listed, [get().await]);
}
