use std::collections::HashMap;

use tandem_ambient::Ambient;
use tandem_change_feed::{Apply, Body, Change, ChangeKind, outbox};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::{id, ids};
use crate::store::projection::{self, Customer};

/// Names, tags and contacts of customers, as customer-profile tells of them: what lists show and filters ask for.
#[derive(Debug)]
pub struct CustomerFeed {
    pub ambient: Ambient,
}

impl Apply for CustomerFeed {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[ChangeKind::Customer]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        let mut customers: HashMap<_, Customer> = HashMap::new();
        let mut gone: Vec<(Uuid, Uuid)> = Vec::new();
        for change in changes {
            let tenant_id = id(&change.tenant_id);
            let Some(Body::Customer(customer)) = &change.body else {
                gone.push((tenant_id, id(&change.entity_id)));
                continue;
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
        Ok(())
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        projection::sweep_customers(connection, generation).await
    }
}
