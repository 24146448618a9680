//! What a page in a browser gets over gRPC-Web: its preflight is answered, and every error comes through with its details.

use std::net::SocketAddr;

use chrono::TimeDelta;
use prost_reflect::prost::Message as _;
use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::Drain;
use tandem_proto::conversation::v1::watch_conversations_response::Event;
use tandem_proto::conversation::v1::{
    GetConversationRequest, GetConversationResponse, ListMessagesRequest, WatchConversationsRequest,
    WatchConversationsResponse, WatchedThread,
};
use tandem_tests::{Parts, Suite, fields, free, reason, whatsapp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

const ORIGIN: &str = "https://inbox.example";
const GET: &str = "/tandem.conversation.v1.ConversationService/GetConversation";
const LIST: &str = "/tandem.conversation.v1.ConversationService/ListMessages";
const WATCH: &str = "/tandem.conversation.v1.WatchService/WatchConversations";

/// A process of the suite's that lets pages of one origin in.
struct Site {
    address: SocketAddr,
    drain: Drain,
    running: tandem_assembly::Running,
}

impl Site {
    async fn open(suite: &Suite) -> Self {
        let address = free();
        let mut common = suite.common(address, &suite.conversation_url);
        common.server.cors_origins = vec![ORIGIN.to_owned()];
        let conversation = tandem_conversation::Settings { tick_ms: 100 };
        let config = tandem_conversation::Config { common, conversation };
        let drain = Drain::manual();
        let started = tandem_conversation::start(config, suite.ambient.clone(), drain.clone()).await;
        Self { address, drain, running: started.unwrap() }
    }

    /// A call as a browser makes it; what comes back is read as far as a test wants.
    async fn call(&self, path: &str, token: &str, message: &impl prost_reflect::prost::Message) -> Answer {
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = [&[0], length.as_slice(), &message].concat();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {ORIGIN}\r\nContent-Type: application/grpc-web+proto\r\n\
             Accept: application/grpc-web+proto\r\nX-Grpc-Web: 1\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len(),
        );
        self.send(&[head.as_bytes(), &body].concat()).await
    }

    async fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        Answer { stream, read: Vec::new() }
    }

    async fn close(self) {
        self.drain.begin();
        self.running.served.await.unwrap().unwrap();
    }
}

struct Answer {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Answer {
    /// Reads on until something has come.
    async fn until(&mut self, part: &str) {
        while !self.read.windows(part.len()).any(|window| window == part.as_bytes()) {
            let more = tokio::time::timeout(
                std::time::Duration::from_secs(60),
                self.stream.read_buf(&mut self.read),
            );
            assert_ne!(more.await.expect("waited in vain").unwrap(), 0, "{part} never came");
        }
    }

    async fn end(mut self) -> Page {
        self.stream.read_to_end(&mut self.read).await.unwrap();
        let at = self.read.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(self.read[..at].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines.map(header).collect();
        let body = &self.read[at + 4..];
        let is_chunked = headers.contains(&("transfer-encoding".to_owned(), "chunked".to_owned()));
        let body = if is_chunked { unchunk(body) } else { body.to_vec() };
        Page { status, headers, body }
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap();
    (name.to_lowercase(), value.trim().to_owned())
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let at = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        let start = at + 2;
        body.extend_from_slice(&rest[start..start + length]);
        rest = &rest[start + length + 2..];
    }
}

/// A whole answer.
struct Page {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(named, _)| named == name).map_or("", |(_, value)| value)
    }

