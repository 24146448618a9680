//! Agents and teams are found by name and by what they are.

use prost_types::FieldMask;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::Presence::{Away, Offline, Online};
use tandem_proto::assignment::v1::directory_service_server::DirectoryService;
use tandem_proto::assignment::v1::presence_service_server::PresenceService;
use tandem_proto::conversation::v1::OpeningHours;

use super::sandbox::{OTHER_TENANT, Sandbox, TENANT, admin, agent, call};
use super::{fields, reason};
use tandem_access::Role;

async fn create(sandbox: &Sandbox, subject: &str, name: &str, more: proto::Agent) -> String {
    let agent = proto::Agent { subject: subject.to_owned(), display_name: name.to_owned(), ..more };
    let message = proto::CreateAgentRequest { request_id: sandbox.id(), agent: Some(agent) };
    sandbox.directory.create_agent(admin(message)).await.unwrap().into_inner().agent.unwrap().id
}

/// The subjects of everything that a list holds, in its order, by pages of two.
async fn subjects(sandbox: &Sandbox, wanted: proto::ListAgentsRequest) -> Vec<String> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let message = proto::ListAgentsRequest { page_size: 2, page_token, ..wanted.clone() };
        let page = sandbox.directory.list_agents(admin(message)).await.unwrap().into_inner();
        assert!(page.agents.len() <= 2);
        found.extend(page.agents.into_iter().map(|agent| agent.subject));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

