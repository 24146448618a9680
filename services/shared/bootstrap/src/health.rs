//! Readiness, and `grpc.health.v1` that tells it.
//!
//! tonic-health's own reporter starts as SERVING; here nothing serves before it says so, and the
//! reasons of what doesn't are kept for people.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::drain::{shutting_down, until_drain};

const SERVICE: &str = "service";
const DRAIN: &str = "drain";

/// Whether a service wants calls, and why not. Starts not ready. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// What stands in the way, by whom; ready when empty.
    reasons: Arc<watch::Sender<BTreeMap<&'static str, String>>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    pub fn new() -> Self {
        let starting = BTreeMap::from([(SERVICE, "starting".to_owned())]);
        Self { reasons: Arc::new(watch::Sender::new(starting)) }
    }

    /// The service itself has no objection any more. Probes that fail, and a drain, still stand.
    pub fn set_ready(&self) {
        self.set(SERVICE, None);
    }

    /// `reason` is for people: lowercase, no personal data.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        self.set(SERVICE, Some(reason.into()));
    }

    /// For good: nothing takes it back.
    pub(crate) fn set_draining(&self) {
        self.set(DRAIN, Some("draining".to_owned()));
    }

    /// What stands in the way, or `None` when ready.
    pub fn reason(&self) -> Option<String> {
        describe(&self.reasons.borrow())
    }

    /// Ends when ready.
    pub async fn ready(&self) {
        let mut reasons = self.reasons.subscribe();
        // The sender lives in self.
        let _ = reasons.wait_for(BTreeMap::is_empty).await;
    }

    /// Asks `check` at once and then `every` so often, for as long as the returned future is polled:
    /// spawn it. Not ready until the first success; after that only when `failures` checks in a row
    /// failed, so that one hiccup doesn't take every replica out at once. A check that takes longer
    /// than `every` has failed. The objection stands from this call on, not from the first poll.
    pub fn probe<F, C, E>(
        &self,
        name: &'static str,
        every: Duration,
        failures: u32,
        mut check: F,
    ) -> impl Future<Output = ()> + use<F, C, E>
    where
        F: FnMut() -> C,
        C: Future<Output = Result<(), E>>,
        E: Display,
    {
        let readiness = self.clone();
        readiness.set(name, Some(format!("{name}: not asked yet")));
        async move {
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut failed = failures.saturating_sub(1);
            loop {
                ticks.tick().await;
                let problem = match tokio::time::timeout(every, check()).await {
                    Ok(Ok(())) => {
                        failed = 0;
                        readiness.set(name, None);
                        continue;
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "no answer in time".to_owned(),
                };
                failed = failed.saturating_add(1);
                tracing::warn!(probe = name, failed, problem, "readiness probe failed");
                if failed >= failures {
                    readiness.set(name, Some(format!("{name}: {problem}")));
                }
            }
        }
    }

    fn set(&self, name: &'static str, reason: Option<String>) {
        self.reasons.send_if_modified(|reasons| match reason {
            Some(reason) => reasons.insert(name, reason.clone()) != Some(reason),
            None => reasons.remove(name).is_some(),
        });
    }
}

fn describe(reasons: &BTreeMap<&'static str, String>) -> Option<String> {
    (!reasons.is_empty()).then(|| reasons.values().cloned().collect::<Vec<_>>().join("; "))
}

