use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tandem_fault::reason_of;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::body::Body;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::{v1, v1alpha};
use tower::layer::util::Identity;

use super::{Drain, Infallible, Readiness, Request, Routes, ServeError, Service, Tls, bind};
use crate::ClientConfig;
use crate::testing::{Sandbox, config, guarded};

#[tokio::test]
async fn a_drain_ends_with_a_stream_and_an_idle_peer_open() {
    let mut sandbox = Sandbox::start().await;
    let mut idle = TcpStream::connect(sandbox.grpc_addr()).await.unwrap();
    let mut stream = guarded(sandbox.watch("open", None)).await.unwrap();
    assert_eq!(guarded(stream.message()).await.unwrap().as_deref(), Some("open"));
    let mut health = HealthClient::new(sandbox.channel());
    let request = HealthCheckRequest { service: String::new() };
    let mut health = guarded(health.watch(request)).await.unwrap().into_inner();
    guarded(health.message()).await.unwrap();
    let unary = sandbox.hang().await;

    sandbox.drain().begin();
    // The stream ends itself, the idle peer is closed, the call in flight goes on to its end.
    assert_eq!(guarded(stream.message()).await.unwrap(), None);
    assert_eq!(guarded(idle.read(&mut [0])).await.unwrap(), 0);
    let ended = loop {
        if let Err(status) = guarded(health.message()).await {
            break status;
        }
    };
    assert_eq!(reason_of(&ended).as_deref(), Some("SHUTTING_DOWN"));
    assert_eq!(sandbox.readiness().reason().as_deref(), Some("draining"));
    sandbox.release();
    assert_eq!(guarded(unary).await.unwrap().unwrap(), "released");
    // Far before the deadline of 20 seconds.
    guarded(sandbox.served()).await.unwrap();
}

#[tokio::test]
async fn the_deadline_ends_a_drain_that_something_holds_up() {
    let mut sandbox = Sandbox::with(|config| config.drain_deadline_ms = 50).await;
    let mut deaf = guarded(sandbox.watch("deaf", None)).await.unwrap();
    assert_eq!(guarded(deaf.message()).await.unwrap().as_deref(), Some("deaf"));
    // A peer in the middle of its first request is no idle one.
    let mut slow = TcpStream::connect(sandbox.grpc_addr()).await.unwrap();
    slow.write_all(b"POST /test.v1.Echo/Say HTTP/1.1\r\n").await.unwrap();
    sandbox.drain().begin();
    guarded(sandbox.served()).await.unwrap();
    // What was open is cut, not left to itself.
    guarded(deaf.message()).await.unwrap_err();
}

#[tokio::test]
async fn calls_are_taken_during_the_notice_and_the_probe_says_no() {
    let mut sandbox = Sandbox::with(|config| config.drain_notice_ms = 60_000).await;
    sandbox.drain().begin();
    let mut health = HealthClient::new(sandbox.admin_channel());
    let mut watch =
        guarded(health.watch(HealthCheckRequest { service: String::new() })).await.unwrap().into_inner();
    loop {
        let status = guarded(watch.message()).await.unwrap().unwrap().status();
        if status == tonic_health::pb::health_check_response::ServingStatus::NotServing {
            break;
        }
    }
    assert_eq!(guarded(sandbox.another_connection().say("hello")).await.unwrap(), "hello");
    sandbox.drain().stop_accepting();
    guarded(sandbox.served()).await.unwrap();
    assert!(TcpStream::connect(sandbox.grpc_addr()).await.is_err());
}

#[tokio::test]
async fn reflection_names_the_services_in_both_versions() {
    let sandbox = Sandbox::start().await;
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(sandbox.channel());
    let requests = futures::stream::iter([request]);
    let mut answers = guarded(client.server_reflection_info(requests)).await.unwrap().into_inner();
    let answer = guarded(answers.message()).await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}")
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"test.v1.Echo") && names.contains(&"grpc.health.v1.Health"), "{names:?}");

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            "test.v1.Echo".to_owned(),
        )),
    };
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(sandbox.another_connection().0);
    let requests = futures::stream::iter([request]);
    let mut answers = guarded(client.server_reflection_info(requests)).await.unwrap().into_inner();
    let answer = guarded(answers.message()).await.unwrap().unwrap();
    assert!(matches!(
        answer.message_response,
        Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    ));
}

