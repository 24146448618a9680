use prost_types::FieldMask;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::directory_service_server::DirectoryService;

use super::sandbox::{OTHER_TENANT, Sandbox, TENANT, admin, agent, call};
use super::{fields, guarded, reason};
use tandem_access::Role;

fn ada() -> proto::Agent {
    proto::Agent {
        subject: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        email: "Ada@example.org".to_owned(),
        capacity: 3,
        languages: vec!["en".to_owned(), "pt-BR".to_owned()],
        skills: vec![proto::Skill { name: "billing".to_owned(), level: 4 }],
        time_zone: "Europe/London".to_owned(),
        ..proto::Agent::default()
    }
}

fn update(id: &str, agent: proto::Agent, paths: &[&str]) -> proto::UpdateAgentRequest {
    let paths = paths.iter().map(ToString::to_string).collect();
    proto::UpdateAgentRequest {
        request_id: id.to_owned(),
        agent: Some(agent),
        update_mask: Some(FieldMask { paths }),
    }
}

#[tokio::test]
async fn an_agent_is_created_once_read_and_changed() {
    let sandbox = Sandbox::start().await;
    let directory = &sandbox.directory;
    let create = proto::CreateAgentRequest { request_id: sandbox.id(), agent: Some(ada()) };
    let first = directory.create_agent(admin(create.clone())).await.unwrap().into_inner();
    let again = directory.create_agent(admin(create.clone())).await.unwrap().into_inner();
    assert_eq!(first, again);
    let created = first.agent.unwrap();
    assert_eq!((created.etag.as_str(), created.version, created.state), ("1", 1, 1));
    let other_body =
        proto::CreateAgentRequest { agent: Some(proto::Agent { capacity: 4, ..ada() }), ..create };
    assert_eq!(reason(directory.create_agent(admin(other_body)).await), "REQUEST_ID_REUSED");

    // One subject, one e-mail address, whatever its case; another tenant has its own.
    for taken in [
        proto::Agent { email: String::new(), ..ada() },
        proto::Agent { subject: "other".to_owned(), email: "ADA@EXAMPLE.ORG".to_owned(), ..ada() },
    ] {
        let message = proto::CreateAgentRequest { request_id: sandbox.id(), agent: Some(taken) };
        assert_eq!(reason(directory.create_agent(admin(message)).await), "ALREADY_EXISTS");
    }
    let elsewhere = proto::CreateAgentRequest { request_id: sandbox.id(), agent: Some(ada()) };
    directory.create_agent(call(OTHER_TENANT, "admin", Role::Admin, elsewhere)).await.unwrap();

    // The caller's own, and another tenant's id answers as one that does not exist.
    let own =
        directory.get_agent(agent("ada", proto::GetAgentRequest::default())).await.unwrap().into_inner();
    assert_eq!(own.agent.as_ref(), Some(&created));
    let by_id = proto::GetAgentRequest { agent_id: created.id.clone() };
    let foreign = directory.get_agent(call(OTHER_TENANT, "admin", Role::Admin, by_id)).await;
    assert_eq!(reason(foreign), "NOT_FOUND");
    assert_eq!(
        reason(directory.get_agent(agent("nobody", proto::GetAgentRequest::default())).await),
        "NOT_FOUND"
    );

    // Only what the mask names, under the etag that was read.
    let id = sandbox.id();
    let wanted = proto::Agent { display_name: "Countess".to_owned(), capacity: 9, ..created.clone() };
    let message = update(&id, wanted.clone(), &["display_name"]);
    let changed = directory.update_agent(admin(message.clone())).await.unwrap().into_inner().agent.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.capacity, changed.version), ("Countess", 3, 2));
    assert_eq!(directory.update_agent(admin(message)).await.unwrap().into_inner().agent.unwrap(), changed);
    let stale = update(&sandbox.id(), wanted, &["capacity"]);
    assert_eq!(reason(directory.update_agent(admin(stale)).await), "ETAG_MISMATCH");
    let gone = proto::Agent { id: sandbox.id(), etag: "1".to_owned(), ..ada() };
    assert_eq!(
        reason(directory.update_agent(admin(update(&sandbox.id(), gone, &["capacity"]))).await),
        "NOT_FOUND"
    );
}

#[tokio::test]
async fn every_wrong_field_of_an_agent_is_named_at_once() {
    let sandbox = Sandbox::start().await;
    let wrong = proto::Agent {
        subject: String::new(),
        display_name: "\0".to_owned(),
        email: "nobody".to_owned(),
        capacity: -1,
        languages: vec!["en".to_owned(), "EN".to_owned(), "?".to_owned()],
        skills: vec![proto::Skill { name: String::new(), level: 6 }],
        time_zone: "here and now".to_owned(),
        ..proto::Agent::default()
    };
    let message = proto::CreateAgentRequest { request_id: "x".to_owned(), agent: Some(wrong.clone()) };
    assert_eq!(
        fields(sandbox.directory.create_agent(admin(message)).await),
        [
            "request_id",
            "agent.subject",
            "agent.display_name",
            "agent.email",
            "agent.capacity",
            "agent.languages[1]",
            "agent.languages[2]",
            "agent.skills[0].name",
            "agent.skills[0].level",
            "agent.time_zone"
        ]
    );
    let message = update("x", wrong, &["capacity", "subject"]);
    assert_eq!(
        fields(sandbox.directory.update_agent(admin(message)).await),
        ["request_id", "agent.id", "agent.etag", "update_mask.paths[1]", "agent.capacity"]
    );
    let empty = fields(sandbox.directory.update_agent(admin(proto::UpdateAgentRequest::default())).await);
    assert_eq!(empty, ["request_id", "agent.id", "agent.etag", "update_mask"]);
    let size = proto::ListAgentsRequest { page_size: 201, ..proto::ListAgentsRequest::default() };
    assert_eq!(fields(sandbox.directory.list_agents(admin(size)).await), ["page_size"]);
}

