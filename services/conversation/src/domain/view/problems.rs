//! What a view names that is not there: deleted since, or never known. Nothing is taken out of its filter, so it never
//! shows more than was meant.

use std::collections::HashMap;

use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::{Owner, View};
use crate::domain::viewer::Viewer;
use crate::store;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path in the view, as on the wire.
    pub field: String,
    pub id: Uuid,
    pub matter: Matter,
}

/// What is the matter with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// There is no such thing, as far as the caller may see.
    Unknown,
    /// An agent who works here no more.
    Inactive,
    /// A customer who was merged into another: conversations are the other's.
    Merged,
}

/// The kinds of things that views name and this service knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Noun {
    Team,
    Agent,
    Channel,
    Label,
    Contact,
    Customer,
}

/// Every id that a view names, with its kind and where.
fn named(view: &View) -> Vec<(Noun, Uuid, String)> {
    let parts = &view.look.filter.parts;
    let lists = [
        (Noun::Agent, "assignment.agent_ids", &parts.assignment.agent_ids),
        (Noun::Team, "assignment.team_ids", &parts.assignment.team_ids),
        (Noun::Channel, "channel_ids", &parts.channel_ids),
        (Noun::Contact, "contact_ids", &parts.contact_ids),
        (Noun::Customer, "customer_ids", &parts.customer_ids),
        // One that was merged is found: filters follow it to the label that stays.
        (Noun::Label, "labels.any", &parts.labels.any),
        (Noun::Label, "labels.all", &parts.labels.all),
        (Noun::Label, "labels.none", &parts.labels.none),
    ];
    let mut named: Vec<(Noun, Uuid, String)> = lists
        .into_iter()
        .flat_map(|(noun, field, ids)| {
            ids.iter().enumerate().map(move |(at, id)| (noun, *id, format!("filter.{field}[{at}]")))
        })
        .collect();
    if let Owner::Team(team) = view.owner {
        named.push((Noun::Team, team, "team_id".to_owned()));
    }
    named
}

/// The problems of each view in its order, of all of them in one statement; none when they name nothing.
pub async fn of(connection: &mut Connection, viewer: &Viewer, views: &[View]) -> Result<Vec<Vec<Problem>>> {
    let named: Vec<Vec<(Noun, Uuid, String)>> = views.iter().map(named).collect();
    let asked: Vec<(Noun, Uuid)> = named.iter().flatten().map(|(noun, id, _)| (*noun, *id)).collect();
    let known: HashMap<(Noun, Uuid), bool> = match asked.is_empty() {
        true => HashMap::new(),
        false => store::view::known(connection, viewer, &asked).await?.into_iter().collect(),
    };
    let problem = |(noun, id, field): (Noun, Uuid, String)| {
        // A channel outside the caller's scope answers as one that does not exist.
        let hidden = noun == Noun::Channel && !viewer.scope.covers(id);
        let matter = match known.get(&(noun, id)) {
            Some(true) if !hidden => return None,
            Some(false) if noun == Noun::Customer => Matter::Merged,
            Some(false) => Matter::Inactive,
            _ => Matter::Unknown,
        };
        Some(Problem { field, id, matter })
    };
    Ok(named.into_iter().map(|named| named.into_iter().filter_map(problem).collect()).collect())
}
