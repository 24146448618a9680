use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::source::{Author, SourceConversation};

/// How many messages one reply may have: the API's limit.
const MAX_REPLY: usize = 10;

/// What a replay will do, before it does anything: follows from the files alone.
#[derive(Debug)]
pub struct Plan {
    /// One a customer; they are played at once, the longest first, so that none is left over at the end.
    pub queues: Vec<Queue>,
    /// What can't be played, and why.
    pub refused: Vec<Unplayable>,
    /// The agents that the played conversations need; `None` is the one who stands in where a file names none.
    pub agents: BTreeSet<Option<String>>,
}

/// A customer's conversations, in the order that they are played in.
#[derive(Debug)]
pub struct Queue {
    pub scripts: Vec<Script>,
}

/// A conversation and the calls that play it.
#[derive(Debug)]
pub struct Script {
    pub source: SourceConversation,
    pub steps: Vec<Step>,
    /// Who holds it at the end, and closes it.
    pub closer: Closer,
}

/// One call. Ranges are of the source's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The customer wrote these.
    Ingest(Range<usize>),
    /// The business writes first.
    Start(Range<usize>),
    /// The AI answers.
    Answer(Range<usize>),
    /// The agent answers.
    Reply(Range<usize>),
    /// The AI gives it to people, with these last messages.
    HandOff(Range<usize>),
    /// The agent takes it.
    TakeOver,
    /// The agent gives it back to the AI.
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    Ai,
    Agent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplayable {
    pub conversation_id: String,
    pub messages: usize,
    pub reason: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Ai,
    Agent,
    Queue,
}

impl Plan {
    /// Orders conversations by customer, a customer's by start and then as the files have them.
    pub fn of(conversations: impl IntoIterator<Item = SourceConversation>) -> Self {
        let mut seen = HashSet::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut plan = Self { queues: Vec::new(), refused: Vec::new(), agents: BTreeSet::new() };
        for source in conversations {
            let script = if seen.insert(source.conversation_id.clone()) {
                Script::of(source)
            } else {
                Err(unplayable(&source, "its id stands twice in the files"))
            };
            match script {
                Err(unplayable) => plan.refused.push(unplayable),
                Ok(script) => {
                    if script.needs_agent() {
                        plan.agents.insert(script.source.agent_id.clone());
                    }
                    let key = script.source.customer_key().to_owned();
                    let place = *places.entry(key).or_insert_with(|| {
                        plan.queues.push(Queue { scripts: Vec::new() });
                        plan.queues.len() - 1
                    });
                    plan.queues[place].scripts.push(script);
                }
            }
        }
        for queue in &mut plan.queues {
            // Stable: what has no time keeps the files' order.
            queue.scripts.sort_by_key(|script| script.source.started_at);
        }
        plan.queues.sort_by_key(|queue| std::cmp::Reverse(queue.messages()));
        plan
    }

    pub fn conversations(&self) -> usize {
        self.refused.len() + self.queues.iter().map(|queue| queue.scripts.len()).sum::<usize>()
    }

    pub fn messages(&self) -> usize {
        self.refused.iter().map(|refused| refused.messages).sum::<usize>()
            + self.queues.iter().map(Queue::messages).sum::<usize>()
    }

    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.queues.iter().flat_map(|queue| &queue.scripts)
    }
}

impl Queue {
    fn messages(&self) -> usize {
        self.scripts.iter().map(|script| script.source.messages.len()).sum()
    }
}

impl Script {
    /// Turns a conversation into calls.
    ///
    /// # Errors
    /// A conversation that the API has no calls for.
    pub fn of(source: SourceConversation) -> Result<Self, Unplayable> {
        match source.messages.first().map(|message| message.from) {
            None => return Err(unplayable(&source, "it has no messages")),
            Some(Author::Bot) => return Err(unplayable(&source, "the AI can't write first")),
            Some(Author::Customer | Author::Agent) => {}
        }
        let hand_off = source.handoff_after.as_ref();
        let hand_off = hand_off.and_then(|id| source.messages.iter().position(|message| message.id == *id));
        let mut steps = Steps { list: Vec::new(), holder: Holder::Ai };
        let mut at = 0;
        while at < source.messages.len() {
            let run = run_at(&source, at);
            at = steps.push(source.messages[run.start].from, run, hand_off, &source);
        }
        let closer = steps.end();
        Ok(Self { source, steps: steps.list, closer })
    }

