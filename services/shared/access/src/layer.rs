use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tandem_fault::{Fault, Reason};
use tonic::Status;
use tower::{Layer, Service};
use uuid::Uuid;

use crate::claims::invalid;
use crate::{Caller, Policy, Role, TENANT_HEADER, Verifier};

/// Why a tenant's callers may not pass now, such as a suspension; `None` lets them. Asked on every call:
/// it must answer from memory. Services are not asked about: what they settle was begun before, and a
/// suspension is lifted through them.
pub type TenantGate = Arc<dyn Fn(Uuid) -> Option<Fault> + Send + Sync>;

/// Lets through only who may call: `authorization: Bearer` is verified (`UNAUTHENTICATED`), then the
/// policy asked (`ROLE_NOT_ALLOWED`), then the tenant read (`INVALID_ARGUMENT`) and its gate asked. The
/// [`Caller`] is left in the request's extensions.
#[derive(Clone)]
pub struct AuthLayer {
    rules: Arc<Rules>,
}

/// What [`AuthLayer`] puts around a service.
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    rules: Arc<Rules>,
}

#[derive(Clone)]
struct Rules {
    verifier: Verifier,
    policy: Arc<Policy>,
    gate: Option<TenantGate>,
    open: &'static [&'static str],
}

impl AuthLayer {
    pub fn new(verifier: Verifier, policy: impl Into<Arc<Policy>>) -> Self {
        Self { rules: Arc::new(Rules { verifier, policy: policy.into(), gate: None, open: &[] }) }
    }

    /// Asks `gate` about the tenant of every caller but services.
    #[must_use]
    pub fn gate(mut self, gate: TenantGate) -> Self {
        Arc::make_mut(&mut self.rules).gate = Some(gate);
        self
    }

    /// Lets everybody call these: a method's whole path, or a service's with its last slash, such as
    /// `/grpc.health.v1.Health/`. Their requests carry no [`Caller`].
    #[must_use]
    pub fn open(mut self, paths: &'static [&'static str]) -> Self {
        Arc::make_mut(&mut self.rules).open = paths;
        self
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner, rules: Arc::clone(&self.rules) }
    }
}

impl<S, B, R> Service<http::Request<B>> for AuthService<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default,
{
    type Response = http::Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        // The clone may not be ready; the one that `poll_ready` asked is.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let rules = Arc::clone(&self.rules);
        Box::pin(async move {
            let path = request.uri().path();
            if !rules.is_open(path) {
                match rules.caller(path, request.headers()).await {
                    Ok(caller) => drop(request.extensions_mut().insert(caller)),
                    Err(fault) => {
                        tracing::debug!(method = path, reason = fault.reason.as_str(), "call refused");
                        return Ok(Status::from(fault).into_http());
                    }
                }
            }
            inner.call(request).await
        })
    }
}

impl Rules {
    fn is_open(&self, path: &str) -> bool {
        self.open.iter().any(|open| if open.ends_with('/') { path.starts_with(open) } else { path == *open })
    }

    async fn caller(&self, path: &str, headers: &HeaderMap) -> Result<Caller, Fault> {
        let claims = self.verifier.verify(bearer(headers)?).await?;
        self.policy.allow(path, claims.tandem_roles)?;
        let caller = Caller::of(&claims, tenant_header(headers)?)?;
        match &self.gate {
            Some(gate) if !caller.has(Role::Service) => gate(caller.tenant()?).map_or(Ok(caller), Err),
            _ => Ok(caller),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Fault> {
    let missing = || Fault::new(Reason::TokenMissing, "metadata authorization must be Bearer and a token");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(invalid("metadata authorization stands twice"));
    }
    let text = value.to_str().map_err(|_| invalid("the token can't be read"))?;
    let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

fn tenant_header(headers: &HeaderMap) -> Result<Option<&[u8]>, Fault> {
    let mut values = headers.get_all(TENANT_HEADER).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Fault::invalid(TENANT_HEADER, "must be set once"));
    }
    Ok(value.map(http::HeaderValue::as_bytes))
}

#[cfg(test)]
mod tests;
