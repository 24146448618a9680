use serde_json::json;

use super::*;

/// `c`, `b` and `a` are the authors; a `!` after one hands off there.
fn conversation(id: &str, authors: &str) -> SourceConversation {
    let mut messages = Vec::new();
    let mut hand_off = None;
    for author in authors.chars() {
        if author == '!' {
            hand_off = Some(messages.len());
            continue;
        }
        let from = match author {
            'c' => "customer",
            'b' => "bot",
            _ => "agent",
        };
        let id = format!("{id}:{:03}", messages.len() + 1);
        messages.push(json!({ "id": id, "from": from, "text": "t" }));
    }
    let hand_off = hand_off.map(|at| format!("{id}:{at:03}"));
    let line = json!({ "conversation_id": id, "channel": "whatsapp", "messages": messages, "handoff_after": hand_off });
    serde_json::from_value(line).unwrap()
}

fn steps(authors: &str) -> String {
    let script = Script::of(conversation("x", authors)).unwrap();
    let mut text: Vec<String> = script
        .steps
        .iter()
        .map(|step| match step {
            Step::Ingest(run) => format!("in{}", run.len()),
            Step::Start(run) => format!("start{}", run.len()),
            Step::Answer(run) => format!("ai{}", run.len()),
            Step::Reply(run) => format!("agent{}", run.len()),
            Step::HandOff(run) => format!("handoff{}", run.len()),
            Step::TakeOver => "take".to_owned(),
            Step::Release => "release".to_owned(),
        })
        .collect();
    text.push(format!("{:?}", script.closer));
    text.join(" ")
}

#[test]
fn runs_are_one_turn_and_changes_of_author_change_the_holder() {
    assert_eq!(steps("cbcb"), "in1 ai1 in1 ai1 Ai");
    assert_eq!(steps("ccbbbc"), "in2 ai3 in1 Ai");
    assert_eq!(steps("cbcaca"), "in1 ai1 in1 take agent1 in1 agent1 Agent");
    assert_eq!(steps("cbacb"), "in1 ai1 take agent1 in1 release ai1 Ai");
    assert_eq!(steps("c"), "in1 Ai");
    assert_eq!(steps("aaca"), "start2 in1 agent1 Agent");
    assert_eq!(steps(&format!("c{}", "b".repeat(23))), "in1 ai10 ai10 ai3 Ai");
    assert_eq!(steps(&"a".repeat(12)), "start10 agent2 Agent");
}

#[test]
fn a_hand_off_carries_the_bots_last_words() {
    assert_eq!(steps("cb!ca"), "in1 handoff1 in1 take agent1 Agent");
    assert_eq!(steps("cbb!a"), "in1 handoff2 take agent1 Agent");
    assert_eq!(steps("cbbb!"), "in1 handoff3 take Agent");
    assert_eq!(steps("cbc!"), "in1 ai1 in1 handoff0 take Agent");
    assert_eq!(steps("c!bc"), "in1 handoff1 in1 take Agent");
    assert_eq!(steps("cc!ca"), "in2 handoff0 in1 take agent1 Agent");
    assert_eq!(steps("cb!b"), "in1 handoff1 take release ai1 Ai");
    assert_eq!(steps(&format!("c!{}", "b".repeat(12))), "in1 ai10 handoff2 take Agent");
    assert_eq!(steps("caa!"), "in1 take agent2 Agent", "an agent has nothing to hand off");
    assert_eq!(steps("cac!a"), "in1 take agent1 in1 agent1 Agent");
}

#[test]
fn every_message_is_in_exactly_one_step() {
    for authors in ["cbcaca", "cb!ca", "c!bc", "ccbbbc!bba", "aacbca"] {
        let script = Script::of(conversation("x", authors)).unwrap();
        let places: Vec<usize> = script
            .steps
            .iter()
            .flat_map(|step| match step {
                Step::Ingest(run)
                | Step::Start(run)
                | Step::Answer(run)
                | Step::Reply(run)
                | Step::HandOff(run) => run.clone(),
                Step::TakeOver | Step::Release => 0..0,
            })
            .collect();
        assert_eq!(places, (0..script.source.messages.len()).collect::<Vec<_>>(), "{authors}");
    }
}

#[test]
fn a_customers_conversations_follow_one_another_by_their_start() {
    let known = |id: &str, customer: &str, start: i64| {
        let mut conversation = conversation(id, "cb");
        conversation.customer.external_id = Some(customer.to_owned());
        conversation.started_at = Some(start);
        conversation
    };
    let plan = Plan::of([
        conversation("alone", "c"),
        known("late", "ada", 9),
        known("early", "ada", 1),
        known("same", "ada", 9),
        known("other", "bob", 2),
    ]);
    let order: Vec<Vec<&str>> = plan
        .queues
        .iter()
        .map(|queue| queue.scripts.iter().map(|script| &script.source.conversation_id[..]).collect())
        .collect();
    assert_eq!(order, [vec!["early", "late", "same"], vec!["other"], vec!["alone"]]);
    assert_eq!((plan.conversations(), plan.messages()), (5, 9));
    assert!(plan.agents.is_empty());
}

#[test]
fn what_can_not_be_played_is_told() {
    let plan = Plan::of([
        conversation("bot", "bc"),
        conversation("none", ""),
        conversation("twice", "c"),
        conversation("twice", "c"),
        conversation("agent", "ca"),
    ]);
    let refused: Vec<_> = plan.refused.iter().map(|one| (&one.conversation_id[..], one.reason)).collect();
    assert_eq!(
        refused,
        [
            ("bot", "the AI can't write first"),
            ("none", "it has no messages"),
            ("twice", "its id stands twice in the files")
        ]
    );
    assert_eq!(plan.agents, [None].into());
}
