//! Lists of agents and teams as they are asked for.

use tandem_access::Caller;
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_signed_token::Signer;

use super::page::Page;
use super::parse;
use crate::domain::agent::Narrow;
use crate::domain::check::{is_language, is_text};
use crate::domain::kinds::AgentState;
use crate::domain::list::Key;

pub fn agents(
    signer: &Signer,
    caller: &Caller,
    message: &proto::ListAgentsRequest,
) -> Result<(Page<Key>, Narrow), Fault> {
    let mut violations = Violations::new();
    query(&mut violations, &message.query);
    let state = AgentState::from_number(message.state);
    violations.check(message.state == 0 || state.is_some(), "state", "must be a known state");
    let presences = message.presences.iter().enumerate();
    let presences = presences
        .map(|(index, presence)| parse::presence(&mut violations, &format!("presences[{index}]"), *presence))
        .collect();
    violations.check(message.presences.len() <= 4, "presences", "must be at most 4");
    violations.check(is_text(&message.skill, 64), "skill", "must be at most 64 characters, no NUL");
    let known = message.language.is_empty() || is_language(&message.language);
    violations.check(known, "language", "must be a BCP 47 tag or empty");
    let narrow = Narrow {
        query: message.query.trim().to_owned(),
        team_id: parse::maybe_id(&mut violations, "team_id", &message.team_id),
        state,
        presences,
        skill: message.skill.clone(),
        language: message.language.clone(),
    };
    let filter = proto::ListAgentsRequest { page_size: 0, page_token: String::new(), ..message.clone() };
    let size = (message.page_size, &message.page_token[..]);
    Ok((Page::read(signer, caller, violations, ("ListAgents", &filter), size)?, narrow))
}

pub fn teams(
    signer: &Signer,
    caller: &Caller,
    message: &proto::ListTeamsRequest,
) -> Result<Page<Key>, Fault> {
    let mut violations = Violations::new();
    query(&mut violations, &message.query);
    let filter = proto::ListTeamsRequest { page_size: 0, page_token: String::new(), ..message.clone() };
    let size = (message.page_size, &message.page_token[..]);
    Page::read(signer, caller, violations, ("ListTeams", &filter), size)
}

fn query(violations: &mut Violations, query: &str) {
    violations.check(is_text(query, 100), "query", "must be at most 100 characters, no NUL");
}
