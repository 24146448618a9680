use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tandem_database::{Connection, Pool, Result, begin_snapshot};
use tandem_fault::{Fault, Reason, Violations};
use tandem_proto::feed::v1::change_feed_service_server::ChangeFeedService;
use tandem_proto::feed::v1::{
    Change, ChangeKind, LocateRequest, LocateResponse, SnapshotRequest, SnapshotResponse, SubscribeRequest,
    SubscribeResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::follow::{Follower, Step};
use crate::tail::Batch;
use crate::{Body, Cursor, FeedRow, Sequencer, Tail, log};

/// How often an idle feed says that it is.
const WATERMARK_EVERY: Duration = Duration::from_secs(5);
/// Longest that `Locate` waits without a deadline of the caller.
const LOCATE_WAIT: Duration = Duration::from_secs(30);

/// One state of a snapshot.
#[derive(Debug)]
pub struct SnapshotRow {
    pub tenant_id: Uuid,
    pub entity_id: Uuid,
    pub body: Body,
}

/// Reads entities for the feed, set-wise: no query a row.
pub trait Hydrate: Send + Sync + 'static {
    /// The bodies of entities of one kind by (tenant, id). An entity that is gone is left out.
    fn read(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        ids: &[(Uuid, Uuid)],
    ) -> impl Future<Output = Result<Vec<SnapshotRow>>> + Send;

    /// A page of a kind's entities in the order of (tenant, id), after the given pair.
    fn page(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        after: (Uuid, Uuid),
        limit: i64,
    ) -> impl Future<Output = Result<Vec<SnapshotRow>>> + Send;
}

/// Fills rows with their bodies: one query a kind.
pub(crate) async fn hydrate<H: Hydrate>(
    connection: &mut Connection,
    hydrator: &H,
    rows: Vec<FeedRow>,
) -> Result<Vec<Change>> {
    let mut wanted: HashMap<ChangeKind, Vec<(Uuid, Uuid)>> = HashMap::new();
    for row in &rows {
        wanted.entry(row.kind).or_default().push((row.tenant_id, row.entity_id));
    }
    let mut bodies: HashMap<(ChangeKind, Uuid, Uuid), Body> = HashMap::new();
    for (kind, mut ids) in wanted {
        ids.sort_unstable();
        ids.dedup();
        for row in hydrator.read(connection, kind, &ids).await? {
            bodies.insert((kind, row.tenant_id, row.entity_id), row.body);
        }
    }
    // Newest wins: all the changes of one entity in a batch carry the same state, and only its last is sent.
    let mut last: HashMap<(ChangeKind, Uuid, Uuid), i64> = HashMap::new();
    for row in &rows {
        last.insert((row.kind, row.tenant_id, row.entity_id), row.seq);
    }
    Ok(rows
        .into_iter()
        .filter(|row| last.get(&(row.kind, row.tenant_id, row.entity_id)) == Some(&row.seq))
        .map(|row| Change {
            seq: row.seq,
            tenant_id: row.tenant_id.to_string(),
            entity_id: row.entity_id.to_string(),
            kind: row.kind.into(),
            body: bodies.remove(&(row.kind, row.tenant_id, row.entity_id)),
        })
        .collect())
}

/// Serves one database's feed.
#[derive(Debug)]
pub struct FeedServer<H> {
    pool: Pool,
    hydrator: Arc<H>,
    tail: Tail,
    sequencer: Sequencer,
    stop: CancellationToken,
}

impl<H: Hydrate> FeedServer<H> {
    pub fn new(
        pool: Pool,
        hydrator: Arc<H>,
        tail: Tail,
        sequencer: Sequencer,
        stop: CancellationToken,
    ) -> Self {
        Self { pool, hydrator, tail, sequencer, stop }
    }
}

type Sender = mpsc::Sender<Result<SubscribeResponse, Status>>;

#[tonic::async_trait]
impl<H: Hydrate> ChangeFeedService for FeedServer<H> {
    type SubscribeStream = std::pin::Pin<Box<dyn Stream<Item = Result<SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let request = request.into_inner();
        let cursor = Cursor::from(request.after.unwrap_or_default());
        let kinds = parse_kinds(&request.kinds, "kinds")?;
        let (pool, hydrator) = (self.pool.clone(), Arc::clone(&self.hydrator));
        let follower = Follower::open(pool, hydrator, self.tail.clone(), Some(cursor)).await?;
        // Four batches in flight: a slow subscriber slows nobody and holds no more memory than that.
        let (sender, receiver) = mpsc::channel(4);
        let (tail, stop) = (self.tail.clone(), self.stop.clone());
        let subscription = Subscription { follower, tail, stop, kinds, sender };
        tokio::spawn(subscription.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<SnapshotResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::new();
        let kinds =
            violations.take("kinds", parse_kinds(&request.kinds, "kinds").map_err(|fault| fault.to_string()));
        violations.check(!request.kinds.is_empty(), "kinds", "must name at least one kind");
        violations.check((0..=1000).contains(&request.page_size), "page_size", "must be 0 to 1,000");
        let place = violations.take("page_token", parse_place(&request.page_token));
        violations.finish()?;
        let (kinds, (at, after)) = (kinds.unwrap_or_default(), place.unwrap_or_default());
        let limit = if request.page_size == 0 { 500 } else { i64::from(request.page_size) };
        let mut tx = begin_snapshot(&self.pool).await?;
        let head = log::head(&mut tx).await?;
        let Some(kind) = kinds.get(at).copied() else {
            return Ok(Response::new(SnapshotResponse {
                head: Some(head.into()),
                ..SnapshotResponse::default()
            }));
        };
        let rows = self.hydrator.page(&mut tx, kind, after, limit).await?;
        drop(tx);
        let next = match rows.last() {
            Some(last) if rows.len().cast_signed() as i64 == limit => {
                format!("{at}.{}.{}", last.tenant_id, last.entity_id)
            }
            _ if at + 1 < kinds.len() => format!("{}.{}.{}", at + 1, Uuid::nil(), Uuid::nil()),
            _ => String::new(),
        };
        let changes = rows
            .into_iter()
            .map(|row| Change {
                seq: 0,
                tenant_id: row.tenant_id.to_string(),
                entity_id: row.entity_id.to_string(),
                kind: kind.into(),
                body: Some(row.body),
            })
            .collect();
        Ok(Response::new(SnapshotResponse { changes, next_page_token: next, head: Some(head.into()) }))
    }

