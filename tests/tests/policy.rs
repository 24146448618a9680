//! The policy table, on the wire: every method of every service that is served refuses whoever brings no token, and every
//! role that the table does not name.

use tandem_access::{Role, Rule, TokenSpec};
use tandem_bootstrap::OnBehalfOf;
use tandem_tests::raw::{call, descriptors, path};
use tandem_tests::{Kind, Parts, Suite, reason};
use tonic::{Code, Request};

const CUSTOMER: &[&str] = &[
    "tandem.customer.v1.CustomerService",
    "tandem.customer.v1.PrivacyService",
    "tandem.customer.v1.AttributeService",
    "tandem.customer.v1.ImportService",
    "tandem.customer.v1.MergeService",
    "tandem.customer.v1.NoteService",
    "tandem.customer.v1.TagService",
    "tandem.feed.v1.ChangeFeedService",
];
const ASSIGNMENT: &[&str] = &[
    "tandem.assignment.v1.AssignmentService",
    "tandem.assignment.v1.DirectoryService",
    "tandem.assignment.v1.NotificationService",
    "tandem.assignment.v1.RoutingService",
    "tandem.assignment.v1.OverviewService",
    "tandem.assignment.v1.PresenceService",
    "tandem.assignment.v1.OperationService",
    "tandem.feed.v1.FreshnessService",
    "tandem.feed.v1.ChangeFeedService",
];
const SEARCH: &[&str] = &["tandem.search.v1.SearchService", "tandem.feed.v1.FreshnessService"];

/// A token of one role; a service has no tenant of its own.
fn spec(suite: &Suite, role: Role) -> TokenSpec {
    match role {
        Role::Service => TokenSpec { tenant: None, ..suite.spec("service", role) },
        Role::Channel => TokenSpec { channels: vec![suite.ambient.id()], ..suite.spec("adapter", role) },
        _ => suite.spec("somebody", role),
    }
}

async fn walk(suite: &Suite, kind: Kind, services: &[&str], rules: &[Rule]) -> usize {
    let pool = descriptors();
    let nobody = suite.channel_with(kind, 0, String::new());
    let forged = suite.channel_with(kind, 0, format!("{}x", suite.mint(&spec(suite, Role::Admin))));
    let roles: Vec<_> =
        Role::ALL.into_iter().map(|role| (role, suite.channel(kind, 0, &spec(suite, role)))).collect();
    let mut walked = 0;
    for service in services {
        for method in pool.get_service_by_name(service).unwrap().methods() {
            let path = path(&method);
            for (channel, because) in [(&nobody, "TOKEN_MISSING"), (&forged, "TOKEN_INVALID")] {
                let status = call(channel, &method, Request::new(Vec::new())).await.unwrap_err();
                assert_eq!(
                    (status.code(), reason(&status).as_str()),
                    (Code::Unauthenticated, because),
                    "{path}"
                );
            }
            let rule =
                rules.iter().find(|rule| rule.method == path).unwrap_or_else(|| panic!("{path} has no rule"));
            for (role, channel) in &roles {
                let allowed = rule.roles.contains(role);
                if allowed && method.is_server_streaming() {
                    continue;
                }
                let mut request = Request::new(Vec::new());
                if *role == Role::Service {
                    request.extensions_mut().insert(OnBehalfOf(suite.tenant));
                }
                let answer = call(channel, &method, request).await;
                let refused = answer.as_ref().is_err_and(|status| reason(status) == "ROLE_NOT_ALLOWED");
                assert_eq!(refused, !allowed, "{path} as {role:?}: {answer:?}");
                if let Err(status) = answer {
                    assert!(![Code::Internal, Code::Unknown].contains(&status.code()), "{path}: {status:?}");
                    assert_eq!(status.code() == Code::PermissionDenied, !allowed, "{path}: {status:?}");
                }
            }
            walked += 1;
        }
    }
    assert_eq!(walked, rules.len(), "a rule is for no method");
    walked
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_refuses_who_has_no_token_or_another_role() {
    let search = std::env::var_os("MEILISEARCH_URL").is_some();
    let suite = Suite::start(Parts { customer_profile: true, search, ..Parts::WITH_ASSIGNMENT }).await;
    let conversation = tandem_conversation::SERVICES;
    walk(&suite, Kind::Conversation, conversation, tandem_conversation::RULES).await;
    walk(&suite, Kind::Assignment, ASSIGNMENT, tandem_assignment::RULES).await;
    walk(&suite, Kind::CustomerProfile, CUSTOMER, tandem_customer_profile::RULES).await;
    if search {
        walk(&suite, Kind::Search, SEARCH, tandem_search::RULES).await;
    }
    // No service of the descriptor set is forgotten here.
    let pool = descriptors();
    for service in pool.services() {
        let name = service.full_name();
        let known =
            [conversation, ASSIGNMENT, CUSTOMER, SEARCH].iter().any(|services| services.contains(&name));
        assert!(known, "{name} is served by nobody");
    }
}
