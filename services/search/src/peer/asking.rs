use tandem_fault::{Fault, Result};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use uuid::Uuid;

/// On whose behalf another service is asked, and how fresh its answer must be.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The caller's own `authorization`.
    pub bearer: MetadataValue<Ascii>,
    pub at_least_as_fresh: Vec<String>,
}

impl Asking {
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer.clone());
        request
    }
}

pub(super) fn ids(texts: &[String]) -> Result<Vec<Uuid>> {
    texts.iter().map(|text| id(text)).collect()
}

pub(super) fn id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Fault::internal("another service answered an id that is no UUID"))
}
