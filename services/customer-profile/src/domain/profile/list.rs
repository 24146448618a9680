use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result, begin_snapshot};
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::model::{Key, Profile};
use crate::domain::scope::Scope;
use crate::store;
use crate::store::browse::{Listed, Question};

/// What a page holds: less than the four million bytes that callers take by default.
const BYTES: usize = 3_000_000;

/// The orders of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A–Z; those without a name last.
    Name,
    /// Newest first; those who never wrote last.
    LastContact,
    /// Newest first; those who never wrote last.
    FirstContact,
}

/// Which customers: those for whom every part that is given holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub tag_id: Option<Uuid>,
    pub category: Option<String>,
    /// By the definition's id, the value in the form of its type.
    pub attribute: Option<(Uuid, String)>,
    pub channel_id: Option<Uuid>,
    pub has_phone: Option<bool>,
}

/// Which page.
#[derive(Debug, Clone)]
pub struct List {
    pub tenant: Uuid,
    pub page_size: i64,
    pub order: Order,
    /// The order the other way round.
    pub reverse: bool,
    /// By name: names from this one on, or in reverse those before it.
    pub from_name: String,
    pub filter: Filter,
    pub after: Option<Place>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub spot: Spot,
    pub id: Uuid,
}

/// The key of a list's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spot {
    /// Left out when the caller may not see that customer: page tokens can be read.
    Name(Option<String>),
    Time(Option<DateTime<Utc>>),
}

#[derive(Debug)]
pub struct Page {
    pub customers: Vec<Profile>,
    /// `None` at the end.
    pub next: Option<Place>,
}

/// Customers in an order that match a filter; merged ones not at all.
pub async fn list(core: &Core, list: List, scope: &Scope) -> Result<Page> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let mut after = list.after;
    if let Some(Place { spot: Spot::Name(name @ None), id }) = &mut after {
        *name = store::customer::sort_name(&mut snapshot, (list.tenant, *id)).await?;
    }
    let tag_ids = meant(&mut snapshot, list.tenant, &list.filter).await?;
    let question = Question {
        tenant: list.tenant,
        order: list.order,
        reverse: list.reverse,
        from_name: &list.from_name.to_lowercase(),
        filter: &list.filter,
        tag_ids: &tag_ids,
        scope: scope.channels(),
        after: after.as_ref(),
    };
    let limit = usize::try_from(list.page_size).unwrap_or_default();
    let found = store::browse::scan(&mut snapshot, &question, limit).await?;
    let keys: Vec<Key> = found.rows.iter().map(|row| (list.tenant, row.id)).collect();
    let mut customers = store::profile::read(&mut snapshot, &keys).await?;
    let fit = fit(&customers);
    if fit < customers.len() {
        customers.truncate(fit);
        let last = customers.last().and_then(|last| found.rows.into_iter().find(|row| row.id == last.id));
        return Ok(Page { customers, next: last.map(|last| place(last, list.order, scope)) });
    }
    Ok(Page { customers, next: found.last.map(|last| place(last, list.order, scope)) })
}

/// Every id that stands for the filter's tag; none for one that is no more.
pub(super) async fn meant(connection: &mut Connection, tenant: Uuid, filter: &Filter) -> Result<Vec<Uuid>> {
    let Some(tag) = filter.tag_id else { return Ok(Vec::new()) };
    let mut groups = store::tag::groups(connection, tenant, &[tag]).await?;
    Ok(groups.remove(&tag).unwrap_or_default())
}

/// How many of these one page holds by their size, at least one.
fn fit(customers: &[Profile]) -> usize {
    let mut bytes = 0;
    let over = customers.iter().position(|customer| {
        bytes += size(customer);
        bytes > BYTES
    });
    over.unwrap_or(customers.len()).max(1)
}

/// Bytes of what grows: attributes and contacts, with something for keys, ids and times.
fn size(customer: &Profile) -> usize {
    let attributes = customer.attributes.iter().map(|(key, value)| key.len() + value.len() + 16);
    let contacts = customer.contacts.iter().map(|contact| {
        let identities = contact.identities.iter().map(|identity| 2 * identity.value.len() + 128);
        256 + contact.display_name.len() + identities.sum::<usize>()
    });
    1_024 + attributes.sum::<usize>() + contacts.sum::<usize>() + 40 * customer.tag_ids.len()
}

fn place(last: Listed, order: Order, scope: &Scope) -> Place {
    let spot = match order {
        Order::Name => Spot::Name(scope.finds(&last.channel_ids).then_some(last.sort_name)),
        Order::LastContact => Spot::Time(last.last_contact_at),
        Order::FirstContact => Spot::Time(last.first_contact_at),
    };
    Place { spot, id: last.id }
}
