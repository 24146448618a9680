//! Assignment.

use tandem_access::Role;

use super::Row;

pub const WRONG: &[Row] = &[
    (
        "assignment.AssignmentService/TakeOver",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"note":"\u0000"}"#,
        "request_id conversation_id expected_epoch note",
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"note":"\u0000","priority":9,
           "addLabelIds":["x"]}"#,
        "request_id conversation_id expected_epoch note priority assignee add_label_ids[0]",
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"agentId":"x"}"#,
        "request_id conversation_id agent_id",
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"teamId":"x"}"#,
        "request_id conversation_id team_id",
    ),
    (
        "assignment.AssignmentService/HandOff",
        Role::Ai,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"reason":6,"summary":"\u0000",
           "teamId":"x","lastContents":[{},{},{},{},{},{},{},{},{},{},{}],"answersPosition":-1,
           "skill":"\u0000","language":"?"}"#,
        "request_id conversation_id expected_epoch reason summary team_id last_contents \
         answers_position skill language",
    ),
    (
        "assignment.AssignmentService/HandOff",
        Role::Ai,
        r#"{}"#,
        "request_id conversation_id expected_epoch reason",
    ),
    (
        "assignment.AssignmentService/Release",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1}"#,
        "request_id conversation_id expected_epoch",
    ),
    (
        "assignment.AssignmentService/Unassign",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"note":"\u0000"}"#,
        "request_id conversation_id expected_epoch note",
    ),
    (
        "assignment.AssignmentService/BulkAssign",
        Role::Supervisor,
        r#"{"requestId":"x","conversationIds":["x"],"note":"\u0000","priority":9,"agentId":"x",
           "addLabelIds":["x"]}"#,
        "request_id conversation_ids[0] note priority agent_id add_label_ids[0]",
    ),
    (
        "assignment.AssignmentService/BulkAssign",
        Role::Supervisor,
        r#"{"teamId":"x"}"#,
        "request_id conversation_ids team_id",
    ),
    (
        "assignment.AssignmentService/ListHolderHistory",
        Role::Admin,
        r#"{"conversationId":"x"}"#,
        "conversation_id",
    ),
    (
        "assignment.DirectoryService/CreateAgent",
        Role::Admin,
        r#"{"requestId":"x","agent":{"email":"x","capacity":-1,"languages":["!"],"skills":[{"level":9}],
           "timeZone":"no where"}}"#,
        "request_id agent.subject agent.display_name agent.email agent.capacity agent.languages[0] \
         agent.skills[0].name agent.skills[0].level agent.time_zone",
    ),
    (
        "assignment.DirectoryService/UpdateAgent",
        Role::Admin,
        r#"{"requestId":"x","agent":{"id":"x","etag":"x"},"updateMask":"displayName,bogus"}"#,
        "request_id agent.id agent.etag agent.display_name update_mask.paths[1]",
    ),
    ("assignment.DirectoryService/GetAgent", Role::Admin, r#"{"agentId":"x"}"#, "agent_id"),
    ("assignment.DirectoryService/ListAgents", Role::Admin, r#"{"pageSize":-1}"#, "page_size"),
    (
        "assignment.DirectoryService/CreateTeam",
        Role::Admin,
        r#"{"requestId":"x","team":{"agentIds":["x"],"leadAgentId":"x","channelIds":["x"],
           "fallbackTeamId":"x"}}"#,
        "request_id team.display_name team.agent_ids[0] team.lead_agent_id team.channel_ids[0] \
         team.fallback_team_id",
    ),
    (
        "assignment.DirectoryService/UpdateTeam",
        Role::Admin,
        r#"{"requestId":"x","team":{"id":"x","etag":"x"},"updateMask":"displayName,bogus"}"#,
        "request_id team.id team.etag team.display_name update_mask.paths[1]",
    ),
    ("assignment.DirectoryService/ListTeams", Role::Admin, r#"{"pageSize":201}"#, "page_size"),
    ("assignment.NotificationService/ListNotifications", Role::Agent, r#"{"pageSize":201}"#, "page_size"),
    ("assignment.NotificationService/MarkNotificationsRead", Role::Agent, r#"{}"#, "notification_ids"),
    (
        "assignment.NotificationService/MarkNotificationsRead",
        Role::Agent,
        r#"{"notificationIds":["x"]}"#,
        "notification_ids[0]",
    ),
    ("assignment.NotificationService/UpdateNotificationPreferences", Role::Agent, r#"{}"#, "preferences"),
    (
        "assignment.NotificationService/UpdateNotificationPreferences",
        Role::Agent,
        r#"{"preferences":{"mutedKinds":[0,1,99]}}"#,
        "preferences.muted_kinds[0] preferences.muted_kinds[2]",
    ),
    ("assignment.OverviewService/GetLoad", Role::Supervisor, r#"{"pageSize":201}"#, "page_size"),
    (
        "assignment.OverviewService/GetFigures",
        Role::Supervisor,
        r#"{"fromDate":"x","channelIds":["x"],"teamIds":["x"],"agentIds":["x"],"groupBy":9,"pageSize":-1}"#,
        "from_date until_date channel_ids[0] team_ids[0] agent_ids[0] group_by page_size",
    ),
    (
        "assignment.OverviewService/GetFigures",
        Role::Admin,
        r#"{"fromDate":"2026-01-02","untilDate":"2026-01-01"}"#,
        "until_date",
    ),
    (
        "assignment.DirectoryService/ListAgents",
        Role::Admin,
        r#"{"pageSize":201,"query":"\u0000","teamId":"x","state":9,"presences":[9],"skill":"\u0000","language":"?"}"#,
        "page_size query team_id state presences[0] skill language",
    ),
    (
        "assignment.DirectoryService/ListTeams",
        Role::Admin,
        r#"{"pageSize":-1,"query":"\u0000"}"#,
        "page_size query",
    ),
    ("assignment.DirectoryService/GetTeam", Role::Admin, r#"{"teamId":"x"}"#, "team_id"),
    (
        "assignment.DirectoryService/UpdateTeam",
        Role::Admin,
        r#"{"requestId":"x","team":{"id":"x","etag":"x","returnRule":{"awayAfterS":-1,"offlineAfterS":86401},
           "workingHours":[{"weekday":8,"opensMinute":1440,"closesMinute":0}],"timeZone":"Mars/Base"},
           "updateMask":"returnRule,workingHours,timeZone"}"#,
        "request_id team.id team.etag team.return_rule.away_after_s team.return_rule.offline_after_s \
         team.working_hours[0].weekday team.working_hours[0].opens_minute team.working_hours[0].closes_minute \
         team.time_zone",
    ),
    (
        "assignment.DirectoryService/DeactivateAgent",
        Role::Admin,
        r#"{"requestId":"x","agentId":"x"}"#,
        "request_id agent_id",
    ),
    (
        "assignment.DirectoryService/ReactivateAgent",
        Role::Admin,
        r#"{"requestId":"x","agentId":"x"}"#,
        "request_id agent_id",
    ),
    (
        "assignment.AssignmentService/TransferAll",
        Role::Supervisor,
        r#"{"requestId":"x","fromAgentId":"x","note":"\u0000"}"#,
        "request_id from_agent_id to note",
    ),
    (
        "assignment.AssignmentService/TransferAll",
        Role::Supervisor,
        r#"{"agentId":"x"}"#,
        "request_id from_agent_id agent_id",
    ),
    (
        "assignment.AssignmentService/TransferAll",
        Role::Supervisor,
        r#"{"teamId":"x"}"#,
        "request_id from_agent_id team_id",
    ),
    ("assignment.PresenceService/SetPresence", Role::Agent, r#"{"status":9,"ttlS":301}"#, "status ttl_s"),
    ("assignment.PresenceService/ListPresences", Role::Agent, r#"{}"#, "agent_ids"),
    (
        "assignment.PresenceService/ListPresences",
        Role::Agent,
        r#"{"teamId":"x","agentIds":["x"]}"#,
        "team_id agent_ids[0] agent_ids",
    ),
    ("assignment.OperationService/GetOperation", Role::Admin, r#"{"operationId":"x"}"#, "operation_id"),
    (
        "assignment.OperationService/ListOperations",
        Role::Admin,
        r#"{"agentId":"x","pageSize":201}"#,
        "agent_id page_size",
    ),
    (
        "assignment.AssignmentService/ClaimNext",
        Role::Agent,
        r#"{"requestId":"x","teamId":"x"}"#,
        "request_id team_id",
    ),
    (
        "assignment.RoutingService/CreateRoutingRule",
        Role::Admin,
        r#"{"requestId":"x","rule":{"place":-1,"channelIds":["x"],"teamIds":["x"],"priorities":[9],"languages":["!"],
           "customerTagIds":["x"],"handOffReasons":[0],"requiredSkills":[{}],"preferredSkills":[""],
           "fallbackAfter":"1.5s","fallbackTeamId":"x"}}"#,
        "request_id rule.strategy rule.display_name rule.place rule.channel_ids[0] rule.team_ids[0] rule.priorities[0] \
         rule.languages[0] rule.customer_tag_ids[0] rule.hand_off_reasons[0] rule.required_skills[0].name \
         rule.required_skills[0].level rule.preferred_skills[0] rule.fallback_after rule.fallback_team_id",
    ),
    (
        "assignment.RoutingService/UpdateRoutingRule",
        Role::Admin,
        r#"{"requestId":"x","rule":{"id":"x","etag":"x","place":1001},"updateMask":"place,createTime"}"#,
        "request_id rule.id rule.etag update_mask.paths[1] rule.place",
    ),
    ("assignment.RoutingService/DeleteRoutingRule", Role::Admin, r#"{"ruleId":"x"}"#, "rule_id"),
    (
        "assignment.RoutingService/ListCandidates",
        Role::Agent,
        r#"{"conversationId":"x","teamId":"x"}"#,
        "conversation_id team_id",
    ),
    (
        "assignment.RoutingService/ExplainRouting",
        Role::Supervisor,
        r#"{"conversationId":"x","rule":{"id":"x","strategy":9}}"#,
        "conversation_id rule.strategy rule.id",
    ),
];
