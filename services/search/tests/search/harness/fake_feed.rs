//! A change feed that a test writes by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tandem_change_feed::{Change, ChangeKind};
use tandem_fault::{Fault, Reason};
use tandem_proto::feed::v1::change_feed_service_server::{ChangeFeedService, ChangeFeedServiceServer};
use tandem_proto::feed::v1::*;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};

pub struct FakeFeed {
    changes: Mutex<Vec<Change>>,
    /// The head; a change of it wakes subscribers.
    head: watch::Sender<i64>,
    /// Names the history; a cursor with another mark is gone.
    mark: Mutex<u64>,
}

impl FakeFeed {
    pub fn new() -> Self {
        Self { changes: Mutex::default(), head: watch::Sender::new(0), mark: Mutex::new(1) }
    }

    pub fn head(&self) -> i64 {
        *self.head.borrow()
    }

    pub fn push(&self, changes: impl IntoIterator<Item = Change>) {
        let mut all = self.changes.lock().unwrap();
        for mut change in changes {
            change.seq = i64::try_from(all.len()).unwrap() + 1;
            all.push(change);
        }
        self.head.send_replace(i64::try_from(all.len()).unwrap());
    }

    /// Another history with these changes, as after a restore from a dump.
    pub fn restore(&self, changes: impl IntoIterator<Item = Change>) {
        self.changes.lock().unwrap().clear();
        *self.mark.lock().unwrap() += 1;
        self.push(changes);
    }

    fn knows(&self, cursor: Cursor) -> bool {
        cursor.seq == 0 || (cursor.seq <= self.head() && cursor.mark == *self.mark.lock().unwrap())
    }

    fn after(&self, seq: i64, kinds: &[i32]) -> Option<SubscribeResponse> {
        let all = self.changes.lock().unwrap();
        let some = all.get(usize::try_from(seq).ok()?..)?;
        let some = &some[..some.len().min(500)];
        let cursor = Cursor { seq: some.last()?.seq, mark: *self.mark.lock().unwrap() };
        let head_seq = i64::try_from(all.len()).unwrap();
        let changes = some.iter().filter(|change| kinds.contains(&change.kind)).cloned().collect();
        Some(SubscribeResponse { changes, cursor: Some(cursor), head_seq, time: None })
    }
}

/// The feed as a service.
pub struct FeedApi(pub Arc<FakeFeed>);

#[tonic::async_trait]
impl ChangeFeedService for FeedApi {
    type SubscribeStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let request = request.into_inner();
        let mut cursor = request.after.unwrap_or_default();
        let feed = self.0.clone();
        let gone = || Status::from(Fault::new(Reason::CursorGone, "gone"));
        if !feed.knows(cursor) {
            return Err(gone());
        }
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut head = feed.head.subscribe();
            let watermark =
                SubscribeResponse { cursor: Some(cursor), head_seq: cursor.seq, ..Default::default() };
            let _ = sender.send(Ok(watermark)).await;
            loop {
                head.mark_unchanged();
                if !feed.knows(cursor) {
                    let _ = sender.send(Err(gone())).await;
                    return;
                }
                while let Some(batch) = feed.after(cursor.seq, &request.kinds) {
                    cursor = batch.cursor.unwrap();
                    if sender.send(Ok(batch)).await.is_err() {
                        return;
                    }
                }
                tokio::select! {
                    changed = head.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<SnapshotResponse>, Status> {
        let request = request.into_inner();
        let all = self.0.changes.lock().unwrap();
        let mut states: BTreeMap<(String, String), Change> = BTreeMap::new();
        for change in all.iter().filter(|change| request.kinds.contains(&change.kind)) {
            states.insert((change.tenant_id.clone(), change.entity_id.clone()), change.clone());
        }
        let size = if request.page_size == 0 { 500 } else { usize::try_from(request.page_size).unwrap() };
        // By key, as the real one: what goes away between two pages moves nothing.
        let there = states.into_iter().filter(|(_, change)| change.body.is_some());
        let mut rest = there.filter(|((_, id), _)| *id > request.page_token);
        let page: Vec<Change> =
            rest.by_ref().take(size).map(|(_, change)| Change { seq: 0, ..change }).collect();
        let more = rest.next().is_some();
        let next_page_token = page.last().filter(|_| more).map(|last| last.entity_id.clone());
        let next_page_token = next_page_token.unwrap_or_default();
        let head = Cursor { seq: i64::try_from(all.len()).unwrap(), mark: *self.0.mark.lock().unwrap() };
        Ok(Response::new(SnapshotResponse { changes: page, next_page_token, head: Some(head) }))
    }

    async fn locate(&self, request: Request<LocateRequest>) -> Result<Response<LocateResponse>, Status> {
        let request = request.into_inner();
        let applied_gone = request.applied.is_some_and(|applied| !self.0.knows(applied));
        Ok(Response::new(LocateResponse { seq: request.outbox_id, applied_gone }))
    }
}

/// Serves nothing but a feed.
pub async fn serve(feed: Arc<FakeFeed>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_service(ChangeFeedServiceServer::new(FeedApi(feed)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

/// A kind that nobody here follows: makes a batch without changes.
pub fn noise(tenant: uuid::Uuid) -> Change {
    Change {
        seq: 0,
        tenant_id: tenant.to_string(),
        entity_id: uuid::Uuid::nil().to_string(),
        kind: ChangeKind::Contact.into(),
        body: None,
    }
}
