use tandem_fault::Fault;
use uuid::Uuid;

use crate::{Claims, Role, Roles};

/// The metadata in which a service says for which tenant it calls. Honoured for [`Role::Service`] only.
pub const TENANT_HEADER: &str = "x-tandem-tenant";

/// Who calls: from the verified token, and for a service from the call's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    tenant: Option<Uuid>,
    /// The token's subject: a person, an adapter, the AI or a service.
    pub subject: String,
    pub roles: Roles,
    /// The channels that an adapter's token names.
    pub channels: Vec<Uuid>,
    /// When the token expires, in seconds since 1970: a stream ends then.
    pub expires: i64,
}

/// The caller of a request that came through the [`AuthLayer`](crate::AuthLayer).
///
/// # Errors
/// `INTERNAL` when it did not: routes were put up without the layer, and nobody may pass.
pub fn caller<T>(request: &tonic::Request<T>) -> Result<&Caller, Fault> {
    request
        .extensions()
        .get()
        .ok_or_else(|| Fault::internal("a route stands outside the authentication layer"))
}

impl Caller {
    /// A caller without a token, for tests and for calls within one process. Only a service goes without
    /// a tenant.
    pub fn new(tenant: Option<Uuid>, subject: impl Into<String>, roles: impl Into<Roles>) -> Self {
        Self { tenant, subject: subject.into(), roles: roles.into(), channels: Vec::new(), expires: i64::MAX }
    }

    #[must_use]
    pub fn with_channels(mut self, channels: Vec<Uuid>) -> Self {
        self.channels = channels;
        self
    }

    /// `header` is the call's [`TENANT_HEADER`], if it has one.
    pub(crate) fn of(claims: &Claims, header: Option<&[u8]>) -> Result<Self, Fault> {
        let tenant = match header {
            None => claims.tandem_tenant,
            Some(_) if !claims.tandem_roles.has(Role::Service) => {
                return Err(Fault::invalid(TENANT_HEADER, "must not be set: the token names the tenant"));
            }
            Some(text) => Some(tenant_in(text)?),
        };
        Ok(Self {
            tenant,
            subject: claims.sub.clone(),
            roles: claims.tandem_roles,
            channels: claims.tandem_channels.clone(),
            expires: claims.exp,
        })
    }

    /// The tenant whose data the call may touch.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` on `x-tandem-tenant` when a service did not say for which tenant it calls.
    pub fn tenant(&self) -> Result<Uuid, Fault> {
        self.tenant.ok_or_else(|| Fault::invalid(TENANT_HEADER, "must be set: a service calls for a tenant"))
    }

    pub fn has(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// Whether an adapter's token names the channel.
    pub fn serves(&self, channel: Uuid) -> bool {
        self.channels.contains(&channel)
    }
}

fn tenant_in(text: &[u8]) -> Result<Uuid, Fault> {
    let id = Uuid::try_parse_ascii(text).ok().filter(|id| !id.is_nil());
    id.ok_or_else(|| Fault::invalid(TENANT_HEADER, "must be a UUID"))
}

#[cfg(test)]
mod tests {
    use tandem_fault::Reason;

    use super::*;

    #[test]
    fn a_service_without_a_tenant_is_asked_for_one() {
        let tenant = Uuid::from_u128(1);
        assert_eq!(Caller::new(Some(tenant), "a", Role::Agent).tenant(), Ok(tenant));
        let fault = Caller::new(None, "conversation", Role::Service).tenant().unwrap_err();
        assert_eq!((fault.reason, &fault.violations[0].field[..]), (Reason::InvalidFields, TENANT_HEADER));
    }

    #[test]
    fn a_request_outside_the_layer_has_no_caller() {
        let mut request = tonic::Request::new(());
        assert_eq!(caller(&request).unwrap_err().reason, Reason::Internal);
        let known =
            Caller::new(Some(Uuid::from_u128(1)), "a", Role::Channel).with_channels(vec![Uuid::from_u128(2)]);
        request.extensions_mut().insert(known.clone());
        assert_eq!(caller(&request), Ok(&known));
        assert!(known.serves(Uuid::from_u128(2)) && !known.serves(Uuid::from_u128(3)));
    }
}
