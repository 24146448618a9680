//! The transport: each method unpacks, calls the domain, converts. Ten lines or fewer; rules live in `domain`.

mod ai;
mod channels;
pub(crate) mod content;
mod conversations;
pub(crate) mod convert;
mod filter;
mod ingest;
mod label_figures;
mod life;
mod outbound;
mod parse;
mod privacy;
mod question;
mod sending;
mod settings;
mod tenants;
mod transfer;
mod typing;
mod views;
mod watch;

use tandem_access::caller;
use tandem_fault::Fault;
use tonic::{Request, Status};

use crate::domain::Domain;
use crate::domain::viewer::Viewer;

/// The generated services of this crate on one domain.
#[derive(Clone)]
pub struct Rpc {
    pub domain: Domain,
}

impl Rpc {
    /// Who calls, and the message.
    async fn open<T>(&self, request: Request<T>) -> Result<(Viewer, T), Status> {
        let viewer = self.domain.viewer(caller(&request)?).await.map_err(Fault::from)?;
        Ok((viewer, request.into_inner()))
    }

    /// Opens a read once everything that its tokens name has been applied here.
    async fn fresh<T>(
        &self,
        request: Request<T>,
        tokens: fn(&T) -> &Vec<String>,
    ) -> Result<(Viewer, T), Status> {
        caller(&request)?;
        self.domain.freshness.wait(tokens(request.get_ref())).await.map_err(Status::from)?;
        self.open(request).await
    }
}
