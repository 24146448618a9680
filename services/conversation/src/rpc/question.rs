//! Which conversations a request means: by a filter or by a view, in which order.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use prost::Message;
use tandem_fault::{Fault, Violations};
use tandem_proto::conversation::v1 as proto;
use tandem_proto::r#type::v1::ConversationFilter;
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

/// A question with its view looked up: the filter is told anew as time goes on.
pub struct Meant {
    asked: Asked,
    zone: Tz,
    pub order: Order,
    /// What a page token is bound to: a view's page ends with its version.
    pub named: Vec<u8>,
}

impl Question {
    /// Ends the parse of a request: `v` has what was wrong before.
    pub fn parse(mut v: Violations, request: &proto::ListConversationsRequest) -> Result<Self, Fault> {
        let question =
            Self::read(&mut v, &request.filter, &request.view_id, request.order, &request.time_zone);
        v.finish()?;
        Ok(question)
    }

    /// One question of several.
    pub fn read(
        v: &mut Violations,
        filter: &Option<ConversationFilter>,
        view_id: &str,
        order: i32,
        time_zone: &str,
    ) -> Self {
        let which = if view_id.is_empty() {
            let named = filter.as_ref().map(Message::encode_to_vec).unwrap_or_default();
            Ok((filter::ask(v, "filter", filter.clone()), named))
        } else {
            if filter.is_some() {
                v.add("filter", "must not be set with view_id");
                v.add("view_id", "must not be set with filter");
            }
            Err(parse::id(v, "view_id", view_id))
        };
        let order = parse_order(v, "order", order).filter(|_| order != 0);
        let zone = filter::zone(v, "time_zone", time_zone);
        Self { which, order, zone }
    }
}

impl Meant {
    /// The filter as it is meant at an instant.
    pub fn at(&self, now: DateTime<Utc>) -> Filter {
        self.asked.at(now, self.zone)
    }
}

impl Rpc {
    /// Looks the view up, where one was named.
    pub async fn meant(&self, viewer: &Viewer, question: Question) -> Result<Meant, Status> {
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
        Ok(Meant { asked, zone: question.zone, order, named })
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
