//! A tiny service over real sockets, for the tests of each layer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::uri::PathAndQuery;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::server::NamedService;
use tonic::service::{Interceptor, Routes};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::layer::util::Identity;

use crate::answer::{Answer, AnswerFuture};
use crate::{
    Bound, Deadline, Drain, ForwardDeadline, InjectTrace, Readiness, ServeError, ServerConfig, Service, bind,
    until_drain,
};

const SAY: &str = "/test.v1.Echo/Say";
const WATCH: &str = "/test.v1.Echo/Watch";

/// No await of a test waits longer.
pub async fn guarded<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("a test waited too long")
}

/// What `Say` and `Watch` do is what the text says.
#[derive(Clone)]
struct Echo {
    release: watch::Receiver<u64>,
    reached: Arc<Notify>,
    drain: Drain,
}

impl NamedService for Echo {
    const NAME: &'static str = "test.v1.Echo";
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = Answer;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> AnswerFuture {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(match request.uri().path() {
                SAY => grpc.unary(Say(echo), request).await,
                WATCH => grpc.server_streaming(Watch(echo), request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

struct Say(Echo);

impl tonic::server::UnaryService<String> for Say {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let mut echo = self.0.clone();
        Box::pin(async move {
            let text = match request.get_ref().as_str() {
                "panic" => panic!("hunter2"),
                "hang" => {
                    echo.release.mark_unchanged();
                    echo.reached.notify_one();
                    let _ = echo.release.changed().await;
                    "released".to_owned()
                }
                "remaining" => {
                    let deadline = *request.extensions().get::<Deadline>().unwrap();
                    assert_eq!(Deadline::current(), Some(deadline));
                    let outgoing = ForwardDeadline.call(Request::new(()))?;
                    let forwarded = outgoing.metadata().get("grpc-timeout").unwrap().to_str().unwrap();
                    format!("{} {forwarded}", deadline.remaining().as_millis())
                }
                "trace" => {
                    let outgoing = InjectTrace.call(Request::new(()))?;
                    outgoing.metadata().get("traceparent").unwrap().to_str().unwrap().to_owned()
                }
                "metadata" => {
                    let get = |key| request.metadata().get(key).map_or("-", |value| value.to_str().unwrap());
                    format!("{} {}", get("authorization"), get("x-tandem-tenant"))
                }
                text => text.to_owned(),
            };
            Ok(Response::new(text))
        })
    }
}

struct Watch(Echo);

impl tonic::server::ServerStreamingService<String> for Watch {
    type Response = String;
    type ResponseStream = BoxStream<'static, Result<String, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let mut release = self.0.release.clone();
        release.mark_unchanged();
        let released = async move {
            let _ = release.changed().await;
        };
        let drain = self.0.drain.token();
        let first = match request.get_ref().as_str() {
            "no deadline?" => Deadline::current().map_or("none", |_| "some").to_owned(),
            text => text.to_owned(),
        };
        let panics = first == "panic";
        let deaf = first == "deaf";
        let text = futures::stream::once(async move { if panics { panic!("hunter2") } else { Ok(first) } });
        let stream = text.chain(futures::stream::pending()).take_until(Box::pin(released));
        let stream = if deaf { stream.boxed() } else { until_drain(stream, drain, None).boxed() };
        Box::pin(async move { Ok(Response::new(stream)) })
    }
}

fn descriptor_set() -> &'static [u8] {
    let method = |name: &str, streams| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".google.protobuf.StringValue".to_owned()),
        output_type: Some(".google.protobuf.StringValue".to_owned()),
        server_streaming: Some(streams),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Echo".to_owned()),
        method: vec![method("Say", false), method("Watch", true)],
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("test/v1/echo.proto".to_owned()),
        package: Some("test.v1".to_owned()),
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec().leak()
}

/// The service on free ports, with a client.
pub struct Sandbox {
    grpc_addr: SocketAddr,
    admin_addr: SocketAddr,
    readiness: Readiness,
    drain: Drain,
    release: watch::Sender<u64>,
    reached: Arc<Notify>,
    client: Client,
    served: Option<JoinHandle<Result<(), ServeError>>>,
}

/// Ports of the loopback, no notice.
pub fn config() -> ServerConfig {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    ServerConfig { listen: any, admin: any, drain_notice_ms: 0, ..ServerConfig::default() }
}

impl Sandbox {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let sandbox = Self::launch(change).await;
        sandbox.readiness.set_ready();
        sandbox
    }

    pub async fn not_ready() -> Self {
        Self::launch(|_| {}).await
    }