    /// The messages, and how the call ended: by a last frame, or by headers where there is no message.
    fn read(&self) -> (Vec<Vec<u8>>, Status) {
        assert_eq!(self.status, 200, "{:?}", self.headers);
        let (mut messages, mut ends, mut rest) = (Vec::new(), Vec::new(), self.body.as_slice());
        while let [flag, a, b, c, d, after @ ..] = rest {
            let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap();
            let (frame, next) = after.split_at(length);
            match flag {
                0 => messages.push(frame.to_vec()),
                0x80 => {
                    assert!(next.is_empty(), "nothing follows the end");
                    ends = String::from_utf8(frame.to_vec()).unwrap().lines().map(header).collect();
                }
                other => panic!("flag {other}"),
            }
            rest = next;
        }
        let ends = if ends.is_empty() { &self.headers } else { &ends };
        let mut headers = MetadataMap::new().into_headers();
        for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
            if let Some((_, value)) = ends.iter().find(|(named, _)| named == name) {
                headers.insert(name, value.parse().unwrap());
            }
        }
        (messages, Status::from_header_map(&headers).expect("a call ends with a status"))
    }

    /// The page may read the answer, and where it says how the call ended.
    fn assert_readable(&self) {
        assert_eq!(self.header("access-control-allow-origin"), ORIGIN);
        let exposed: Vec<&str> = self.header("access-control-expose-headers").split(',').collect();
        for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
            assert!(exposed.iter().any(|exposed| exposed.trim() == name), "{name} in {exposed:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_let_in_and_reads_why_a_call_failed() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let site = Site::open(&suite).await;
    let token = suite.mint(&suite.spec("admin", Role::Admin));

    let asked =
        ["authorization", "content-type", "grpc-timeout", "traceparent", "x-grpc-web", "x-user-agent"];
    let preflight = |origin: &str| {
        format!(
            "OPTIONS {GET} HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: {}\r\nConnection: close\r\n\r\n",
            site.address,
            asked.join(","),
        )
    };
    let answer = site.send(preflight(ORIGIN).as_bytes()).await.end().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ORIGIN));
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    let allowed: Vec<&str> =
        answer.header("access-control-allow-headers").split(',').map(str::trim).collect();
    assert_eq!(allowed, asked);
    let answer = site.send(preflight("https://evil.example").as_bytes()).await.end().await;
    assert_eq!(answer.header("access-control-allow-origin"), "");

    let request = GetConversationRequest { conversation_id: id.clone(), at_least_as_fresh: Vec::new() };
    let answer = site.call(GET, &token, &request).await.end().await;
    answer.assert_readable();
    assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
    let (messages, ended) = answer.read();
    assert_eq!((messages.len(), ended.code()), (1, Code::Ok));
    let found = GetConversationResponse::decode(messages[0].as_slice()).unwrap();
    assert_eq!(found.row.unwrap().conversation.unwrap().id, id);

    // Every wrong field, by its name.
    let request = ListMessagesRequest {
        conversation_id: "x".to_owned(),
        page_size: 501,
        ..ListMessagesRequest::default()
    };
    let answer = site.call(LIST, &token, &request).await.end().await;
    answer.assert_readable();
    let (messages, ended) = answer.read();
    assert_eq!(
        (messages.len(), ended.code(), reason(&ended).as_str()),
        (0, Code::InvalidArgument, "INVALID_FIELDS")
    );
    assert_eq!(fields(&ended), ["conversation_id", "page_size"]);
    // Also before any method is reached: a page must learn that its token is no good.
    let answer = site.call(LIST, "forged", &request).await.end().await;
    answer.assert_readable();
    let (_, ended) = answer.read();
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::Unauthenticated, "TOKEN_INVALID"));
    assert!(!ended.message().is_empty());
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_after_messages_says_why_in_its_last_frame() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "the words to look for").await.conversation_id;
    let site = Site::open(&suite).await;
    let short = suite.mint(&TokenSpec { ttl_s: 60, ..suite.spec("admin", Role::Admin) });
    let thread = WatchedThread { key: "thread".to_owned(), conversation_id: id, after_position: 0 };
    let request = WatchConversationsRequest { threads: vec![thread], ..WatchConversationsRequest::default() };
    let mut answer = site.call(WATCH, &short, &request).await;
    // Messages come while the stream is open, not at its end.
    answer.until("the words to look for").await;
    suite.ambient.clock().advance(TimeDelta::minutes(2));
    let answer = answer.end().await;
    answer.assert_readable();
    assert_eq!(answer.header("grpc-status"), "", "the headers came before the end was known");
    let (messages, ended) = answer.read();
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::Unauthenticated, "TOKEN_EXPIRED"));
    let events: Vec<Event> = messages
        .iter()
        .filter_map(|message| WatchConversationsResponse::decode(message.as_slice()).unwrap().event)
        .collect();
    assert!(events.iter().any(|event| matches!(event, Event::Message(_))));
    assert!(events.iter().any(|event| matches!(event, Event::SnapshotEnd(_))));
    site.close().await;
}
