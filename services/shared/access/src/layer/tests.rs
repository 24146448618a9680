use std::convert::Infallible;

use serde_json::json;
use tandem_fault::reason_of;
use tonic::Code;
use tonic::body::Body;
use tower::ServiceExt;

use super::*;
use crate::testing::{AnyKey, KeyFile, TENANT, ambient, claims, key, service_spec, spec};
use crate::{Relation, Rule};

const READ: &str = "/tandem.test.v1.TestService/Read";
const FEED: &str = "/tandem.test.v1.TestService/Feed";
const TABLE: &[Rule] = &[
    Rule { method: READ, roles: &[Role::Agent, Role::Service], relation: Relation::TeamsChannel },
    Rule { method: FEED, roles: &[Role::Service], relation: Relation::NoTenant },
];

fn layer() -> AuthLayer {
    AuthLayer::new(KeyFile::new(&key(1).jwks_json()).verifier(&ambient()), Policy::new(TABLE))
}

/// One call through the layer to a service that answers with the caller that it found.
async fn call(layer: &AuthLayer, path: &str, metadata: &[(&str, &str)]) -> Result<Option<Caller>, Status> {
    let found = tower::service_fn(|request: http::Request<Body>| async move {
        let mut response = http::Response::new(Body::empty());
        if let Some(caller) = request.extensions().get::<Caller>() {
            response.extensions_mut().insert(caller.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let mut request = http::Request::builder().uri(format!("http://service{path}"));
    for (name, value) in metadata {
        request = request.header(*name, *value);
    }
    let Ok(response) = layer.layer(found).oneshot(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), http::StatusCode::OK);
    match Status::from_header_map(response.headers()) {
        Some(status) => {
            assert_eq!(response.headers()["content-type"], "application/grpc");
            Err(status)
        }
        None => Ok(response.extensions().get::<Caller>().cloned()),
    }
}

async fn refusal(layer: &AuthLayer, path: &str, metadata: &[(&str, &str)]) -> (Code, String) {
    let status = call(layer, path, metadata).await.unwrap_err();
    (status.code(), reason_of(&status).unwrap())
}

fn agent() -> String {
    format!("Bearer {}", key(1).mint(&spec(), ambient().now()))
}

fn service() -> String {
    format!("bearer {}", key(1).mint(&service_spec(), ambient().now()))
}

#[tokio::test]
async fn the_caller_reaches_the_service() {
    let caller = call(&layer(), READ, &[("authorization", &agent())]).await.unwrap().unwrap();
    let mut expected = Caller::new(Some(TENANT), "agent-1", Role::Agent);
    expected.expires = 1_700_000_600;
    assert_eq!(caller, expected);
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_unauthenticated() {
    let (layer, agent) = (layer(), agent());
    let basic = agent.replace("Bearer", "Basic");
    let missing = (Code::Unauthenticated, "TOKEN_MISSING".to_owned());
    let invalid = (Code::Unauthenticated, "TOKEN_INVALID".to_owned());
    for path in [READ, FEED, "/tandem.test.v1.TestService/Unknown", "/"] {
        assert_eq!(refusal(&layer, path, &[]).await, missing);
        assert_eq!(refusal(&layer, path, &[("authorization", "")]).await, missing);
        assert_eq!(refusal(&layer, path, &[("authorization", "Bearer ")]).await, missing);
        assert_eq!(refusal(&layer, path, &[("authorization", &basic)]).await, missing);
        assert_eq!(refusal(&layer, path, &[("authorization", "Bearer x.y.z")]).await, invalid);
        let twice = [("authorization", &agent[..]), ("authorization", &agent[..])];
        assert_eq!(refusal(&layer, path, &twice).await, invalid);
    }
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let key = AnyKey::ed25519();
    let verifier = KeyFile::new(&key.set.to_string()).verifier(&ambient());
    let layer = AuthLayer::new(verifier, Policy::new(TABLE));
    let token = format!("Bearer {}", key.sign(&claims(&json!({ "exp": 1_600_000_000 }))));
    let expected = (Code::Unauthenticated, "TOKEN_EXPIRED".to_owned());
    assert_eq!(refusal(&layer, READ, &[("authorization", &token)]).await, expected);
}

#[tokio::test]
async fn what_the_table_does_not_allow_is_denied() {
    let (layer, agent, service) = (layer(), agent(), service());
    let denied = (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned());
    assert_eq!(refusal(&layer, FEED, &[("authorization", &agent)]).await, denied);
    for path in ["/tandem.test.v1.TestService/Unknown", "/", "/tandem.test.v1.TestService/read"] {
        assert_eq!(refusal(&layer, path, &[("authorization", &service)]).await, denied, "{path}");
    }
}

#[tokio::test]
async fn only_a_service_says_for_which_tenant_it_calls() {
    let (layer, agent, service) = (layer(), agent(), service());
    let other = uuid::Uuid::from_u128(0x0e).to_string();
    let found =
        call(&layer, READ, &[("authorization", &service), (TENANT_HEADER, &other)]).await.unwrap().unwrap();
    assert_eq!(found.tenant().unwrap().to_string(), other);

    let invalid = (Code::InvalidArgument, "INVALID_FIELDS".to_owned());
    for tenant in [other.clone(), TENANT.to_string()] {
        let metadata = [("authorization", &agent[..]), (TENANT_HEADER, &tenant)];
        assert_eq!(refusal(&layer, READ, &metadata).await, invalid);
    }
    for wrong in ["", "x", "00000000-0000-0000-0000-000000000000"] {
        let metadata = [("authorization", &service[..]), (TENANT_HEADER, wrong)];
        assert_eq!(refusal(&layer, READ, &metadata).await, invalid, "{wrong}");
    }
    let twice = [("authorization", &service[..]), (TENANT_HEADER, &other), (TENANT_HEADER, &other)];
    assert_eq!(refusal(&layer, READ, &twice).await, invalid);

    let found = call(&layer, FEED, &[("authorization", &service)]).await.unwrap().unwrap();
    assert_eq!(found.tenant().unwrap_err().reason, Reason::InvalidFields);
}

#[tokio::test]
async fn a_suspended_tenant_is_kept_out() {
    let layer = layer().gate(Arc::new(|tenant| {
        (tenant == TENANT).then(|| Fault::new(Reason::TenantSuspended, "the tenant is suspended"))
    }));
    let expected = (Code::PermissionDenied, "TENANT_SUSPENDED".to_owned());
    assert_eq!(refusal(&layer, READ, &[("authorization", &agent())]).await, expected);
    // A service goes on: it settles what was begun, and lifts the suspension.
    let tenant = TENANT.to_string();
    let metadata = [("authorization", &service()[..]), (TENANT_HEADER, &tenant)];
    assert!(call(&layer, READ, &metadata).await.is_ok());
}

#[tokio::test]
async fn open_paths_need_no_token() {
    let layer = layer().open(&["/grpc.health.v1.Health/", "/tandem.test.v1.TestService/Version"]);
    for path in ["/grpc.health.v1.Health/Check", "/tandem.test.v1.TestService/Version"] {
        assert_eq!(call(&layer, path, &[]).await.unwrap(), None);
    }
    for path in ["/grpc.health.v1.Healthy/Check", "/tandem.test.v1.TestService/VersionTwo", READ] {
        assert_eq!(refusal(&layer, path, &[]).await.0, Code::Unauthenticated, "{path}");
    }
}
