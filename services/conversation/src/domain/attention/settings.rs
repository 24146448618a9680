use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};

use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// Replaces the phrases of a version. Answers them with their version now.
    pub async fn update_phrases(
        &self,
        viewer: &Viewer,
        request: Request,
        phrases: &[String],
        version: i64,
    ) -> Result<(Vec<String>, i64)> {
        let mut tx = begin(&self.pool).await?;
        if request_log::claim::<()>(&mut tx, &request, self.ambient.now()).await?.is_none() {
            if store::tenant::find(&mut tx, &[viewer.tenant_id]).await?.is_empty() {
                return Err(Fault::not_found("tenant").into());
            }
            if !store::attention::save(&mut tx, viewer.tenant_id, phrases, version).await? {
                return Err(
                    Fault::new(Reason::EtagMismatch, "the phrases changed since they were read").into()
                );
            }
            request_log::record(&mut tx, &request, &()).await?;
        }
        tx.commit().await?;
        self.attention_phrases(viewer).await
    }

    /// The phrases in their order, and their version.
    pub async fn attention_phrases(&self, viewer: &Viewer) -> Result<(Vec<String>, i64)> {
        let mut connection = self.pool.acquire().await?;
        store::attention::find(&mut connection, viewer.tenant_id).await
    }
}
