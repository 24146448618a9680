//! What customers write about.

use chrono::{Datelike, NaiveDate};
use prost::Message;
use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_signed_token::PageToken;
use tonic::Status;
use uuid::Uuid;

use super::{Rpc, conversations, parse};
use crate::domain::kinds::LabelFigureKind;
use crate::domain::label::figures::{Days, Figures, Wanted};
use crate::domain::viewer::Viewer;

/// Days of one question.
const MOST_DAYS: i64 = 92;

impl Rpc {
    pub(super) async fn figures(
        &self,
        viewer: Viewer,
        request: proto::ListLabelFiguresRequest,
    ) -> Result<proto::ListLabelFiguresResponse, Status> {
        let mut wanted = parse(&request)?;
        let named =
            proto::ListLabelFiguresRequest { page_size: 0, page_token: String::new(), ..request.clone() };
        let bound = conversations::bound(&viewer, "ListLabelFigures", &named.encode_to_vec());
        wanted.after = PageToken::resume(&self.domain.signer, &bound, &request.page_token)?;
        let (figures, next) = self.domain.label_figures(&viewer, wanted).await?;
        let next = next.map(|place| PageToken::encode(&self.domain.signer, &bound, &place));
        Ok(proto::ListLabelFiguresResponse {
            labels: figures.into_iter().map(to_proto).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }
}

fn parse(request: &proto::ListLabelFiguresRequest) -> Result<Wanted, Status> {
    let mut v = Violations::new();
    let kind = parse::kind(&mut v, "kind", request.kind, LabelFigureKind::from_number);
    let from = date(&mut v, "from_date", &request.from_date);
    let until = date(&mut v, "until_date", &request.until_date);
    let channel_ids = parse::ids(&mut v, "channel_ids", &request.channel_ids, 100);
    let limit = parse::size(&mut v, "page_size", request.page_size, 50, 200);
    let days = Days { from: from.unwrap_or_default(), until: until.unwrap_or_default() };
    if from.is_some() && until.is_some() {
        let ok = (1..=MOST_DAYS).contains(&days.count());
        v.check(ok, "until_date", "must be from_date or up to 91 days after it");
    }
    v.finish()?;
    let channel_ids: Option<Vec<Uuid>> = Some(channel_ids).filter(|ids| !ids.is_empty());
    let kind = kind.unwrap_or(LabelFigureKind::Label);
    Ok(Wanted { kind, days, channel_ids, after: None, limit })
}

/// A day of the years that this service may see.
fn date(v: &mut Violations, field: &str, value: &str) -> Option<NaiveDate> {
    let date = value.parse::<NaiveDate>().ok().filter(|date| (2000..=2200).contains(&date.year()));
    v.take(field, date.ok_or("must be a day such as 2026-11-01"))
}

fn to_proto(from: Figures) -> proto::LabelFigures {
    proto::LabelFigures {
        id: from.id.to_string(),
        name: from.name,
        conversations: from.conversations,
        previous_conversations: from.previous,
        daily_conversations: from.daily,
    }
}