#[tokio::test]
async fn the_auth_layer_stands_before_the_routes_and_not_before_health() {
    let config = config();
    let bound = bind(&config).await.unwrap();
    let address = bound.grpc_addr();
    let refuse_all = tower::layer::layer_fn(|_: Routes| {
        tower::service_fn(async |_: Request| {
            Ok::<_, Infallible>(crate::answer::refuse(tandem_fault::Fault::new(
                tandem_fault::Reason::TokenMissing,
                "a token is missing",
            )))
        })
    });
    let drain = Drain::manual();
    let served = tokio::spawn(bound.serve(nothing(), refuse_all, Readiness::new(), drain.clone()));
    let channel = crate::testing::connect(address);
    let status =
        guarded(crate::testing::say(channel.clone(), tonic::Request::new(String::new()))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    guarded(HealthClient::new(channel).check(HealthCheckRequest { service: String::new() })).await.unwrap();
    drain.begin();
    guarded(served).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_can_not_be_bound_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut wrong = config();
    wrong.admin = taken.local_addr().unwrap();
    let error = bind(&wrong).await.unwrap_err().to_string();
    assert!(error.contains("server.admin"), "{error}");
    let mut wrong = config();
    wrong.tls = Some(Tls { cert: "/nowhere/cert.pem".into(), key: "/nowhere/key.pem".into() });
    let error = bind(&wrong).await.unwrap_err().to_string();
    assert!(error.contains("server.tls.cert") && error.contains("/nowhere/cert.pem"), "{error}");
}

#[tokio::test]
async fn a_connection_past_its_age_is_ended_without_cutting_calls_in_flight() {
    let sandbox = Sandbox::with(|config| config.max_connection_age_s = 1).await;
    let unary = sandbox.hang().await;
    let mut stream = guarded(sandbox.watch("open", None)).await.unwrap();
    guarded(stream.message()).await.unwrap();
    // A younger connection without calls: when it is ended, the two above are past their age.
    let tcp = TcpStream::connect(sandbox.grpc_addr()).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(tcp));
    let (_sender, connection) = handshake.await.unwrap();
    guarded(connection).await.unwrap();
    sandbox.release();
    assert_eq!(guarded(unary).await.unwrap().unwrap(), "released");
    assert_eq!(guarded(stream.message()).await.unwrap(), None);
    assert_eq!(guarded(sandbox.say("hello")).await.unwrap(), "hello");
}

#[tokio::test]
async fn tls_is_served_to_who_trusts_the_certificate() {
    crate::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(path("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let own = own.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    std::fs::write(path("cert.pem"), own.pem()).unwrap();
    std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();

    let tls = Tls { cert: path("cert.pem"), key: path("key.pem") };
    let sandbox = Sandbox::with(|config| config.tls = Some(tls)).await;
    let endpoint = sandbox.url().replace("http:", "https:");
    let trusting = ClientConfig { endpoint, ca: Some(path("ca.pem")), ..ClientConfig::default() };
    let channel = crate::internal_channel(&trusting).unwrap();
    let answer = crate::testing::say(channel, tonic::Request::new("hello".to_owned()));
    assert_eq!(guarded(answer).await.unwrap(), "hello");
    guarded(sandbox.say("plain text")).await.unwrap_err();

    std::fs::write(path("key.pem"), "no key").unwrap();
    let mut broken = config();
    broken.tls = Some(Tls { cert: path("cert.pem"), key: path("key.pem") });
    let served =
        bind(&broken).await.unwrap().serve(nothing(), Identity::new(), Readiness::new(), Drain::manual());
    let Err(ServeError::Config(error)) = guarded(served).await else { panic!("a broken key was taken") };
    assert_eq!(error.setting, "server.tls");
}

fn nothing() -> Service {
    Service {
        name: "none",
        version: "0",
        routes: Routes::default(),
        grpc_services: vec![],
        descriptor_set: &[],
    }
}
