//! Lists of customers on the wire, and who matches their filter.

use tandem_fault::Violations;
use tandem_proto::customer::v1::{
    AttributeValue, CustomerFilter, CustomerOrder, ListCustomersRequest, ListCustomersResponse,
    MatchCustomersRequest, MatchCustomersResponse,
};
use tandem_signed_token::PageToken;
use tonic::Status;
use uuid::Uuid;

use super::{CATEGORY, Call, CustomerRpc, LINE, check};
use crate::domain::attribute;
use crate::domain::profile::{self, Filter, List, Order, Place};
use crate::wire;

/// Customers that one question may name.
const MOST_NAMED: usize = 500;

impl CustomerRpc {
    pub(super) async fn matching(
        &self,
        call: Call<MatchCustomersRequest>,
    ) -> Result<MatchCustomersResponse, Status> {
        let mut violations = Violations::new();
        let named = &call.message.customer_ids;
        violations.check(named.len() <= MOST_NAMED, "customer_ids", "must be at most 500 ids");
        let ids: Vec<Uuid> = named
            .iter()
            .take(MOST_NAMED)
            .enumerate()
            .map(|(at, text)| check::id(&mut violations, &format!("customer_ids[{at}]"), text))
            .collect();
        let given = call.message.filter.clone().unwrap_or_default();
        let filter = self.filter(&mut violations, call.tenant, &given).await?;
        violations.finish()?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&call.message.at_least_as_fresh).await?;
        let among = (!ids.is_empty()).then_some(&ids[..]);
        let found = profile::matching(&self.core, call.tenant, &filter, among, &scope).await?;
        Ok(MatchCustomersResponse {
            too_many: found.is_none(),
            customer_ids: found.unwrap_or_default().iter().map(Uuid::to_string).collect(),
        })
    }

    pub(super) async fn list(
        &self,
        call: Call<ListCustomersRequest>,
    ) -> Result<ListCustomersResponse, Status> {
        let asked = self.parse(&call).await?;
        let filter = format!("{:?} {} {:?} {:?}", asked.order, asked.reverse, asked.from_name, asked.filter);
        let binding = call.binding("ListCustomers", &filter);
        let after: Option<Place> = PageToken::resume(&self.signer, &binding, &call.message.page_token)?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&call.message.at_least_as_fresh).await?;
        let page = profile::list(&self.core, List { after, ..asked }, &scope).await?;
        let next = page.next.map(|place| PageToken::encode(&self.signer, &binding, &place));
        Ok(ListCustomersResponse {
            customers: page.customers.iter().map(wire::customer).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn parse(&self, call: &Call<ListCustomersRequest>) -> Result<List, Status> {
        let message = &call.message;
        let mut violations = Violations::new();
        let page_size = check::page_size(&mut violations, message.page_size);
        let from_name = check::line(&mut violations, "from_name", &message.from_name, LINE);
        let order = match message.order.try_into() {
            Ok(CustomerOrder::Unspecified | CustomerOrder::Name) => Order::Name,
            Ok(CustomerOrder::LastContact) => Order::LastContact,
            Ok(CustomerOrder::FirstContact) => Order::FirstContact,
            Err(_) => {
                violations.add("order", "must be an order of customers");
                Order::Name
            }
        };
        let by_name = from_name.is_empty() || order == Order::Name;
        violations.check(by_name, "from_name", "must go with the order by name");
        let given = message.filter.clone().unwrap_or_default();
        let filter = self.filter(&mut violations, call.tenant, &given).await?;
        violations.finish()?;
        let (tenant, reverse) = (call.tenant, message.reverse);
        Ok(List { tenant, page_size, order, reverse, from_name, filter, after: None })
    }

    async fn filter(
        &self,
        violations: &mut Violations,
        tenant: Uuid,
        given: &CustomerFilter,
    ) -> Result<Filter, Status> {
        let mut filter = parse_filter(violations, given);
        if let Some(value) = &given.attribute {
            filter.attribute = self.attribute(violations, tenant, value).await?;
        }
        Ok(filter)
    }

    async fn attribute(
        &self,
        violations: &mut Violations,
        tenant: Uuid,
        given: &AttributeValue,
    ) -> Result<Option<(Uuid, String)>, Status> {
        let definitions = attribute::list(&self.core, tenant).await?;
        let Some(definition) = definitions.iter().find(|definition| definition.key == given.key) else {
            violations.add("filter.attribute.key", "must be the key of an attribute that is defined");
            return Ok(None);
        };
        let value = violations.take("filter.attribute.value", definition.read(&given.value));
        Ok(value.map(|value| (definition.id, value)))
    }
}

fn parse_filter(violations: &mut Violations, given: &CustomerFilter) -> Filter {
    let mut id = |field: &str, text: &str| (!text.is_empty()).then(|| check::id(violations, field, text));
    let tag_id = id("filter.tag_id", &given.tag_id);
    let channel_id = id("filter.channel_id", &given.channel_id);
    let category = check::line(violations, "filter.category", &given.category, CATEGORY);
    let category = Some(category).filter(|category: &String| !category.is_empty());
    Filter { tag_id, category, attribute: None, channel_id, has_phone: given.has_phone }
}
