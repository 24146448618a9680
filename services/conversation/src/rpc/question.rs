//! Which conversations a request means: by a filter or by a view, in which order.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use prost::Message;
use tandem_fault::{Fault, Violations};
use tandem_proto::conversation::v1 as proto;
use tonic::Status;
use uuid::Uuid;

use super::{Rpc, filter, parse};
use crate::domain::asked::Asked;
use crate::domain::conversation::count::Count;
use crate::domain::filter::Filter;
use crate::domain::order::Order;
use crate::domain::viewer::Viewer;

/// Filters in one call.
const MOST: usize = 50;

/// What a list is asked for.
pub struct Question {
    /// A filter, with the bytes that name it; or a view's id.
    which: Result<(Asked, Vec<u8>), Uuid>,
    /// `None`: the view's own, else the default.
    order: Option<Order>,
    zone: Tz,
}

impl Question {
    /// Ends the parse of a request: `v` has what was wrong before.
    pub fn parse(mut v: Violations, request: &proto::ListConversationsRequest) -> Result<Self, Fault> {
        let which = if request.view_id.is_empty() {
            let named = request.filter.as_ref().map(Message::encode_to_vec).unwrap_or_default();
            Ok((filter::ask(&mut v, "filter", request.filter.clone()), named))
        } else {
            if request.filter.is_some() {
                v.add("filter", "must not be set with view_id");
                v.add("view_id", "must not be set with filter");
            }
            Err(parse::id(&mut v, "view_id", &request.view_id))
        };
        let order = parse_order(&mut v, "order", request.order).filter(|_| request.order != 0);
        let zone = filter::zone(&mut v, "time_zone", &request.time_zone);
        v.finish()?;
        Ok(Self { which, order, zone })
    }
}

impl Rpc {
    /// The filter as it is meant now, the order, and what a page token is bound to: a view's page ends with its version.
    pub async fn ask(&self, viewer: &Viewer, question: Question) -> Result<(Filter, Order, Vec<u8>), Status> {
        let (asked, of_view, mut named) = match question.which {
            Ok((asked, named)) => (asked, None, named),
            Err(view_id) => {
                let view = self.domain.view_to_list(viewer, view_id).await?;
                let named = [view_id.as_bytes(), &view.version.to_be_bytes()[..]].concat();
                (view.look.filter, Some(view.look.order), named)
            }
        };
        let order = question.order.or(of_view).unwrap_or_default();
        named.extend(order.number().to_be_bytes());
        named.extend(question.zone.name().as_bytes());
        Ok((asked.at(self.domain.ambient.now(), question.zone), order, named))
    }
}

/// An order; 0 is the default.
pub fn parse_order(v: &mut Violations, field: &str, number: i32) -> Option<Order> {
    v.take(field, Order::from_number(number).ok_or("must be one of the known values"))
}

/// The filters of a count, as they are meant now.
pub fn parse_filters(
    request: proto::CountConversationsRequest,
    now: DateTime<Utc>,
) -> Result<Vec<Filter>, Fault> {
    let mut v = Violations::new();
    let zone = filter::zone(&mut v, "time_zone", &request.time_zone);
    v.check(request.filters.len() <= MOST, "filters", "must be at most 50 filters");
    let filters = request.filters.into_iter().take(MOST).enumerate();
    let filters: Vec<Filter> = filters
        .map(|(at, asked)| filter::ask(&mut v, &format!("filters[{at}]"), Some(asked)).at(now, zone))
        .collect();
    v.finish()?;
    Ok(filters)
}

pub fn count(count: Count) -> proto::ConversationCount {
    use proto::CountPrecision as Precision;
    let (precision, count) = match count {
        Count::Exact(count) => (Precision::Exact, count),
        Count::AtLeast(count) => (Precision::AtLeast, count),
        Count::Unknown => (Precision::Unknown, 0),
    };
    proto::ConversationCount { precision: precision.into(), count }
}
