//! What follows here from the erasure of a conversation: rows stay, for histories and figures, without what people wrote.

use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::peer::without_words;
use crate::store;

/// Takes what was said of erased conversations out of histories, notifications and the answers that are kept for repeated
/// requests. After everything else that a batch brings: an entry that came before the erasure may stand in the same batch.
pub async fn of_conversations(connection: &mut Connection, keys: &[(Uuid, Uuid)]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    store::erasure::conversations(connection, keys).await?;
    let answers = store::erasure::answers(connection, keys).await?;
    let emptied: Vec<(Uuid, Uuid, Vec<u8>)> = answers
        .into_iter()
        .filter_map(|(tenant, request, answer)| Some((tenant, request, without_words(&answer)?)))
        .collect();
    if emptied.is_empty() { Ok(()) } else { store::erasure::save_answers(connection, &emptied).await }
}
