use uuid::Uuid;

/// The namespace of every id that the replay makes. Never change it: a replay that was begun before goes on after.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f2a_9d31_5c0b_5e87_9d1c_4b7a_3e60_f2d5);

/// The request id of one call: follows from the file, so that a replay that is run again repeats its calls and gets
/// their first answers.
pub fn of_step(conversation_id: &str, step: usize, verb: &str) -> Uuid {
    of(&["step", conversation_id, &step.to_string(), verb])
}

/// The request id of whatever the parts name. The parts are told apart by their lengths.
pub fn of(parts: &[&str]) -> Uuid {
    let name: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        assert_eq!(of_step("star-00004", 1, "answer").to_string(), "8f8efa0b-57fb-54c5-9af6-ca458d9cdc29");
        assert_eq!(of(&["channel", "whatsapp"]).to_string(), "bc4fbb63-7034-57a0-91af-a322305d25ac");
    }

    #[test]
    fn every_part_counts() {
        let ids = [
            of_step("a", 1, "answer"),
            of_step("a", 2, "answer"),
            of_step("b", 1, "answer"),
            of_step("a", 1, "reply"),
            of(&["a", "bc"]),
            of(&["ab", "c"]),
            of(&["abc"]),
        ];
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
