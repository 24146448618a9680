use std::collections::{BTreeMap, BTreeSet, HashSet};

use tandem_database::{Connection, Result, begin};
use tandem_fault::Violations;
use tandem_request_log as request_log;
use uuid::Uuid;

use super::plan::{Plan, Said, State, tag_field};
use super::{Done, Effect, Import, Outcome, Record};
use crate::domain::attribute::Definition;
use crate::domain::merge::{hold, settle};
use crate::domain::model::Key;
use crate::domain::tag::{Names, Plan as TagPlan};
use crate::domain::{Change, Core};
use crate::store;
use crate::store::carried::Carried;
use crate::store::import::{Known, Writes};

/// Takes records in, as many statements for many as for one.
///
/// # Errors
/// `LIMIT_REACHED` for the tenant's tags, `REQUEST_ID_REUSED`.
pub async fn import(core: &Core, asked: Import) -> Result<Done> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if !asked.validate_only
        && let Some(first) = request_log::claim(&mut tx, &asked.request, now).await?
    {
        return Ok(first);
    }
    // Which customers are one stands still from here on, and no other transaction locks several of them.
    hold(&mut tx, &[tenant].into()).await?;
    let mut desk = Desk::read(&mut tx, core, tenant, &asked.records).await?;
    let outcomes: Vec<Outcome> = asked.records.into_iter().map(|record| desk.judge(core, record)).collect();
    desk.names.keep(&desk.put.iter().map(|row| row.tag_id).collect());
    desk.names.create(&mut tx, core, tenant).await?;
    if asked.validate_only {
        // What was created goes with the transaction.
        return Ok(Done { outcomes, change: None });
    }
    let change = desk.write(&mut tx, core, &asked.by_subject).await?;
    let done = Done { outcomes, change };
    request_log::record(&mut tx, &asked.request, &done).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(done)
}

/// What records are judged by, and what is to be written of them. The customers are locked.
struct Desk {
    tenant: Uuid,
    known: BTreeMap<String, Known>,
    erased: HashSet<String>,
    states: BTreeMap<Uuid, State>,
    carried: BTreeMap<Uuid, Vec<Carried>>,
    definitions: Vec<Definition>,
    names: Names,
    seen: HashSet<String>,
    put: Vec<Carried>,
    writes: Writes,
}

impl Desk {
    async fn read(
        connection: &mut Connection,
        core: &Core,
        tenant: Uuid,
        records: &[Record],
    ) -> Result<Self> {
        let ids: Vec<String> = records.iter().map(|record| record.external_id.clone()).collect();
        let known = store::import::known(connection, tenant, &ids).await?;
        let erased = store::import::erased(connection, tenant, &ids).await?;
        let both = known.values().flat_map(|known| [known.customer_id, known.root_id]);
        let keys: BTreeSet<Key> = both.map(|id| (tenant, id)).collect();
        store::customer::lock(connection, &keys).await?;
        let roots: BTreeSet<Key> = known.values().map(|known| (tenant, known.root_id)).collect();
        let states = store::import::states(connection, &roots).await?;
        let members = store::customer::members_of(connection, &roots).await?;
        let all: Vec<Uuid> = members.keys().copied().collect();
        let mut carried: BTreeMap<Uuid, Vec<Carried>> = BTreeMap::new();
        for row in store::carried::of_customers(connection, tenant, &all).await? {
            carried.entry(members[&row.customer_id]).or_default().push(row);
        }
        let is_new =
            |before: Option<&Known>, field: &str| before.is_none_or(|known| !known.said.contains_key(field));
        let new_tags: Vec<_> = records
            .iter()
            .flat_map(|record| record.tags.iter().map(|tag| (known.get(&record.external_id), tag)))
            .filter(|(before, tag)| is_new(*before, &tag_field(tag)))
            .map(|(_, tag)| tag.clone())
            .collect();
        let names = Names::read(connection, core, tenant, &new_tags, &[]).await?;
        let definitions = store::attribute::of_tenant(connection, tenant).await?;
        Ok(Self {
            tenant,
            known,
            erased,
            states,
            carried,
            definitions,
            names,
            seen: HashSet::new(),
            put: Vec::new(),
            writes: Writes::default(),
        })
    }

    /// What becomes of a record. What it changes is seen by those after it: two may be of one person.
    fn judge(&mut self, core: &Core, record: Record) -> Outcome {
        let mut record = record;
        let mut wrong = std::mem::take(&mut record.wrong);
        let attributes = self.attributes(&record, &mut wrong);
        if !record.external_id.is_empty() {
            let once = self.seen.insert(record.external_id.clone());
            wrong.check(once, "external_id", "must be different from those of the records before");
        }
        if !wrong.is_empty() {
            let wrong = wrong.into_fault().violations;
            return Outcome::Invalid(wrong.into_iter().map(|one| (one.field, one.description)).collect());
        }
        if self.erased.contains(&record.external_id) {
            return Outcome::Erased;
        }
        let before = self.known.get(&record.external_id);
        let (customer_id, root_id) = before.map_or_else(
            || {
                let id = core.ambient.id();
                (id, id)
            },
            |known| (known.customer_id, known.root_id),
        );
        let said: Option<&Said> = before.map(|known| &known.said);
        let state = self.states.entry(root_id).or_default();
        let plan = Plan::of(&record, &attributes, said, state);
        let rows = self.carried.entry(root_id).or_default();
        let put_on: BTreeSet<Uuid> = plan.tags.iter().filter_map(|tag| self.names.id(tag)).collect();
        let tags = TagPlan::of(root_id, rows, &put_on, &BTreeSet::new(), core.ambient.now());
        if tags.is_too_much() {
            return Outcome::TooManyTags;
        }
        let changes = plan.changes() || !tags.put().is_empty();
        let effect = match before {
            None => Effect::Created,
            Some(_) if changes => Effect::Updated,
            Some(_) => Effect::Unchanged,
        };
        if said != Some(&plan.said) {
            rows.extend(tags.put());
            self.put.extend(tags.put());
            state.texts.extend(plan.texts.clone());
            state.attributes.extend(plan.attributes.clone());
            let kept = plan.kept.clone();
            self.writes.add(record.external_id, (customer_id, root_id), plan, effect);
            return Outcome::Imported { customer_id: root_id, effect, kept };
        }
        Outcome::Imported { customer_id: root_id, effect, kept: Vec::new() }
    }

    /// The record's values by definition, with their keys.
    fn attributes(&self, record: &Record, wrong: &mut Violations) -> BTreeMap<Uuid, (String, String)> {
        let values = record.attributes.read("attributes", &self.definitions, wrong);
        let key = |id: &Uuid| self.definitions.iter().find(|definition| definition.id == *id);
        let said = values.into_iter().filter_map(|(id, value)| Some((id, (key(&id)?.key.clone(), value?))));
        said.collect()
    }

    async fn write(
        &self,
        connection: &mut Connection,
        core: &Core,
        by_subject: &str,
    ) -> Result<Option<Change>> {
        let touched = self.writes.touched(self.tenant);
        store::import::write(connection, self.tenant, &self.writes, by_subject, core.ambient.now()).await?;
        store::carried::put(connection, self.tenant, &self.put).await?;
        settle(connection, &core.ambient, &touched).await
    }
}