/// `grpc.health.v1` over a [`Readiness`]; every service of the process and "" share its state.
#[derive(Debug, Clone)]
pub(crate) struct HealthService {
    readiness: Readiness,
    services: Arc<[&'static str]>,
    /// Watches end on it.
    drain: CancellationToken,
}

impl HealthService {
    pub fn new(readiness: Readiness, services: &[&'static str], drain: CancellationToken) -> Self {
        Self { readiness, services: services.into(), drain }
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

fn serving(reasons: &BTreeMap<&'static str, String>) -> HealthCheckResponse {
    answer(if reasons.is_empty() { ServingStatus::Serving } else { ServingStatus::NotServing })
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.get_ref().service) {
            return Err(Status::not_found("service not known"));
        }
        Ok(Response::new(serving(&self.readiness.reasons.borrow())))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let states = if self.knows(&request.get_ref().service) {
            let reasons = WatchStream::new(self.readiness.reasons.subscribe());
            reasons.map(|reasons| Ok(serving(&reasons))).boxed()
        } else {
            // As the protocol has it: the service might come, so the stream stays open.
            let unknown = futures::stream::iter([Ok(answer(ServingStatus::ServiceUnknown))]);
            unknown.chain(futures::stream::pending()).boxed()
        };
        let last = Some(Err(shutting_down()));
        Ok(Response::new(until_drain(states, self.drain.clone(), last).boxed()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use tonic_health::pb::health_client::HealthClient;

    use super::*;
    use crate::testing::{Sandbox, guarded};

    #[tokio::test]
    async fn health_starts_not_serving_and_follows_readiness() {
        let sandbox = Sandbox::not_ready().await;
        let mut client = HealthClient::new(sandbox.channel());
        for service in ["", "test.v1.Echo"] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let answer = guarded(client.check(request)).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::NotServing);
        }
        let request = HealthCheckRequest { service: "test.v1.Echo".to_owned() };
        let mut watch = guarded(client.watch(request)).await.unwrap().into_inner();
        let mut next = async || guarded(watch.message()).await.unwrap().unwrap().status();
        assert_eq!(next().await, ServingStatus::NotServing);
        sandbox.readiness().set_ready();
        assert_eq!(next().await, ServingStatus::Serving);
        sandbox.readiness().set_not_ready("the schema is too old");
        assert_eq!(next().await, ServingStatus::NotServing);
    }

    #[tokio::test]
    async fn an_unknown_service_is_told_apart() {
        let sandbox = Sandbox::start().await;
        let mut client = HealthClient::new(sandbox.channel());
        let request = HealthCheckRequest { service: "nobody".to_owned() };
        assert_eq!(guarded(client.check(request.clone())).await.unwrap_err().code(), tonic::Code::NotFound);
        let mut watch = guarded(client.watch(request)).await.unwrap().into_inner();
        let first = guarded(watch.message()).await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    }

    #[tokio::test(start_paused = true)]
    async fn readiness_falls_after_several_failures_only_and_rises_at_once() {
        let readiness = Readiness::new();
        let script =
            [Err("down"), Ok(()), Err("down"), Err("down"), Ok(()), Err("a"), Err("b"), Err("c"), Ok(())];
        let script = Mutex::new(VecDeque::from(script));
        let seen = Mutex::new(Vec::new());
        let end = tokio::sync::Notify::new();
        let check = || {
            // What the answers so far have led to.
            seen.lock().unwrap().push(readiness.reason());
            let next = script.lock().unwrap().pop_front();
            end.notify_one();
            async move {
                match next {
                    Some(next) => next,
                    None => std::future::pending().await,
                }
            }
        };
        let probe = readiness.probe("database", Duration::from_secs(1), 3, check);
        readiness.set_ready();
        let until_asked_ten_times = async {
            while seen.lock().unwrap().len() < 10 {
                end.notified().await;
            }
        };
        tokio::select! {
            () = probe => unreachable!(),
            () = until_asked_ten_times => {}
        }
        let ready: Vec<_> = seen.lock().unwrap().iter().map(Option::is_none).collect();
        assert_eq!(ready, [false, false, true, true, true, true, true, true, false, true]);
        assert_eq!(seen.lock().unwrap()[8].as_deref(), Some("database: c"));
    }

    #[test]
    fn a_drain_is_for_good() {
        let readiness = Readiness::new();
        readiness.set_ready();
        assert_eq!(readiness.reason(), None);
        readiness.set_draining();
        readiness.set_ready();
        assert_eq!(readiness.reason().as_deref(), Some("draining"));
    }
}
