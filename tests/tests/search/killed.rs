//! A search process that is killed in the middle of its work, at every step of it, is followed by one after which index and
//! database agree.

use chrono::TimeDelta;
use sqlx::{Connection, PgConnection};
use tandem_access::Role;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::{IngestDeletion, IngestEdit, IngestItem};
use tandem_proto::search::v1::SearchMessagesRequest;
use tandem_search::operate::{rebuild, verification, want_rebuild, want_verification};
use tandem_tests::{Barrier, Gate, Parts, Process, Suite, engine_url, eventually, item_at, text, whatsapp};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{searchable, searcher};

/// Seconds that the lease lasts: it is not renewed while a step is on.
const LEASE: i64 = 60;
/// Seconds after which nothing of a killed process can reach the engine any more.
const WRITE: i64 = 72;

/// Where the process is when it is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// It has a batch; nothing was sent to the engine.
    Reading,
    /// Documents are on their way, and arrive when another process has taken over.
    Sending,
    /// The engine has them; the cursor has not moved.
    Accepted,
    /// The cursor has moved.
    Settled,
    /// A page of a rebuild is on its way.
    Rebuilding,
    /// The fresh index is whole; it has not taken over.
    Swapping,
}

struct World {
    suite: Suite,
    channel: Uuid,
    url: String,
    gate: Gate,
    database: Mutex<PgConnection>,
}

impl World {
    async fn start() -> Self {
        let mut suite = Suite::start(Parts { customer_profile: true, ..Parts::CONVERSATION }).await;
        let channel = suite.create_channel().await;
        let url = suite.databases.create(&tandem_search::MIGRATOR).await;
        let gate = Gate::before(&engine_url()).await;
        let database = Mutex::new(PgConnection::connect(&url).await.unwrap());
        Self { suite, channel, url, gate, database }
    }

    async fn spawn(&self) -> Process {
        let mut environment = self.suite.search_environment(&self.gate.url, &self.url).await;
        let times = [("LEASE_S", LEASE.to_string()), ("WRITE_TIMEOUT_MS", format!("{WRITE}000"))];
        environment.extend(times.map(|(setting, value)| (format!("TANDEM_SEARCH__{setting}"), value)));
        let held = self.lease().await;
        let process = Process::spawn("tandem-search", &environment);
        let takes = async || (self.lease().await != held).then_some(());
        eventually("the process follows the feed", takes).await;
        process
    }

    async fn lease(&self) -> Option<Uuid> {
        sqlx::query_scalar("SELECT lease FROM feed_cursor WHERE feed = 'conversation'")
            .fetch_optional(&mut *self.database.lock().await)
            .await
            .unwrap()
            .flatten()
    }

    /// Ingests what happened; the change token.
    async fn happens(&self, names: &str, events: Vec<Event>) -> String {
        let items = events.into_iter().enumerate().map(|(number, event)| {
            let who = vec![whatsapp("US.1")];
            let item = item_at(format!("{names}{number}"), who, "", self.suite.ambient.now());
            IngestItem { event: Some(event), ..item }
        });
        self.suite.ingest(0, self.channel, items.collect()).await.change_token
    }

    async fn write(&self, name: &str, words: &str) -> String {
        let item = item_at(name, vec![whatsapp("US.1")], words, self.suite.ambient.now());
        self.suite.ingest(0, self.channel, vec![item]).await.change_token
    }

    /// How many messages have a word; once the process answers.
    async fn count(&self, word: &str, tokens: &[String]) -> usize {
        let ask = async || {
            let request = SearchMessagesRequest {
                query: format!("\"{word}\""),
                at_least_as_fresh: tokens.to_vec(),
                ..SearchMessagesRequest::default()
            };
            let answer = searcher(&self.suite, 0, ("lead", Role::Supervisor)).search_messages(request).await;
            Some(answer.ok()?.into_inner())
        };
        let found = eventually("the search answers", ask).await;
        found.conversations.iter().map(|group| group.hits.len()).sum()
    }