    async fn launch(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        let bound: Bound = bind(&config).await.unwrap();
        let (grpc_addr, admin_addr) = (bound.grpc_addr(), bound.admin_addr());
        let (readiness, drain) = (Readiness::new(), Drain::manual());
        let (release, released) = watch::channel(0);
        let reached = Arc::new(Notify::new());
        let echo = Echo { release: released, reached: reached.clone(), drain: drain.clone() };
        let service = Service {
            name: "echo",
            version: "1.2.3",
            routes: Routes::new(echo),
            grpc_services: vec![Echo::NAME],
            descriptor_set: descriptor_set(),
        };
        let serving = bound.serve(service, Identity::new(), readiness.clone(), drain.clone());
        let served = Some(tokio::spawn(serving));
        let client = Client(connect(grpc_addr));
        Self { grpc_addr, admin_addr, readiness, drain, release, reached, client, served }
    }

    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.grpc_addr)
    }

    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub fn drain(&self) -> &Drain {
        &self.drain
    }

    /// How serving ended.
    pub async fn served(&mut self) -> Result<(), ServeError> {
        self.served.take().unwrap().await.unwrap()
    }

    pub fn channel(&self) -> Channel {
        self.client.0.clone()
    }

    pub fn admin_channel(&self) -> Channel {
        connect(self.admin_addr)
    }

    pub fn another_connection(&self) -> Client {
        Client(connect(self.grpc_addr))
    }

    pub async fn say(&self, text: &str) -> Result<String, Status> {
        self.client.say(text).await
    }

    /// A call without tonic's client, whose own timer for `grpc-timeout` would race with the server's.
    pub async fn say_raw(&self, request: Request<String>) -> Result<String, Status> {
        say(raw(self.grpc_addr).await, request).await
    }

    /// Without tonic's client as well.
    pub async fn watch(&self, text: &str, timeout: Option<&str>) -> Result<Streaming<String>, Status> {
        let mut request = Request::new(text.to_owned());
        if let Some(timeout) = timeout {
            request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
        }
        let mut grpc = ready(raw(self.grpc_addr).await).await?;
        let path = PathAndQuery::from_static(WATCH);
        let codec = ProstCodec::<String, String>::default();
        Ok(grpc.server_streaming(request, path, codec).await?.into_inner())
    }

    pub async fn call_unknown_method(&self) -> Result<String, Status> {
        let mut grpc = ready(self.channel()).await?;
        let path = PathAndQuery::from_static("/test.v1.Echo/Invented");
        let codec = ProstCodec::<String, String>::default();
        Ok(grpc.unary(Request::new(String::new()), path, codec).await?.into_inner())
    }

    /// A call that is being handled and stays so until [`Sandbox::release`].
    pub async fn hang(&self) -> JoinHandle<Result<String, Status>> {
        let client = self.client.clone();
        let call = tokio::spawn(async move { client.say("hang").await });
        guarded(self.reached.notified()).await;
        call
    }

    /// Ends every call and stream that hangs.
    pub fn release(&self) {
        self.release.send_modify(|count| *count += 1);
    }
}

#[derive(Clone)]
pub struct Client(pub Channel);

impl Client {
    pub async fn say(&self, text: &str) -> Result<String, Status> {
        say(self.0.clone(), Request::new(text.to_owned())).await
    }
}

pub fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

async fn ready<T>(channel: T) -> Result<tonic::client::Grpc<T>, Status>
where
    T: GrpcService<Body>,
    T::Error: Into<tonic::codegen::StdError>,
{
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    Ok(grpc)
}

/// One `Say` over any channel.
pub async fn say<T>(channel: T, request: Request<String>) -> Result<String, Status>
where
    T: GrpcService<Body>,
    T::Error: Into<tonic::codegen::StdError>,
    T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<tonic::codegen::StdError> + Send,
{
    let path = PathAndQuery::from_static(SAY);
    let codec = ProstCodec::<String, String>::default();
    Ok(ready(channel).await?.unary(request, path, codec).await?.into_inner())
}

/// One HTTP/2 connection and nothing else.
async fn raw(
    address: SocketAddr,
) -> impl tower::Service<
    http::Request<Body>,
    Response = http::Response<hyper::body::Incoming>,
    Error = hyper::Error,
    Future = impl Future<Output = Result<http::Response<hyper::body::Incoming>, hyper::Error>> + Send,
> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    tower::service_fn(move |mut request: http::Request<Body>| {
        let path = request.uri().path_and_query().cloned().unwrap();
        let uri = http::Uri::builder().scheme("http").authority(address.to_string()).path_and_query(path);
        *request.uri_mut() = uri.build().unwrap();
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    })
}

/// One HTTP/1 request; the whole answer as text.
pub async fn http1(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