    async fn locate(&self, request: Request<LocateRequest>) -> Result<Response<LocateResponse>, Status> {
        let request = request.into_inner();
        let mut sequenced = self.tail.head();
        let applied = request.applied.map(Cursor::from);
        let waited = tokio::time::timeout(LOCATE_WAIT, async {
            loop {
                let mut connection = self.pool.acquire().await.map_err(tandem_database::Error::from)?;
                match log::locate(&mut connection, request.outbox_id, request.mark.cast_signed()).await? {
                    log::Place::Sequenced(seq) => {
                        let applied_gone = match applied {
                            Some(applied) => !log::knows(&mut connection, applied).await?,
                            None => false,
                        };
                        return Ok(Response::new(LocateResponse { seq, applied_gone }));
                    }
                    log::Place::Unknown => {
                        return Err(
                            Fault::new(Reason::CursorGone, "the feed does not know this write").into()
                        );
                    }
                    log::Place::Waiting => {}
                }
                drop(connection);
                self.sequencer.wake();
                tokio::select! {
                    changed = sequenced.changed() => if changed.is_err() {
                        return Err(Fault::new(Reason::ShuttingDown, "the process is draining").into());
                    },
                    () = tokio::time::sleep(Duration::from_millis(20)) => {}
                }
            }
        });
        waited
            .await
            .unwrap_or_else(|_| Err(Fault::new(Reason::DeadlineExceeded, "not sequenced in time").into()))
    }
}

fn parse_kinds(kinds: &[i32], field: &str) -> Result<Vec<ChangeKind>, Fault> {
    let known = |kind: &i32| ChangeKind::try_from(*kind).ok().filter(|kind| *kind != ChangeKind::Unspecified);
    kinds.iter().map(|kind| known(kind).ok_or_else(|| Fault::invalid(field, "must be known kinds"))).collect()
}

/// `kind index . tenant . entity`: internal callers only, so not signed.
fn parse_place(token: &str) -> Result<(usize, (Uuid, Uuid)), &'static str> {
    if token.is_empty() {
        return Ok((0, (Uuid::nil(), Uuid::nil())));
    }
    let wrong = "must be the next_page_token of a snapshot";
    let mut parts = token.split('.');
    let at = parts.next().and_then(|part| part.parse().ok()).ok_or(wrong)?;
    let tenant = parts.next().and_then(|part| part.parse().ok()).ok_or(wrong)?;
    let entity = parts.next().and_then(|part| part.parse().ok()).ok_or(wrong)?;
    Ok((at, (tenant, entity)))
}

/// One subscriber.
struct Subscription<H> {
    follower: Follower<H>,
    tail: Tail,
    stop: CancellationToken,
    kinds: Vec<ChangeKind>,
    sender: Sender,
}

impl<H: Hydrate> Subscription<H> {
    async fn run(mut self) {
        let stop = self.stop.clone();
        let sender = self.sender.clone();
        let ended = tokio::select! {
            () = stop.cancelled() => Fault::new(Reason::ShuttingDown, "the process is draining"),
            () = sender.closed() => return,
            ended = self.follow() => match ended { Ok(()) => return, Err(fault) => fault },
        };
        let _ = sender.try_send(Err(ended.into()));
    }

    async fn follow(&mut self) -> Result<(), Fault> {
        loop {
            let response = match self.follower.next(WATERMARK_EVERY).await? {
                Step::Changes { batch, already } => self.response(&batch, already),
                Step::Idle => {
                    let cursor = self.follower.cursor();
                    let head_seq = cursor.seq;
                    SubscribeResponse {
                        cursor: Some(cursor.into()),
                        head_seq,
                        ..SubscribeResponse::default()
                    }
                }
            };
            if self.sender.send(Ok(response)).await.is_err() {
                return Ok(());
            }
        }
    }

    fn response(&self, batch: &Batch, already: i64) -> SubscribeResponse {
        let wanted = |change: &&Change| self.kinds.is_empty() || self.kinds.contains(&change.kind());
        let changes =
            batch.changes.iter().filter(|change| change.seq > already).filter(wanted).cloned().collect();
        let cursor = batch.cursor();
        let time = batch.sequenced_at.map(|at| prost_types::Timestamp {
            seconds: at.timestamp(),
            nanos: at.timestamp_subsec_nanos().cast_signed(),
        });
        let head_seq = (*self.tail.head().borrow()).max(cursor.seq);
        SubscribeResponse { changes, cursor: Some(cursor.into()), head_seq, time }
    }
}