fn query(query: &str) -> proto::ListAgentsRequest {
    proto::ListAgentsRequest { query: query.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn agents_are_found_by_the_beginnings_of_words() {
    let sandbox = Sandbox::start().await;
    let mail = |email: &str| proto::Agent { email: email.to_owned(), ..Default::default() };
    create(&sandbox, "zoe", "Zoë Straße", mail("zoe@shop.example")).await;
    create(&sandbox, "bob", "bob ANNABEL", mail("")).await;
    create(&sandbox, "anna", "Anna Berg-Lund", mail("a.berg@shop.example")).await;
    create(&sandbox, "percent", "100% O'Neil", mail("")).await;
    assert_eq!(subjects(&sandbox, query("")).await, ["percent", "anna", "bob", "zoe"], "by name");
    for (text, expected) in [
        ("ann", &["anna", "bob"][..]),
        ("ANNA b", &["anna", "bob"]),
        ("lund", &["anna"]),
        ("unda", &[]),
        ("erg", &[]),
        ("ber ann", &["anna"]),
        ("SHOP", &["anna", "zoe"]),
        ("a.berg@shop", &["anna"]),
        ("strasse", &["zoe"]),
        ("ZOË", &["zoe"]),
        ("100%", &["percent"]),
        ("%", &[]),
        ("o'n", &["percent"]),
        ("_", &["percent", "anna", "bob", "zoe"]),
    ] {
        assert_eq!(subjects(&sandbox, query(text)).await, expected, "{text}");
    }
    // Another name is found at once.
    let get = proto::GetAgentRequest::default();
    let bob = sandbox.directory.get_agent(agent("bob", get)).await.unwrap().into_inner().agent.unwrap();
    let message = proto::UpdateAgentRequest {
        request_id: sandbox.id(),
        agent: Some(proto::Agent { display_name: "Robert".to_owned(), ..bob }),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
    };
    sandbox.directory.update_agent(admin(message)).await.unwrap();
    assert_eq!(subjects(&sandbox, query("rob")).await, ["bob"]);
    assert!(!subjects(&sandbox, query("annab")).await.contains(&"bob".to_owned()));
    // Another tenant has none of them.
    let theirs = call(OTHER_TENANT, "admin", Role::Admin, query("ann"));
    assert!(sandbox.directory.list_agents(theirs).await.unwrap().into_inner().agents.is_empty());
}

#[tokio::test]
async fn agents_are_found_by_what_they_are() {
    let sandbox = Sandbox::start().await;
    let speaks = |languages: &[&str], skill: &str| proto::Agent {
        languages: languages.iter().map(ToString::to_string).collect(),
        skills: vec![proto::Skill { name: skill.to_owned(), level: 3 }],
        ..Default::default()
    };
    let ada = create(&sandbox, "ada", "Ada", speaks(&["en", "pt-BR"], "Billing")).await;
    let bob = create(&sandbox, "bob", "Bob", speaks(&["pt"], "shipping")).await;
    create(&sandbox, "eve", "Eve", speaks(&["de"], "billing")).await;
    let team = sandbox.team("Team", &[ada.parse().unwrap(), bob.parse().unwrap()]).await;
    let any = proto::ListAgentsRequest::default;
    let by_team = proto::ListAgentsRequest { team_id: team.to_string(), ..any() };
    assert_eq!(subjects(&sandbox, by_team.clone()).await, ["ada", "bob"]);
    let skilled = proto::ListAgentsRequest { skill: "BILLING".to_owned(), ..any() };
    assert_eq!(subjects(&sandbox, skilled.clone()).await, ["ada", "eve"]);
    assert_eq!(
        subjects(&sandbox, proto::ListAgentsRequest { team_id: team.to_string(), ..skilled }).await,
        ["ada"],
        "every filter holds"
    );
    for (language, expected) in
        [("pt", &["ada", "bob"][..]), ("PT-br", &["ada"]), ("de", &["eve"]), ("pt-PT", &[])]
    {
        let spoken = proto::ListAgentsRequest { language: language.to_owned(), ..any() };
        assert_eq!(subjects(&sandbox, spoken).await, expected, "{language}");
    }
    let online = proto::SetPresenceRequest { status: proto::Presence::Online.into(), ttl_s: None };
    sandbox.presences.set_presence(agent("bob", online)).await.unwrap();
    let present = |presences: &[proto::Presence]| proto::ListAgentsRequest {
        presences: presences.iter().map(|presence| (*presence).into()).collect(),
        ..any()
    };
    assert_eq!(subjects(&sandbox, present(&[Online, Away])).await, ["bob"]);
    assert_eq!(subjects(&sandbox, present(&[Offline])).await, ["ada", "eve"]);
    let message = proto::DeactivateAgentRequest { request_id: sandbox.id(), agent_id: bob };
    sandbox.directory.deactivate_agent(admin(message)).await.unwrap();
    assert_eq!(subjects(&sandbox, present(&[Offline])).await, ["ada", "bob", "eve"]);
    let state = |state: proto::AgentState| proto::ListAgentsRequest { state: state.into(), ..any() };
    assert_eq!(subjects(&sandbox, state(proto::AgentState::Active)).await, ["ada", "eve"]);
    assert_eq!(subjects(&sandbox, state(proto::AgentState::Deactivated)).await, ["bob"]);
    assert_eq!(subjects(&sandbox, by_team).await, ["ada", "bob"], "memberships stay");

    // A token belongs to its filter, whatever the size of the page.
    let first = proto::ListAgentsRequest { page_size: 1, ..state(proto::AgentState::Active) };
    let page = sandbox.directory.list_agents(admin(first.clone())).await.unwrap().into_inner();
    let next = proto::ListAgentsRequest { page_token: page.next_page_token, page_size: 9, ..first };
    let rest = sandbox.directory.list_agents(admin(next.clone())).await.unwrap().into_inner();
    assert_eq!(rest.agents[0].subject, "eve");
    let other = proto::ListAgentsRequest { state: 2, ..next };
    assert_eq!(reason(sandbox.directory.list_agents(admin(other)).await), "PAGE_TOKEN_INVALID");
    let wrong = proto::ListAgentsRequest {
        page_size: -1,
        page_token: String::new(),
        query: "x".repeat(101),
        team_id: "x".to_owned(),
        state: 9,
        presences: vec![0, 1],
        skill: "x".repeat(65),
        language: "?".to_owned(),
    };
    let mut named = fields(sandbox.directory.list_agents(admin(wrong)).await);
    named.sort();
    assert_eq!(named, ["language", "page_size", "presences[0]", "query", "skill", "state", "team_id"]);
}

#[tokio::test]
async fn a_rare_name_among_many_costs_a_bounded_page() {
    let sandbox = Sandbox::start().await;
    let sql = format!(
        "INSERT INTO agent (tenant_id, id, subject, display_name, name_folded, state, capacity, languages, skills, time_zone,
             created_at)
         SELECT '{TENANT}', gen_random_uuid(), 's' || n, 'Agent ' || n, 'agent ' || lpad(n::text, 5, '0'), 1, 0, '{{}}', '[]',
             '', '2026-01-01' FROM generate_series(1, 1500) AS n"
    );
    let mut connection = sandbox.app.pool.acquire().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    drop(connection);
    let rare = query("agent 01400");
    let first = sandbox.directory.list_agents(admin(rare.clone())).await.unwrap().into_inner();
    assert!(first.agents.is_empty() && !first.next_page_token.is_empty(), "short, and goes on");
    let rest = proto::ListAgentsRequest { page_token: first.next_page_token, ..rare.clone() };
    let rest = sandbox.directory.list_agents(admin(rest)).await.unwrap().into_inner();
    assert_eq!((rest.agents.len(), rest.next_page_token.as_str()), (1, ""));
    assert_eq!(subjects(&sandbox, rare).await, ["s1400"]);
}

#[tokio::test]
async fn teams_are_found_by_name_and_work_in_their_hours() {
    let sandbox = Sandbox::start().await;
    let mut ids = Vec::new();
    for name in ["shipping North", "Billing", "Shipping South"] {
        ids.push(sandbox.team(name, &[]).await.to_string());
    }
    let list = async |query: &str| {
        let message = proto::ListTeamsRequest { query: query.to_owned(), ..Default::default() };
        let listed = sandbox.directory.list_teams(admin(message)).await.unwrap().into_inner();
        assert_eq!(listed.next_page_token, "");
        listed.teams.into_iter().map(|team| team.display_name).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, ["Billing", "shipping North", "Shipping South"]);
    assert_eq!(list("SOU ship").await, ["Shipping South"]);
    assert!(list("hipping").await.is_empty());
    let get = proto::GetTeamRequest { team_id: ids[1].clone() };
    let team = sandbox.directory.get_team(admin(get.clone())).await.unwrap().into_inner().team.unwrap();
    assert!(team.display_name == "Billing" && team.open && team.return_rule.is_none());
    let foreign = sandbox.directory.get_team(call(OTHER_TENANT, "admin", Role::Admin, get.clone())).await;
    assert_eq!(reason(foreign), "NOT_FOUND");

    // The sandbox's clock stands at Tuesday 22:13 UTC, an hour later in Berlin.
    let hours =
        |opens_minute: i32, closes_minute: i32| OpeningHours { weekday: 2, opens_minute, closes_minute };
    let update = |team: proto::Team, paths: &[&str]| proto::UpdateTeamRequest {
        request_id: sandbox.id(),
        team: Some(team),
        update_mask: Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() }),
    };
    let all = ["working_hours", "time_zone", "return_rule"];
    let rule = proto::ReturnRule { away_after_s: Some(0), offline_after_s: None };
    let wanted = proto::Team {
        working_hours: vec![hours(1_380, 1_440), hours(540, 600)],
        time_zone: "Europe/Berlin".to_owned(),
        return_rule: Some(rule),
        ..team
    };
    let changed = sandbox.directory.update_team(admin(update(wanted.clone(), &all))).await.unwrap();
    let changed = changed.into_inner().team.unwrap();
    assert_eq!(changed.working_hours, [hours(540, 600), hours(1_380, 1_440)], "in their order");
    assert!(changed.open && changed.return_rule == Some(rule) && changed.version == 2);
    assert_eq!(
        sandbox.directory.get_team(admin(get)).await.unwrap().into_inner().team,
        Some(changed.clone())
    );
    let utc = proto::Team { time_zone: String::new(), ..changed.clone() };
    let changed = sandbox.directory.update_team(admin(update(utc, &["time_zone"]))).await.unwrap();
    let changed = changed.into_inner().team.unwrap();
    assert!(!changed.open && changed.working_hours.len() == 2);
    let wrong = proto::Team {
        working_hours: vec![hours(-1, 1_441), hours(600, 600), OpeningHours::default()],
        time_zone: "Mars/Base".to_owned(),
        return_rule: Some(proto::ReturnRule { away_after_s: Some(-1), offline_after_s: Some(86_401) }),
        ..changed.clone()
    };
    let mut named = fields(sandbox.directory.update_team(admin(update(wrong, &all))).await);
    named.sort();
    assert_eq!(
        named,
        [
            "team.return_rule.away_after_s",
            "team.return_rule.offline_after_s",
            "team.time_zone",
            "team.working_hours[0].closes_minute",
            "team.working_hours[0].opens_minute",
            "team.working_hours[1].closes_minute",
            "team.working_hours[2].closes_minute",
            "team.working_hours[2].weekday",
        ]
    );
    let overlap = proto::Team { working_hours: vec![hours(1, 3), hours(2, 4)], ..changed };
    let named = fields(sandbox.directory.update_team(admin(update(overlap, &["working_hours"]))).await);
    assert_eq!(named, ["team.working_hours"]);
}