    fn needs_agent(&self) -> bool {
        self.closer == Closer::Agent
            || self.steps.iter().any(|step| matches!(step, Step::Start(_) | Step::TakeOver | Step::Release))
    }
}

struct Steps {
    list: Vec<Step>,
    holder: Holder,
}

impl Steps {
    /// Adds one author's run of messages, and whatever change of holder it needs; answers where to go on.
    fn push(
        &mut self,
        author: Author,
        run: Range<usize>,
        hand_off: Option<usize>,
        source: &SourceConversation,
    ) -> usize {
        let hands_off = hand_off.filter(|at| run.contains(at));
        match author {
            Author::Customer => {
                let Some(last) = hands_off.filter(|_| self.holder == Holder::Ai) else {
                    self.list.push(Step::Ingest(run.clone()));
                    return run.end;
                };
                self.list.push(Step::Ingest(run.start..last + 1));
                let next = last + 1;
                // What the bot says right after is its last word, and goes out with the change.
                let last_words = if source.messages.get(next).is_some_and(|next| next.from == Author::Bot) {
                    run_at(source, next)
                } else {
                    next..next
                };
                self.hand_off(last_words)
            }
            Author::Bot => {
                self.give_to_ai();
                if let Some(last) = hands_off {
                    return self.hand_off(run.start..last + 1);
                }
                self.list.extend(pieces(&run).map(Step::Answer));
                run.end
            }
            Author::Agent => {
                let mut pieces = pieces(&run);
                if self.list.is_empty() {
                    self.list.extend(pieces.next().map(Step::Start));
                    self.holder = Holder::Agent;
                }
                self.give_to_agent();
                self.list.extend(pieces.map(Step::Reply));
                run.end
            }
        }
    }

    /// The AI's last words go out with the hand-off; what is more than one reply carries goes before it.
    fn hand_off(&mut self, last_words: Range<usize>) -> usize {
        let mut pieces: Vec<_> = pieces(&last_words).collect();
        let last = pieces.pop().unwrap_or(last_words.clone());
        self.list.extend(pieces.into_iter().map(Step::Answer));
        self.list.push(Step::HandOff(last));
        self.holder = Holder::Queue;
        last_words.end
    }

    fn give_to_agent(&mut self) {
        if self.holder != Holder::Agent {
            self.list.push(Step::TakeOver);
            self.holder = Holder::Agent;
        }
    }

    fn give_to_ai(&mut self) {
        if self.holder != Holder::Ai {
            // Out of a queue it goes through an agent's hands: only who holds a conversation gives it back.
            self.give_to_agent();
            self.list.push(Step::Release);
            self.holder = Holder::Ai;
        }
    }

    fn end(&mut self) -> Closer {
        if self.holder == Holder::Ai {
            return Closer::Ai;
        }
        self.give_to_agent();
        Closer::Agent
    }
}

/// The messages from `start` on that one author wrote in a row.
fn run_at(source: &SourceConversation, start: usize) -> Range<usize> {
    let author = source.messages[start].from;
    let length = source.messages[start..].iter().take_while(|message| message.from == author).count();
    start..start + length
}

fn pieces(run: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = run.end;
    run.clone().step_by(MAX_REPLY).map(move |start| start..end.min(start + MAX_REPLY))
}

fn unplayable(source: &SourceConversation, reason: &'static str) -> Unplayable {
    Unplayable { conversation_id: source.conversation_id.clone(), messages: source.messages.len(), reason }
}

#[cfg(test)]
mod tests;
