//! An assignment process that is killed in the middle of a change of holder, at every step of it, leaves the old holder or the
//! new one, with reservation, timeline and notification to match, and the same request can be made again.

use chrono::TimeDelta;
use sqlx::{Connection, PgConnection};
use tandem_access::Role;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::{
    Agent, AssignRequest, AssignResponse, ListAgentsRequest, ListNotificationsRequest, Notification,
};
use tandem_proto::r#type::v1::HolderKind;
use tandem_tests::{Barrier, Kind, Parts, Process, Suite, eventually, whatsapp};
use tonic::Status;
use uuid::Uuid;

/// Where the process is when it is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// It takes the agent's capacity; nothing is committed.
    Reserving,
    /// The reservation is committed; conversation has not made the change.
    Asking,
    /// Conversation has made the change; its answer is not recorded.
    Landing,
    /// The caller has the answer; the feed has not told of the change.
    Answered,
}

struct World {
    suite: Suite,
    url: String,
    agent: Uuid,
    process: Process,
}

async fn spawn(suite: &Suite, url: &str) -> Process {
    let address = suite.address(Kind::Assignment, 0);
    let process = Process::spawn("tandem-assignment", &suite.environment(address, url));
    eventually("the process answers", async || {
        let admin = suite.channel(Kind::Assignment, 0, &suite.spec("admin", Role::Admin));
        DirectoryServiceClient::new(admin).list_agents(ListAgentsRequest::default()).await.ok()
    })
    .await;
    process
}

impl World {
    async fn start() -> Self {
        let mut suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
        let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
        let process = spawn(&suite, &url).await;
        let crew = vec![Agent { capacity: 100, ..Agent::default() }];
        let (agents, _, token) = suite.create_crew(crew).await;
        suite.conversation_knows(&token).await;
        Self { agent: agents[0], suite, url, process }
    }

    /// One number or word out of the service's database.
    async fn look(&self, statement: &str) -> Option<String> {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::query_scalar(statement).fetch_optional(&mut connection).await.unwrap()
    }

    fn assign(&self, id: &str, request_id: &str) -> tokio::task::JoinHandle<Result<AssignResponse, Status>> {
        let request = AssignRequest {
            request_id: request_id.to_owned(),
            conversation_id: id.to_owned(),
            assignee: Some(Assignee::AgentId(self.agent.to_string())),
            note: "for you".to_owned(),
            ..AssignRequest::default()
        };
        let mut lead = self.suite.assignments("lead", Role::Supervisor);
        tokio::spawn(async move { lead.assign(request).await.map(tonic::Response::into_inner) })
    }

    /// Kills the process in the middle of an assignment.
    async fn kill_at(&mut self, step: Step, id: &str, request_id: &str) {
        let (agent, ours, theirs) = (self.agent, self.url.clone(), self.suite.conversation_url.clone());
        let of_agent = format!("SELECT FROM agent WHERE id = '{agent}' FOR UPDATE");
        let of_conversation = format!("SELECT FROM conversation WHERE id = '{id}' FOR UPDATE");
        let of_reservation = format!("SELECT FROM reservation WHERE request_id = '{request_id}' FOR UPDATE");
        let of_feed = "SELECT FROM feed_cursor WHERE feed = 'conversation.1' FOR UPDATE";
        match step {
            Step::Reserving => {
                let barrier = Barrier::lock(&ours, &of_agent).await;
                let call = self.assign(id, request_id);
                Barrier::holds(&ours).await;
                self.process.kill();
                assert!(call.await.unwrap().is_err());
                barrier.lift().await;
            }
            Step::Asking => {
                let barrier = Barrier::lock(&theirs, &of_conversation).await;
                let call = self.assign(id, request_id);
                Barrier::holds(&theirs).await;
                self.process.kill();
                assert!(call.await.unwrap().is_err());
                barrier.lift().await;
            }
            Step::Landing => {
                let first = Barrier::lock(&theirs, &of_conversation).await;
                let call = self.assign(id, request_id);
                Barrier::holds(&theirs).await;
                let barrier = Barrier::lock(&ours, &of_reservation).await;
                first.lift().await;
                Barrier::holds(&ours).await;
                self.process.kill();
                assert!(call.await.unwrap().is_err());
                barrier.lift().await;
            }
            Step::Answered => {
                let barrier = Barrier::lock(&ours, of_feed).await;
                self.assign(id, request_id).await.unwrap().unwrap();
                self.process.kill();
                barrier.lift().await;
            }
        }
    }

    async fn told_of(&self, id: &str) -> Vec<Notification> {
        let request = ListNotificationsRequest { page_size: 200, ..ListNotificationsRequest::default() };
        let listed = self.suite.notifications(0).list_notifications(request).await.unwrap().into_inner();
        let about = listed.notifications.into_iter();
        about.filter(|notification| notification.conversation_id == id).collect()
    }

    async fn held(&self) -> i32 {
        self.suite.agent(self.agent).await.held
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_step_leaves_one_holder_and_records_that_match() {
    let mut world = World::start().await;
    let channel = world.suite.create_channel().await;
    let mut holds = 0;
    let steps = [Step::Reserving, Step::Asking, Step::Landing, Step::Answered];
    for (number, step) in steps.into_iter().cycle().take(8).enumerate() {
        let who = [whatsapp(&format!("US.{number}"))];
        let id = world.suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id;
        let request_id = world.suite.request_id();
        world.kill_at(step, &id, &request_id).await;
        world.process = spawn(&world.suite, &world.url).await;
        // What nobody carries on any more is resolved after half a minute.
        world.suite.ambient.clock().advance(TimeDelta::seconds(40));
        let reservation = format!("SELECT state::text FROM reservation WHERE request_id = '{request_id}'");
        let settled = eventually("the reservation is decided", async || {
            match world.look(&reservation).await.as_deref() {
                Some("1" | "2") => None,
                other => Some(other.map(str::to_owned)),
            }
        })
        .await;
        let changes = world.suite.holder_changes(&id).await;
        let holder = world.suite.get(&id).await.holder.unwrap();
        let new = holder.kind() == HolderKind::Agent;
        match step {
            Step::Reserving => assert_eq!((new, settled.as_deref()), (false, None), "{step:?}"),
            // Conversation's transaction may end before it notices that nobody waits for its answer.
            Step::Asking => assert_eq!(settled.as_deref(), Some(if new { "3" } else { "4" }), "{step:?}"),
            Step::Landing | Step::Answered => {
                assert_eq!((new, settled.as_deref()), (true, Some("3")), "{step:?}");
            }
        }
        holds += i32::from(new);
        assert_eq!(changes.len(), if new { 2 } else { 1 }, "{step:?}");
        let same = async || {
            let told = world.told_of(&id).await;
            let matches = told.len() == usize::from(new) && told.iter().all(|told| told.note == "for you");
            (matches && world.held().await == holds).then_some(())
        };
        eventually("the agent is told of what there is, and shown to hold it", same).await;
        // The same request again ends with the new holder, by one change.
        let again = world.assign(&id, &request_id).await.unwrap().unwrap();
        assert_eq!(again.conversation.unwrap().holder.unwrap().id, world.agent.to_string());
        holds += i32::from(!new);
        assert_eq!(world.suite.holder_changes(&id).await.len(), 2, "{step:?}");
        let told = async || (world.told_of(&id).await.len() == 1).then_some(());
        eventually("the agent is told once", told).await;
    }
}
