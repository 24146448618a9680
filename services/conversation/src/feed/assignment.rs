use std::collections::HashMap;

use tandem_change_feed::{Apply, Body, Change, ChangeKind};
use tandem_database::{Connection, Result};
use tandem_proto::assignment::v1::AgentState;

use super::{id, ids};
use crate::store::projection::{self, Agent};

/// Agents and teams, as assignment tells of them: whose token is whose, and who sees which channels.
#[derive(Debug)]
pub struct AssignmentFeed;

impl Apply for AssignmentFeed {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[ChangeKind::Agent, ChangeKind::Team]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        // The last state of each agent: one statement must not meet a row twice.
        let mut agents: HashMap<_, Agent> = HashMap::new();
        for change in changes {
            let tenant_id = id(&change.tenant_id);
            match &change.body {
                Some(Body::Agent(agent)) => {
                    let agent = Agent {
                        tenant_id,
                        id: id(&agent.id),
                        subject: agent.subject.clone(),
                        name: agent.display_name.clone(),
                        active: agent.state() == AgentState::Active,
                        version: agent.version,
                    };
                    agents.insert((tenant_id, agent.id), agent);
                }
                Some(Body::Team(team)) => {
                    let team = projection::Team {
                        tenant_id,
                        id: id(&team.id),
                        name: team.display_name.clone(),
                        all_channels: team.all_channels,
                        channel_ids: ids(&team.channel_ids),
                        agent_ids: ids(&team.agent_ids),
                        version: team.version,
                    };
                    projection::apply_team(connection, generation, &team).await?;
                }
                _ => {}
            }
        }
        let agents: Vec<Agent> = agents.into_values().collect();
        projection::apply_agents(connection, generation, &agents).await
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        projection::sweep_assignment(connection, generation).await
    }
}
