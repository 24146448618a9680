//! Assignment.

use tandem_access::Role;

use super::Row;

pub const METHODS: &[Row] = &[
    (
        "assignment.AssignmentService/TakeOver",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationId":"$conversation","agentId":"$agent","force":true}"#,
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationId":"$conversation","teamId":"$team","force":true}"#,
    ),
    (
        "assignment.AssignmentService/HandOff",
        Role::Ai,
        r#"{"requestId":"$new","conversationId":"$conversation","expectedEpoch":1,"reason":1,"teamId":"$team"}"#,
    ),
    (
        "assignment.AssignmentService/Release",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    (
        "assignment.AssignmentService/Unassign",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    (
        "assignment.AssignmentService/BulkAssign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationIds":["$conversation"],"agentId":"$agent","force":true}"#,
    ),
    (
        "assignment.AssignmentService/BulkAssign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationIds":["$conversation"],"teamId":"$team","force":true}"#,
    ),
    ("assignment.AssignmentService/ListHolderHistory", Role::Admin, r#"{"conversationId":"$conversation"}"#),
    ("assignment.DirectoryService/GetAgent", Role::Admin, r#"{"agentId":"$agent"}"#),
    (
        "assignment.DirectoryService/UpdateAgent",
        Role::Admin,
        r#"{"requestId":"$new","agent":{"id":"$agent","etag":"1","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "assignment.DirectoryService/CreateTeam",
        Role::Admin,
        r#"{"requestId":"$new","team":{"displayName":"$new","agentIds":["$agent"],"leadAgentId":"$agent","fallbackTeamId":"$team"}}"#,
    ),
    (
        "assignment.DirectoryService/UpdateTeam",
        Role::Admin,
        r#"{"requestId":"$new","team":{"id":"$team","etag":"1","agentIds":["$agent"]},"updateMask":"agentIds"}"#,
    ),
    (
        "assignment.NotificationService/MarkNotificationsRead",
        Role::Agent,
        r#"{"notificationIds":["$notification"]}"#,
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationId":"$conversation","teamId":"$team","force":true,
           "addLabelIds":["$label"]}"#,
    ),
    (
        "assignment.AssignmentService/BulkAssign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationIds":["$conversation"],"teamId":"$team","force":true,
           "addLabelIds":["$label"]}"#,
    ),
    (
        "assignment.OverviewService/GetFigures",
        Role::Supervisor,
        r#"{"fromDate":"2026-01-01","untilDate":"2026-01-01","channelIds":["$channel"],"teamIds":["$team"],
           "agentIds":["$agent"]}"#,
    ),
    ("assignment.DirectoryService/ListAgents", Role::Admin, r#"{"teamId":"$team"}"#),
    ("assignment.DirectoryService/GetTeam", Role::Admin, r#"{"teamId":"$team"}"#),
    (
        "assignment.AssignmentService/TransferAll",
        Role::Supervisor,
        r#"{"requestId":"$new","fromAgentId":"$agent","teamId":"$team"}"#,
    ),
    (
        "assignment.AssignmentService/TransferAll",
        Role::Supervisor,
        r#"{"requestId":"$new","fromAgentId":"$absent","agentId":"$agent"}"#,
    ),
    ("assignment.PresenceService/ListPresences", Role::Agent, r#"{"teamId":"$team"}"#),
    ("assignment.PresenceService/ListPresences", Role::Agent, r#"{"agentIds":["$agent"]}"#),
    ("assignment.OperationService/GetOperation", Role::Admin, r#"{"operationId":"$operation"}"#),
    ("assignment.OperationService/ListOperations", Role::Admin, r#"{"agentId":"$absent"}"#),
    ("assignment.AssignmentService/ClaimNext", Role::Agent, r#"{"requestId":"$new","teamId":"$team"}"#),
    (
        "assignment.RoutingService/CreateRoutingRule",
        Role::Admin,
        r#"{"requestId":"$new","rule":{"displayName":"$new","strategy":1,"teamIds":["$team"],"fallbackTeamId":"$team"}}"#,
    ),
    (
        "assignment.RoutingService/UpdateRoutingRule",
        Role::Admin,
        r#"{"requestId":"$new","rule":{"id":"$rule","etag":"1","fallbackTeamId":"$team"},"updateMask":"fallbackTeamId"}"#,
    ),
    ("assignment.RoutingService/DeleteRoutingRule", Role::Admin, r#"{"ruleId":"$rule"}"#),
    (
        "assignment.RoutingService/ListCandidates",
        Role::Agent,
        r#"{"conversationId":"$conversation","teamId":"$team"}"#,
    ),
    ("assignment.RoutingService/ExplainRouting", Role::Supervisor, r#"{"conversationId":"$conversation"}"#),
    // Last: the agents of the rows above work.
    (
        "assignment.DirectoryService/ReactivateAgent",
        Role::Admin,
        r#"{"requestId":"$new","agentId":"$absent"}"#,
    ),
    (
        "assignment.DirectoryService/DeactivateAgent",
        Role::Admin,
        r#"{"requestId":"$new","agentId":"$absent"}"#,
    ),
];
