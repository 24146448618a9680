use tandem_ambient::Ambient;
use tandem_change_feed::{Body, ChangeKind, Hydrate, SnapshotRow};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::rpc::convert;
use crate::store;

/// Reads agents and teams for the feed, as they are when they are read.
pub struct Directory {
    pub ambient: Ambient,
}

impl Hydrate for Directory {
    async fn read(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        ids: &[(Uuid, Uuid)],
    ) -> Result<Vec<SnapshotRow>> {
        let row = |tenant_id, entity_id, body| SnapshotRow { tenant_id, entity_id, body };
        let now = self.ambient.now();
        Ok(match kind {
            ChangeKind::Agent => store::agent::read(connection, ids, now)
                .await?
                .into_iter()
                .map(|(tenant, agent)| row(tenant, agent.id, Body::Agent(convert::agent(agent))))
                .collect(),
            ChangeKind::Team => store::team::read(connection, ids)
                .await?
                .into_iter()
                .map(|(tenant, team)| row(tenant, team.id, Body::Team(convert::team(team, now))))
                .collect(),
            _ => Vec::new(),
        })
    }

    async fn page(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        after: (Uuid, Uuid),
        limit: i64,
    ) -> Result<Vec<SnapshotRow>> {
        let ids = match kind {
            ChangeKind::Agent => store::agent::keys(connection, after, limit).await?,
            ChangeKind::Team => store::team::keys(connection, after, limit).await?,
            _ => Vec::new(),
        };
        let mut rows = self.read(connection, kind, &ids).await?;
        rows.sort_unstable_by_key(|row| (row.tenant_id, row.entity_id));
        Ok(rows)
    }
}
