use tandem_bootstrap::InternalChannel;
use tandem_fault::Result;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::tag_service_client::TagServiceClient;
use tandem_proto::customer::v1::{CustomerFilter, ListTagsRequest, MatchCustomersRequest};
use uuid::Uuid;

use super::asking::{Asking, ids};
use super::fault::from_status;

/// What customer-profile decides: a filter as it came.
pub type WhichCustomers = CustomerFilter;

/// A tag that customers carry.
#[derive(Debug, Clone)]
pub struct CarriedTag {
    pub id: String,
    pub name: String,
}

/// The customer-profile service. Cheap to clone.
#[derive(Clone)]
pub struct Profiles {
    customers: CustomerServiceClient<InternalChannel>,
    tags: TagServiceClient<InternalChannel>,
}

impl Profiles {
    /// `channel` must carry no token of its own.
    pub fn new(channel: InternalChannel) -> Self {
        Self { customers: CustomerServiceClient::new(channel.clone()), tags: TagServiceClient::new(channel) }
    }

    /// Everybody who matches; `None` for more than a few hundred.
    pub async fn few(&self, asking: &Asking, filter: &WhichCustomers) -> Result<Option<Vec<Uuid>>> {
        self.ask(asking, filter, &[]).await
    }

    /// Those of at most 500 customers who match and whom the caller may see.
    pub async fn matching(
        &self,
        asking: &Asking,
        filter: &WhichCustomers,
        customers: &[Uuid],
    ) -> Result<Vec<Uuid>> {
        if customers.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.ask(asking, filter, customers).await?.unwrap_or_default())
    }

    /// The tags whose names begin so, by name.
    pub async fn tags(&self, asking: &Asking, prefix: &str) -> Result<Vec<CarriedTag>> {
        let request = asking.request(ListTagsRequest { prefix: prefix.to_owned() });
        let answer = self.tags.clone().list_tags(request).await;
        let tags = answer.map_err(|status| from_status(&status))?.into_inner().tags;
        Ok(tags.into_iter().map(|tag| CarriedTag { id: tag.id, name: tag.name }).collect())
    }

    async fn ask(
        &self,
        asking: &Asking,
        filter: &WhichCustomers,
        customers: &[Uuid],
    ) -> Result<Option<Vec<Uuid>>> {
        let request = asking.request(MatchCustomersRequest {
            filter: Some(filter.clone()),
            customer_ids: customers.iter().map(Uuid::to_string).collect(),
            at_least_as_fresh: asking.at_least_as_fresh.clone(),
        });
        let answer = self.customers.clone().match_customers(request).await;
        let answer = answer.map_err(|status| from_status(&status))?.into_inner();
        if answer.too_many { Ok(None) } else { ids(&answer.customer_ids).map(Some) }
    }
}
