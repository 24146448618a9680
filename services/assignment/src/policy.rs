//! Who may call what. What this table does not name is denied; relations are enforced by the domain.

use tandem_access::Relation::{Any, HoldsIt, NoTenant, Own, TeamsChannel};
use tandem_access::Role::{Admin, Agent, Ai, Service, Supervisor};
use tandem_access::{Relation, Role, Rule};

const fn rule(method: &'static str, roles: &'static [Role], relation: Relation) -> Rule {
    Rule { method, roles, relation }
}

/// The policy table of the service.
pub const RULES: &[Rule] = &[
    rule("/tandem.assignment.v1.DirectoryService/CreateAgent", &[Admin], Any),
    rule("/tandem.assignment.v1.DirectoryService/UpdateAgent", &[Admin], Any),
    rule("/tandem.assignment.v1.DirectoryService/GetAgent", &[Agent, Supervisor, Admin, Ai, Service], Any),
    rule("/tandem.assignment.v1.DirectoryService/ListAgents", &[Agent, Supervisor, Admin, Ai, Service], Any),
    rule("/tandem.assignment.v1.DirectoryService/CreateTeam", &[Admin], Any),
    rule("/tandem.assignment.v1.DirectoryService/UpdateTeam", &[Admin], Any),
    rule("/tandem.assignment.v1.DirectoryService/ListTeams", &[Agent, Supervisor, Admin, Ai, Service], Any),
    // An agent takes from the AI, a queue or nobody; a supervisor from a person too, who says so.
    rule("/tandem.assignment.v1.AssignmentService/TakeOver", &[Agent, Supervisor], TeamsChannel),
    // An agent gives what they hold, or what no person holds.
    rule("/tandem.assignment.v1.AssignmentService/Assign", &[Agent, Supervisor, Admin], HoldsIt),
    rule("/tandem.assignment.v1.AssignmentService/HandOff", &[Ai], HoldsIt),
    rule("/tandem.assignment.v1.AssignmentService/Release", &[Agent, Supervisor], HoldsIt),
    rule("/tandem.assignment.v1.AssignmentService/Unassign", &[Agent, Supervisor, Admin], HoldsIt),
    rule("/tandem.assignment.v1.AssignmentService/BulkAssign", &[Agent, Supervisor, Admin], HoldsIt),
    rule("/tandem.assignment.v1.AssignmentService/ClaimNext", &[Agent, Supervisor], Own),
    rule("/tandem.assignment.v1.RoutingService/CreateRoutingRule", &[Admin], Any),
    rule("/tandem.assignment.v1.RoutingService/UpdateRoutingRule", &[Admin], Any),
    rule("/tandem.assignment.v1.RoutingService/DeleteRoutingRule", &[Admin], Any),
    rule("/tandem.assignment.v1.RoutingService/ListRoutingRules", &[Agent, Supervisor, Admin, Service], Any),
    rule("/tandem.assignment.v1.RoutingService/ListCandidates", &[Agent, Supervisor, Admin], TeamsChannel),
    rule("/tandem.assignment.v1.RoutingService/ExplainRouting", &[Supervisor, Admin], Any),
    rule(
        "/tandem.assignment.v1.AssignmentService/ListHolderHistory",
        &[Agent, Supervisor, Admin, Service],
        TeamsChannel,
    ),
    rule("/tandem.assignment.v1.NotificationService/ListNotifications", &[Agent, Supervisor], Own),
    rule("/tandem.assignment.v1.NotificationService/WatchNotifications", &[Agent, Supervisor], Own),
    rule("/tandem.assignment.v1.NotificationService/MarkNotificationsRead", &[Agent, Supervisor], Own),
    rule("/tandem.assignment.v1.DirectoryService/GetTeam", &[Agent, Supervisor, Admin, Ai, Service], Any),
    rule("/tandem.assignment.v1.DirectoryService/DeactivateAgent", &[Admin], Any),
    rule("/tandem.assignment.v1.DirectoryService/ReactivateAgent", &[Admin], Any),
    // An agent gives away what they hold themselves.
    rule("/tandem.assignment.v1.AssignmentService/TransferAll", &[Agent, Supervisor, Admin], HoldsIt),
    rule("/tandem.assignment.v1.PresenceService/SetPresence", &[Agent, Supervisor], Own),
    rule(
        "/tandem.assignment.v1.PresenceService/ListPresences",
        &[Agent, Supervisor, Admin, Ai, Service],
        Any,
    ),
    rule("/tandem.assignment.v1.OperationService/GetOperation", &[Agent, Supervisor, Admin, Service], Own),
    rule("/tandem.assignment.v1.OperationService/ListOperations", &[Agent, Supervisor, Admin, Service], Own),
    rule("/tandem.assignment.v1.NotificationService/GetNotificationPreferences", &[Agent, Supervisor], Own),
    rule(
        "/tandem.assignment.v1.NotificationService/UpdateNotificationPreferences",
        &[Agent, Supervisor],
        Own,
    ),
    rule("/tandem.assignment.v1.OverviewService/GetLoad", &[Supervisor, Admin], Any),
    rule("/tandem.assignment.v1.OverviewService/GetFigures", &[Supervisor, Admin], Any),
    rule("/tandem.feed.v1.FreshnessService/AwaitChanges", &[Service], Any),
    rule("/tandem.feed.v1.ChangeFeedService/Subscribe", &[Service], NoTenant),
    rule("/tandem.feed.v1.ChangeFeedService/Snapshot", &[Service], NoTenant),
    rule("/tandem.feed.v1.ChangeFeedService/Locate", &[Service], NoTenant),
];

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;
    use tandem_access::Policy;

    use super::*;

    #[test]
    fn every_method_has_a_rule() {
        let set = FileDescriptorSet::decode(tandem_proto::DESCRIPTOR_SET).unwrap();
        let mut methods = Vec::new();
        for file in &set.file {
            for service in &file.service {
                let service_name = format!("{}.{}", file.package(), service.name());
                if ["tandem.assignment.v1", "tandem.feed.v1"].contains(&file.package()) {
                    methods.extend(
                        service.method.iter().map(|method| format!("/{service_name}/{}", method.name())),
                    );
                }
            }
        }
        assert!(!methods.is_empty());
        assert_eq!(Policy::new(RULES).covers(methods), Ok(()));
    }
}
