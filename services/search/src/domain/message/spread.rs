//! Conversations whose messages together have the words of a query, though no single one has all of them.
//!
//! Each word is sought alone, all at once. A word that stands in few conversations names them; the others are then looked for
//! inside these. A conversation counts for the words that it has, a rare word for more than a common one.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use futures::future::try_join_all;
use tandem_fault::Result;
use uuid::Uuid;

use super::cursor::Spot;
use super::document::FoundMessage;
use super::walk::Ground;
use crate::domain::scope::any;
use crate::engine::Hit;
use crate::engine::settings::MOST_VALUES;
use crate::text::query::Stage;

/// Conversations that are weighed at most: what a filter may name without slowing the engine.
pub const MOST_WEIGHED: usize = 300;
/// Messages of a page that are fetched for each word.
const MOST_MESSAGES: usize = 200;

/// The words of a query and what they weigh.
#[derive(Debug)]
pub struct Spread<'a> {
    words: &'a [Stage],
    weights: Vec<f64>,
    /// The conversations, best first.
    pub ranking: Vec<Uuid>,
}

/// Where one word stands.
struct Word {
    weight: f64,
    inside: HashSet<Uuid>,
    /// These are all.
    complete: bool,
}

impl<'a> Spread<'a> {
    /// Ranks the conversations in which the words stand. `common` is the ground that words are weighed on, where that is another
    /// one: what a word weighs must not depend on the plan.
    pub async fn rank(ground: &Ground<'_>, common: Option<&Ground<'_>>, words: &'a [Stage]) -> Result<Self> {
        let mut known = ask(ground, words.iter()).await?;
        if let Some(common) = common {
            let asked = words.iter().map(|word| common.fetch(word, Spot::Behind(0), 0, &[]));
            for (word, found) in known.iter_mut().zip(try_join_all(asked).await?) {
                word.weight = weight(found.total);
            }
        }
        // Those that name their conversations tell which to look inside; when none does, a part of them must do.
        let telling = known.iter().any(|word| word.complete && !word.inside.is_empty());
        let ranking = best(known.iter().filter(|word| word.complete || !telling));
        let open: Vec<usize> = (0..known.len()).filter(|at| !known[*at].complete).collect();
        if !open.is_empty() && !ranking.is_empty() {
            let filter = format!("{} AND {}", ground.filter, any("conversation_id", &ranking));
            let inside = Ground { filter, ..*ground };
            let found = ask(&inside, open.iter().map(|at| &words[*at])).await?;
            for (at, found) in open.into_iter().zip(found) {
                known[at].inside = found.inside;
            }
        }
        let weights = known.iter().map(|word| word.weight).collect();
        let ranking: HashSet<Uuid> = ranking.into_iter().collect();
        let mut best = best(known.iter());
        best.retain(|id| ranking.contains(id));
        Ok(Self { words, weights, ranking: best })
    }

    /// The messages of some conversations that have any of the words: in the order of the conversations, and in each the one
    /// with the most weight first.
    pub async fn messages(
        &self,
        ground: &Ground<'_>,
        conversations: &[Uuid],
    ) -> Result<Vec<Hit<FoundMessage>>> {
        let filter = format!("{} AND {}", ground.filter, any("conversation_id", conversations));
        let inside = Ground { filter, ..*ground };
        let asked = self.words.iter().map(|word| inside.fetch(word, Spot::Behind(0), MOST_MESSAGES, &[]));
        let mut found: HashMap<Uuid, (f64, Hit<FoundMessage>)> = HashMap::new();
        for (hits, weight) in try_join_all(asked).await?.into_iter().zip(&self.weights) {
            for hit in hits.hits {
                match found.get_mut(&hit.document.message_id) {
                    Some((sum, known)) => {
                        *sum += weight;
                        known.marks.extend(hit.marks);
                    }
                    None => {
                        found.insert(hit.document.message_id, (*weight, hit));
                    }
                }
            }
        }
        let places: HashMap<Uuid, usize> =
            conversations.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let mut hits: Vec<(f64, Hit<FoundMessage>)> = found.into_values().collect();
        hits.sort_by(|one, other| {
            let place = |hit: &Hit<FoundMessage>| places.get(&hit.document.conversation_id).copied();
            let order = place(&one.1).cmp(&place(&other.1)).then(other.0.total_cmp(&one.0));
            order.then(other.1.document.position.cmp(&one.1.document.position))
        });
        Ok(hits.into_iter().map(|hit| hit.1).collect())
    }

    /// What is marked in the texts.
    pub fn needles(&self) -> Vec<Vec<char>> {
        self.words.iter().flat_map(|word| word.needles.clone()).collect()
    }
}

async fn ask(ground: &Ground<'_>, words: impl Iterator<Item = &Stage>) -> Result<Vec<Word>> {
    let asked = words.map(|word| ground.fetch(word, Spot::Behind(0), 0, &["conversation_id"]));
    let answers = try_join_all(asked).await?;
    Ok(answers
        .into_iter()
        .map(|mut found| {
            let counts = found.facets.remove("conversation_id").unwrap_or_default();
            let inside = counts.iter().filter(|count| *count.1 > 0).filter_map(|count| count.0.parse().ok());
            let (inside, complete) = (inside.collect(), counts.len() < MOST_VALUES);
            Word { weight: weight(found.total), inside, complete }
        })
        .collect())
}

/// What a word weighs that stands in so many messages.
fn weight(messages: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the engine counts to ten thousand")]
    let messages = messages as f64;
    (1.0 + 100_000.0 / (messages + 1.0)).ln()
}

/// The conversations with the most weight, among equals the newest.
fn best<'w>(words: impl Iterator<Item = &'w Word>) -> Vec<Uuid> {
    let mut weights: HashMap<Uuid, f64> = HashMap::new();
    for word in words {
        for id in &word.inside {
            *weights.entry(*id).or_default() += word.weight;
        }
    }
    let mut ids: Vec<(f64, Reverse<Uuid>)> =
        weights.into_iter().map(|(id, weight)| (weight, Reverse(id))).collect();
    ids.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    ids.into_iter().take(MOST_WEIGHED).map(|(_, Reverse(id))| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_weigh_more_and_equals_come_newest_first() {
        let ids = [1, 2, 3, 4].map(Uuid::from_u128);
        let word = |weight, inside: &[usize]| Word {
            weight,
            inside: inside.iter().map(|at| ids[*at]).collect(),
            complete: true,
        };
        let words = [word(5.0, &[0]), word(1.0, &[1, 2, 3]), word(1.0, &[1])];
        assert_eq!(best(words.iter()), [ids[0], ids[1], ids[3], ids[2]]);
    }
}
