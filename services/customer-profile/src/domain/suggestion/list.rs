use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result, begin_snapshot};
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::address;
use crate::domain::address::{EMAIL, EXTERNAL_ID, PHONE};
use crate::domain::model::{Key, Profile};
use crate::domain::profile::find;
use crate::domain::scope::Scope;
use crate::store;
use crate::store::address::Match;

/// Customers that are compared at once, and by one call: where few match, it answers a short page.
const CHUNK: i64 = 100;
const BUDGET: i64 = 500;

/// Which page.
#[derive(Debug, Clone)]
pub struct List {
    pub tenant: Uuid,
    /// `None` for all of the tenant.
    pub customer_id: Option<Uuid>,
    pub page_size: i64,
    pub after: Option<Place>,
}

/// Where a page ended: the pair that it ended with, or the customer after which nobody was compared yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    customer_id: Uuid,
    other_id: Uuid,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    Phone,
    Email,
    NameAndCompany,
    ExternalId,
}

/// One thing that two customers have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    pub reason: Reason,
    pub value: String,
}

/// Two customers that may be one person.
#[derive(Debug, Clone)]
pub struct Suggestion {
    pub customer: Profile,
    pub other: Profile,
    pub evidence: Vec<Evidence>,
}

#[derive(Debug)]
pub struct Page {
    pub suggestions: Vec<Suggestion>,
    /// `None` at the end.
    pub next: Option<Place>,
}

type Pairs = BTreeMap<(Uuid, Uuid), Vec<Evidence>>;

/// Suggestions about one customer, those with most evidence first; or about all customers of the tenant, by their ids,
/// each pair at the smaller.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn list(core: &Core, list: List, scope: &Scope) -> Result<Page> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let wanted = usize::try_from(list.page_size).unwrap_or_default();
    if let Some(id) = list.customer_id {
        let root = find(&mut snapshot, (list.tenant, id), scope).await?;
        let found = pairs(&mut snapshot, list.tenant, &[root], scope).await?;
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(pair, evidence)| (std::cmp::Reverse(evidence.len()), *pair));
        found.truncate(wanted);
        return Ok(Page { suggestions: shown(&mut snapshot, list.tenant, found).await?, next: None });
    }
    walk(&mut snapshot, &list, wanted, scope).await
}

async fn walk(connection: &mut Connection, list: &List, wanted: usize, scope: &Scope) -> Result<Page> {
    let mut found = Vec::new();
    let mut place = list.after;
    let mut looked_at = 0;
    let next = loop {
        // The customer that a page ended at is compared again: it may match more than the page held.
        let from = place.map_or(Uuid::nil(), |place| place.customer_id);
        let rows = store::suggestion::roots_from(connection, list.tenant, from, CHUNK).await?;
        let ids: Vec<Uuid> = rows.iter().filter(|row| scope.finds(&row.1)).map(|row| row.0).collect();
        let mut more = pairs(connection, list.tenant, &ids, scope).await?;
        // Each pair once: at the smaller id.
        more.retain(|pair, _| {
            pair.0 < pair.1 && place.is_none_or(|place| *pair > (place.customer_id, place.other_id))
        });
        for (pair, evidence) in more {
            if found.len() == wanted {
                break;
            }
            place = Some(Place { customer_id: pair.0, other_id: pair.1 });
            found.push((pair, evidence));
        }
        looked_at += CHUNK;
        if found.len() == wanted {
            break place;
        }
        let last = rows.last().map(|row| row.0);
        if rows.len() as u64 != CHUNK.unsigned_abs() {
            break None;
        }
        place = last.map(|customer_id| Place { customer_id, other_id: Uuid::max() });
        if looked_at >= BUDGET {
            break place;
        }
    };
    Ok(Page { suggestions: shown(connection, list.tenant, found).await?, next })
}

/// What customers have in common with others that the caller may see.
async fn pairs(connection: &mut Connection, tenant: Uuid, ids: &[Uuid], scope: &Scope) -> Result<Pairs> {
    let matches = store::address::matches(connection, tenant, ids).await?;
    let mut pairs = Pairs::new();
    if matches.is_empty() {
        return Ok(pairs);
    }
    let dismissed = store::suggestion::dismissed(connection, tenant, ids).await?;
    for found in matches {
        let pair = (found.customer_id, found.other_id);
        if scope.finds(&found.other_channel_ids) && !dismissed.contains(&pair) {
            pairs.entry(pair).or_default().extend(evidence(found));
        }
    }
    for evidence in pairs.values_mut() {
        evidence.sort();
    }
    Ok(pairs)
}

fn evidence(found: Match) -> Option<Evidence> {
    let value = found.value;
    Some(match found.kind {
        PHONE => Evidence { reason: Reason::Phone, value: address::e164(&value).unwrap_or(value) },
        EMAIL => Evidence { reason: Reason::Email, value },
        EXTERNAL_ID => Evidence { reason: Reason::ExternalId, value },
        0 => Evidence { reason: Reason::NameAndCompany, value },
        _ => return None,
    })
}

async fn shown(
    connection: &mut Connection,
    tenant: Uuid,
    found: Vec<((Uuid, Uuid), Vec<Evidence>)>,
) -> Result<Vec<Suggestion>> {
    let keys: BTreeSet<Key> =
        found.iter().flat_map(|((one, other), _)| [(tenant, *one), (tenant, *other)]).collect();
    let keys: Vec<Key> = keys.into_iter().collect();
    let profiles = store::profile::read(connection, &keys).await?;
    let profiles: BTreeMap<Uuid, Profile> =
        profiles.into_iter().map(|profile| (profile.id, profile)).collect();
    let suggestion = |((one, other), evidence): ((Uuid, Uuid), Vec<Evidence>)| {
        Some(Suggestion {
            customer: profiles.get(&one)?.clone(),
            other: profiles.get(&other)?.clone(),
            evidence,
        })
    };
    Ok(found.into_iter().filter_map(suggestion).collect())
}