#[tokio::test]
async fn teams_have_known_members_and_one_name() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 0).await);
    let directory = &sandbox.directory;
    let unknown = sandbox.id();
    let team = proto::Team {
        display_name: "Billing".to_owned(),
        agent_ids: vec![ada.to_string(), unknown.clone()],
        lead_agent_id: unknown.clone(),
        fallback_team_id: unknown,
        ..proto::Team::default()
    };
    let message = proto::CreateTeamRequest { request_id: sandbox.id(), team: Some(team.clone()) };
    let wrong = fields(directory.create_team(admin(message)).await);
    assert_eq!(wrong, ["team.agent_ids[1]", "team.lead_agent_id", "team.fallback_team_id"]);
    let team = proto::Team {
        agent_ids: vec![bob.to_string(), ada.to_string(), bob.to_string()],
        lead_agent_id: bob.to_string(),
        fallback_team_id: String::new(),
        ..team
    };
    let message = proto::CreateTeamRequest { request_id: sandbox.id(), team: Some(team.clone()) };
    let created = directory.create_team(admin(message)).await.unwrap().into_inner().team.unwrap();
    let mut members = vec![ada.to_string(), bob.to_string()];
    members.sort();
    assert_eq!(created.agent_ids, members);
    let again = proto::Team { display_name: " BILLING ".to_owned(), ..team };
    let message = proto::CreateTeamRequest { request_id: sandbox.id(), team: Some(again) };
    assert_eq!(reason(directory.create_team(admin(message)).await), "ALREADY_EXISTS");

    let paths = vec!["agent_ids".to_owned(), "fallback_team_id".to_owned()];
    let update = proto::UpdateTeamRequest {
        request_id: sandbox.id(),
        team: Some(proto::Team { agent_ids: vec![ada.to_string()], ..created.clone() }),
        update_mask: Some(FieldMask { paths }),
    };
    let changed = directory.update_team(admin(update.clone())).await.unwrap().into_inner().team.unwrap();
    assert_eq!((changed.agent_ids.clone(), changed.version), (vec![ada.to_string()], 2));
    assert_eq!(changed.display_name, "Billing");
    let itself = proto::Team { fallback_team_id: changed.id.clone(), ..changed.clone() };
    let message = proto::UpdateTeamRequest { request_id: sandbox.id(), team: Some(itself), ..update };
    assert_eq!(fields(directory.update_team(admin(message)).await), ["team.fallback_team_id"]);
    let own =
        directory.get_agent(agent("ada", proto::GetAgentRequest::default())).await.unwrap().into_inner();
    assert_eq!(own.agent.unwrap().team_ids, std::slice::from_ref(&changed.id));
    let listed = directory.list_teams(admin(proto::ListTeamsRequest::default())).await.unwrap().into_inner();
    assert_eq!((listed.teams, listed.next_page_token), (vec![changed], String::new()));
}

#[tokio::test]
async fn pages_hold_everybody_once_and_tokens_belong_to_their_caller() {
    let sandbox = Sandbox::start().await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(sandbox.agent(&format!("agent-{number}"), 0).await.to_string());
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let message =
            proto::ListAgentsRequest { page_size: 3, page_token: token.clone(), ..Default::default() };
        let page = sandbox.directory.list_agents(admin(message)).await.unwrap().into_inner();
        seen.extend(page.agents.into_iter().map(|agent| agent.id));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    assert_eq!(seen, made);
    let stolen = proto::ListAgentsRequest { page_size: 3, page_token: token.clone(), ..Default::default() };
    let answer = sandbox.directory.list_agents(call(OTHER_TENANT, "admin", Role::Admin, stolen)).await;
    assert_eq!(reason(answer), "PAGE_TOKEN_INVALID");
    let other_list = proto::ListTeamsRequest { page_size: 3, page_token: token, ..Default::default() };
    assert_eq!(reason(sandbox.directory.list_teams(admin(other_list)).await), "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn concurrent_creates_of_one_subject_make_one_agent() {
    let sandbox = Sandbox::start().await;
    let requests = (0..10).map(|_| {
        let message = proto::CreateAgentRequest { request_id: sandbox.id(), agent: Some(ada()) };
        sandbox.directory.create_agent(call(TENANT, "admin", Role::Admin, message))
    });
    let answers = guarded(futures::future::join_all(requests)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter(Result::is_err) {
        assert_eq!(reason(refused), "ALREADY_EXISTS");
    }
}
