use std::collections::HashMap;

use tandem_ambient::Ambient;
use tandem_change_feed::{Apply, Body, Change, ChangeKind, Row, outbox};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::{id, ids};
use crate::domain::model::Tenant;
use crate::store::customer_tag::{self, Tag};
use crate::store::projection::{self, Customer};
use crate::store::tenant;

/// Names, tags and contacts of customers, as customer-profile tells of them: what lists show and filters ask for.
#[derive(Debug)]
pub struct CustomerFeed {
    pub ambient: Ambient,
}

impl Apply for CustomerFeed {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[ChangeKind::Customer, ChangeKind::Tag]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        let mut customers: HashMap<_, Customer> = HashMap::new();
        let mut tags: HashMap<_, Tag> = HashMap::new();
        let mut gone: Vec<(Uuid, Uuid)> = Vec::new();
        for change in changes {
            let tenant_id = id(&change.tenant_id);
            let customer = match &change.body {
                Some(Body::Customer(customer)) => customer,
                Some(Body::Tag(tag)) => {
                    let merged_into = Uuid::parse_str(&tag.merged_into_id).ok();
                    let (id, deleted, version) = (id(&tag.id), tag.deleted, tag.version);
                    let state = Tag { tenant_id, id, merged_into, deleted, version };
                    let newest = tags.entry((tenant_id, id)).or_insert_with(|| state.clone());
                    if newest.version < version {
                        *newest = state;
                    }
                    continue;
                }
                _ if change.kind() == ChangeKind::Customer => {
                    gone.push((tenant_id, id(&change.entity_id)));
                    continue;
                }
                _ => continue,
            };
            let contact_ids = customer.contacts.iter().map(|contact| contact.id.clone()).collect::<Vec<_>>();
            let state = Customer {
                tenant_id,
                id: id(&customer.id),
                name: customer.display_name.clone(),
                tag_ids: ids(&customer.tag_ids),
                merged_into: Uuid::parse_str(&customer.merged_into_id).ok(),
                contact_ids: ids(&contact_ids),
                version: customer.version,
            };
            customers.insert((tenant_id, state.id), state);
        }
        let customers: Vec<Customer> = customers.into_values().collect();
        // Their conversations change with them for whoever watches a list, though their versions stay.
        let shown = projection::shown_otherwise(connection, &customers).await?;
        projection::remove_customers(connection, &gone).await?;
        projection::apply_customers(connection, generation, &customers).await?;
        let rows = projection::conversations_of(connection, &shown).await?;
        outbox::write(connection, &self.ambient, &rows).await?;
        let tags: Vec<Tag> = tags.into_values().collect();
        let tenants: Vec<Uuid> =
            customer_tag::apply(connection, generation, &tags).await?.into_iter().collect();
        if !tenants.is_empty() {
            // Streams look again what their filters mean, as after a merge of labels.
            let tenants = tenant::find(connection, &tenants).await?;
            let rows: Vec<Row> = tenants.iter().map(Tenant::row).collect();
            outbox::write(connection, &self.ambient, &rows).await?;
        }
        Ok(())
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        customer_tag::sweep(connection, generation).await?;
        projection::sweep_customers(connection, generation).await
    }
}