    /// Has the process begin what `happens` asks of it, and kills it at the step.
    async fn kill_at(&self, step: Step, process: &mut Process, events: Vec<Event>, sign: &str) {
        let of_index = "SELECT FROM search_index WHERE name = 'messages' FOR UPDATE";
        let of_feed = "SELECT FROM feed_cursor WHERE feed = 'conversation' FOR UPDATE";
        let names = format!("{step:?}");
        let mut barrier = None;
        match step {
            Step::Reading => {
                barrier = Some(Barrier::lock(&self.url, of_index).await);
                self.happens(&names, events).await;
                Barrier::holds(&self.url).await;
            }
            Step::Sending | Step::Rebuilding => {
                if step == Step::Rebuilding {
                    want_rebuild(&mut *self.database.lock().await, "messages").await.unwrap();
                }
                self.gate.close();
                self.happens(&names, events).await;
                self.gate.holds().await;
            }
            Step::Accepted => {
                barrier = Some(Barrier::lock(&self.url, of_feed).await);
                self.happens(&names, events).await;
                let there = async || (self.count(sign, &[]).await > 0).then_some(());
                eventually("the engine has the documents", there).await;
                Barrier::holds(&self.url).await;
            }
            Step::Settled => {
                let token = self.happens(&names, events).await;
                assert_eq!(self.count(sign, &[token]).await, 1);
            }
            Step::Swapping => {
                want_rebuild(&mut *self.database.lock().await, "messages").await.unwrap();
                self.gate.close();
                self.happens(&names, events).await;
                self.gate.holds().await;
                barrier = Some(Barrier::lock(&self.url, of_feed).await);
                self.gate.open();
                Barrier::holds(&self.url).await;
            }
        }
        process.kill();
        if let Some(barrier) = barrier {
            barrier.lift().await;
        }
    }

    /// The indexes have what the databases have, no less and no more.
    async fn agree(&self, step: Step) {
        for name in ["messages", "customers"] {
            assert!(want_verification(&mut *self.database.lock().await, name, false).await.unwrap());
            let ended = async || {
                let found = verification(&mut *self.database.lock().await, name).await.unwrap().unwrap();
                found.ended.then_some(found)
            };
            let found = eventually("the index is compared with the database", ended).await;
            assert_eq!((found.wrong(), found.unsettled), (0, 0), "{step:?}: {found:?}");
            assert!(found.documents > 0, "{step:?}");
        }
    }
}

/// Of letters alone, and like no other.
fn word(suite: &Suite) -> String {
    suite.ambient.id().simple().to_string().chars().map(super::fresh::letter).collect()
}

fn edit(target: &str, words: &str) -> Event {
    Event::Edit(IngestEdit { target_external_id: target.to_owned(), content: Some(text(words)) })
}

fn deletion(target: &str) -> Event {
    Event::Deletion(IngestDeletion { target_external_id: target.to_owned() })
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_process_was_killed_at_any_step_index_and_database_agree() {
    if !searchable("after_a_process_was_killed_at_any_step_index_and_database_agree") {
        return;
    }
    let world = World::start().await;
    let mut process = world.spawn().await;
    let mut generation = 1;
    let steps =
        [Step::Reading, Step::Sending, Step::Accepted, Step::Settled, Step::Rebuilding, Step::Swapping];
    for step in steps {
        let (edited, deleted) = (format!("{step:?}-edited"), format!("{step:?}-deleted"));
        let [before, between, after, gone] = std::array::from_fn(|_| word(&world.suite));
        world.write(&edited, &before).await;
        let token = world.write(&deleted, &gone).await;
        assert_eq!(world.count(&gone, &[token]).await, 1, "{step:?}");

        let events = vec![edit(&edited, &between), deletion(&deleted)];
        world.kill_at(step, &mut process, events, &between).await;
        // Nobody is there to tell the index of this; edits are in the order of their seconds.
        world.suite.ambient.clock().advance(TimeDelta::seconds(1));
        let tokens = [world.happens(&format!("{step:?}-after"), vec![edit(&edited, &after)]).await];
        // What was sent can still arrive in one case; in all others it cannot any more.
        let passed = if step == Step::Sending { LEASE + 1 } else { WRITE + 1 };
        world.suite.ambient.clock().advance(TimeDelta::seconds(passed));
        world.gate.let_newer_pass();
        process = world.spawn().await;
        // A process that does not wait for what was sent writes now, and the old state comes over it.
        let mut questions = if step == Step::Sending { 20 } else { 0 };
        while questions > 0 && world.count(&after, &[]).await == 0 {
            questions -= 1;
        }
        world.gate.open();

        let counts = [
            world.count(&after, &tokens).await,
            world.count(&between, &tokens).await,
            world.count(&before, &tokens).await,
            world.count(&gone, &tokens).await,
        ];
        assert_eq!(counts, [1, 0, 0, 0], "{step:?}");
        let ended = async || {
            let state = rebuild(&mut *world.database.lock().await, "messages").await.unwrap().unwrap();
            (!state.running && !state.wanted).then_some(state.generation)
        };
        let now = eventually("a rebuild that was begun ends", ended).await;
        generation += i64::from(matches!(step, Step::Rebuilding | Step::Swapping));
        assert_eq!(now, generation, "{step:?}");
        world.agree(step).await;
    }
    process.kill();
    world.suite.stop().await;
}
