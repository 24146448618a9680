use prost_types::FieldMask;
use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::view_service_server::ViewService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Rpc, convert, filter, parse, question};
use crate::domain::kinds::{StandardView, ViewColumn, ViewScope};
use crate::domain::view::create::NewOwner;
use crate::domain::view::list::Listed;
use crate::domain::view::problems::{Matter, Problem};
use crate::domain::view::update::ViewMask;
use crate::domain::view::{Look, Owner};

type Answer<T> = Result<Response<T>, Status>;

/// Views in one arrangement.
const MOST_ARRANGED: usize = 400;

#[tonic::async_trait]
impl ViewService for Rpc {
    async fn create_view(
        &self,
        request: Request<proto::CreateViewRequest>,
    ) -> Answer<proto::CreateViewResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let body = proto::CreateViewRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "CreateView", &request.request_id, &body);
        let view = request.view.unwrap_or_default();
        let owner = parse_owner(&mut v, ["view.scope", "view.team_id"], view.scope, &view.team_id);
        let look = parse_look(&mut v, view);
        v.finish()?;
        let listed = self.domain.create_view(&viewer, named, owner, look).await?;
        let (view, change_token) = (Some(to_proto(listed)), self.unchanged());
        Ok(Response::new(proto::CreateViewResponse { view, change_token }))
    }

    async fn update_view(
        &self,
        request: Request<proto::UpdateViewRequest>,
    ) -> Answer<proto::UpdateViewResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let mut view = request.view.clone().unwrap_or_default();
        let etag = std::mem::take(&mut view.etag);
        let body = proto::UpdateViewRequest {
            request_id: String::new(),
            view: Some(view.clone()),
            ..request.clone()
        };
        let named = parse::request(&mut v, viewer.tenant_id, "UpdateView", &request.request_id, &body);
        let mask = parse_mask(&mut v, request.update_mask);
        if !mask.name {
            // What is not changed need not be given.
            "unchanged".clone_into(&mut view.name);
        }
        let id = parse::id(&mut v, "view.id", &view.id);
        let etag = parse_etag(&mut v, "view.etag", &etag);
        let look = parse_look(&mut v, view);
        v.finish()?;
        let listed = self.domain.update_view(&viewer, named, id, etag, mask, look).await?;
        let (view, change_token) = (Some(to_proto(listed)), self.unchanged());
        Ok(Response::new(proto::UpdateViewResponse { view, change_token }))
    }

    async fn copy_view(&self, request: Request<proto::CopyViewRequest>) -> Answer<proto::CopyViewResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let body = proto::CopyViewRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "CopyView", &request.request_id, &body);
        let id = parse::id(&mut v, "view_id", &request.view_id);
        parse::text(&mut v, "name", &request.name, 0..=100);
        let owner = parse_owner(&mut v, ["scope", "team_id"], request.scope, &request.team_id);
        v.finish()?;
        let listed = self.domain.copy_view(&viewer, named, id, request.name, owner).await?;
        let (view, change_token) = (Some(to_proto(listed)), self.unchanged());
        Ok(Response::new(proto::CopyViewResponse { view, change_token }))
    }

    async fn delete_view(
        &self,
        request: Request<proto::DeleteViewRequest>,
    ) -> Answer<proto::DeleteViewResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let view_id = request.view_id.clone();
        let body = proto::DeleteViewRequest { view_id: view_id.clone(), ..Default::default() };
        let named = parse::request(&mut v, viewer.tenant_id, "DeleteView", &request.request_id, &body);
        let id = parse::id(&mut v, "view_id", &request.view_id);
        let etag = (!request.etag.is_empty()).then(|| parse_etag(&mut v, "etag", &request.etag));
        v.finish()?;
        self.domain.delete_view(&viewer, named, id, etag).await?;
        Ok(Response::new(proto::DeleteViewResponse { view_id, change_token: self.unchanged() }))
    }

    async fn get_view(&self, request: Request<proto::GetViewRequest>) -> Answer<proto::GetViewResponse> {
        let (viewer, request) = self.fresh(request, |r| &r.at_least_as_fresh).await?;
        let mut v = Violations::new();
        let id = parse::id(&mut v, "view_id", &request.view_id);
        v.finish()?;
        let listed = self.domain.view(&viewer, id).await?;
        Ok(Response::new(proto::GetViewResponse { view: Some(to_proto(listed)) }))
    }

    async fn list_views(
        &self,
        request: Request<proto::ListViewsRequest>,
    ) -> Answer<proto::ListViewsResponse> {
        let (viewer, request) = self.fresh(request, |r| &r.at_least_as_fresh).await?;
        let mut v = Violations::new();
        let zone = filter::zone(&mut v, "time_zone", &request.time_zone);
        v.finish()?;
        let mut views = self.domain.views(&viewer).await?;
        views.listed.retain(|listed| request.include_hidden || !listed.view.look.hidden);
        let (mut counts, mut total_unread) = (Vec::new(), None);
        if request.counts {
            let now = self.domain.ambient.now();
            let filters = views.listed.iter().map(|listed| listed.view.look.filter.at(now, zone)).collect();
            (counts, total_unread) = self.domain.count(&viewer, filters).await?;
        }
        let mut counts = counts.into_iter().map(question::count);
        let views_listed = views.listed.into_iter();
        let listed = |listed| proto::ListedView { view: Some(to_proto(listed)), count: counts.next() };
        Ok(Response::new(proto::ListViewsResponse {
            views: views_listed.map(listed).collect(),
            default_view_id: text(views.default_view_id),
            team_defaults: views
                .team_defaults
                .into_iter()
                .map(|(team, view)| proto::TeamDefaultView {
                    team_id: team.to_string(),
                    view_id: view.to_string(),
                })
                .collect(),
            total_unread: total_unread.map(question::count),
        }))
    }

    async fn arrange_views(
        &self,
        request: Request<proto::ArrangeViewsRequest>,
    ) -> Answer<proto::ArrangeViewsResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let body = proto::ArrangeViewsRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "ArrangeViews", &request.request_id, &body);
        let views = parse_arranged(&mut v, &request.views);
        v.finish()?;
        let listed = self.domain.arrange_views(&viewer, named, &views).await?;
        let views = listed.into_iter().map(to_proto).collect();
        Ok(Response::new(proto::ArrangeViewsResponse { views, change_token: self.unchanged() }))
    }

    async fn set_default_view(
        &self,
        request: Request<proto::SetDefaultViewRequest>,
    ) -> Answer<proto::SetDefaultViewResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let body = proto::SetDefaultViewRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "SetDefaultView", &request.request_id, &body);
        let view_id = parse::optional_id(&mut v, "view_id", &request.view_id);
        let team_id = parse::optional_id(&mut v, "team_id", &request.team_id);
        v.finish()?;
        let view_id = text(self.domain.set_default_view(&viewer, named, view_id, team_id).await?);
        Ok(Response::new(proto::SetDefaultViewResponse { view_id, change_token: self.unchanged() }))
    }
}

