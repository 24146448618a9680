use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tandem_access::Caller;
use tandem_fault::{Fault, Violations};
use tandem_signed_token::{PageToken, Signer, binding};
use uuid::Uuid;

use super::parse;

/// A page that a caller asks for, after a cursor.
pub struct Page<C> {
    pub tenant_id: Uuid,
    pub after: Option<C>,
    pub limit: i64,
    bound: [u8; 16],
}

impl<C: Serialize + DeserializeOwned> Page<C> {
    /// `filter` is the request with size and token cleared: the token is bound to it, to the method and to the caller. What
    /// else is wrong with the request stands in `violations`.
    pub fn read(
        signer: &Signer,
        caller: &Caller,
        mut violations: Violations,
        (method, filter): (&str, &impl Message),
        (size, token): (i32, &str),
    ) -> Result<Self, Fault> {
        let limit = parse::page_size(&mut violations, size);
        violations.finish()?;
        let tenant_id = caller.tenant()?;
        let filter = filter.encode_to_vec();
        let bound = binding(&[tenant_id.as_bytes(), caller.subject.as_bytes(), method.as_bytes(), &filter]);
        let after = PageToken::resume(signer, &bound, token)?;
        Ok(Self { tenant_id, after, limit, bound })
    }

    /// The token of the page after a cursor; empty at the end.
    pub fn next(&self, signer: &Signer, after: Option<&C>) -> String {
        after.map_or_else(String::new, |after| PageToken::encode(signer, &self.bound, after))
    }
}