impl Rpc {
    /// Views stand in no feed, and every later read sees them where they were written: there is nothing to wait for.
    fn unchanged(&self) -> String {
        self.domain.freshness.token(None)
    }
}

fn parse_etag(v: &mut Violations, field: &str, etag: &str) -> i64 {
    v.take(field, etag.parse().map_err(|_| "must be the view's etag")).unwrap_or_default()
}

/// Whose a new view is; `fields` are where scope and team stand.
fn parse_owner(v: &mut Violations, fields: [&'static str; 2], scope: i32, team_id: &str) -> NewOwner {
    let [scope_field, team_field] = fields;
    let scope = parse::optional_kind(v, scope_field, scope, ViewScope::from_number);
    let scope = scope.unwrap_or(ViewScope::Personal);
    let team_id = match scope {
        ViewScope::Team => Some(parse::id(v, team_field, team_id)),
        ViewScope::Personal | ViewScope::Tenant => {
            v.check(team_id.is_empty(), team_field, "must be set for a team's view alone");
            None
        }
    };
    NewOwner { scope, team_id, team_field }
}

fn parse_look(outer: &mut Violations, from: proto::View) -> Look {
    let mut v = Violations::new();
    parse::text(&mut v, "name", &from.name, 1..=100);
    parse::text(&mut v, "icon", &from.icon, 0..=64);
    let hex = |digits: &str| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let colour = from.colour.is_empty() || from.colour.strip_prefix('#').is_some_and(hex);
    v.check(colour, "colour", "must be #RRGGBB or empty");
    let filter = filter::ask(&mut v, "filter", from.filter);
    let order = question::parse_order(&mut v, "order", from.order);
    let columns = parse::kinds(&mut v, "columns", &from.columns, ViewColumn::from_number);
    for (at, number) in from.columns.iter().enumerate().take(100) {
        v.check(!from.columns[..at].contains(number), &format!("columns[{at}]"), "must be named once");
    }
    outer.nest("view", v);
    Look {
        name: from.name,
        icon: from.icon,
        colour: from.colour,
        filter,
        order: order.unwrap_or_default(),
        columns,
        hidden: from.hidden,
    }
}

fn parse_mask(v: &mut Violations, mask: Option<FieldMask>) -> ViewMask {
    let mut parsed = ViewMask::default();
    let paths = mask.unwrap_or_default().paths;
    v.check(!paths.is_empty(), "update_mask", "must name at least one field");
    for path in &paths {
        match path.as_str() {
            "name" => parsed.name = true,
            "icon" => parsed.icon = true,
            "colour" => parsed.colour = true,
            "filter" => parsed.filter = true,
            "order" => parsed.order = true,
            "columns" => parsed.columns = true,
            "hidden" => parsed.hidden = true,
            _ => {
                v.add("update_mask", "must name name, icon, colour, filter, order, columns or hidden");
            }
        }
    }
    parsed
}

/// Distinct views with whether they are pinned.
fn parse_arranged(v: &mut Violations, views: &[proto::ArrangedView]) -> Vec<(Uuid, bool)> {
    if !v.check(views.len() <= MOST_ARRANGED, "views", "must be at most 400 views") {
        return Vec::new();
    }
    let mut seen = std::collections::HashSet::new();
    let mut parsed = Vec::with_capacity(views.len());
    for (at, view) in views.iter().enumerate() {
        let field = format!("views[{at}].view_id");
        match Uuid::parse_str(&view.view_id) {
            Ok(id) => {
                v.check(seen.insert(id), &field, "must be named once");
                parsed.push((id, view.pinned));
            }
            Err(_) => v.add(field, "must be a UUID"),
        }
    }
    parsed
}

fn text(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn to_proto(from: Listed) -> proto::View {
    let Listed { view, position, pinned, problems } = from;
    let team_id = if let Owner::Team(team) = view.owner { team.to_string() } else { String::new() };
    proto::View {
        id: view.id.to_string(),
        scope: view.owner.scope().number().into(),
        team_id,
        standard: view.standard.map_or(0, |standard| i32::from(StandardView::number(standard))),
        filter: Some(filter::to_proto(&view.look.filter)),
        name: view.look.name,
        icon: view.look.icon,
        colour: view.look.colour,
        order: view.look.order.number().into(),
        columns: view.look.columns.iter().map(|column| column.number().into()).collect(),
        hidden: view.look.hidden,
        position: i32::try_from(position).unwrap_or(i32::MAX),
        pinned,
        problems: problems.into_iter().map(problem).collect(),
        create_time: view.created_at.map(convert::time),
        update_time: view.updated_at.map(convert::time),
        etag: view.version.to_string(),
    }
}

fn problem(from: Problem) -> proto::ViewProblem {
    use proto::ViewProblemKind as Kind;
    let kind = match from.matter {
        Matter::Unknown => Kind::Unknown,
        Matter::Inactive => Kind::Inactive,
        Matter::Merged => Kind::Merged,
    };
    proto::ViewProblem { field: from.field, id: from.id.to_string(), kind: kind.into() }
}
