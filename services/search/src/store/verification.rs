use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tandem_database::Result;
use uuid::Uuid;

/// The comparison of an index with the database of its entities: how far it is, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Has the index built anew when something is wrong.
    pub repair: bool,
    pub ended: bool,
    /// Where the walk over the feed's snapshot goes on.
    pub page: String,
    /// Where the feed was when the walk began.
    pub begun_seq: Option<i64>,
    /// The tenant that is walked through, where the feed was when that began, and how many of its documents were there.
    pub tenant_id: Option<Uuid>,
    pub tenant_seq: i64,
    pub tenant_documents: i64,
    /// Documents that the index had when the walk began.
    pub documents_of: i64,
    /// Documents that it should have, as far as the walk has come.
    pub documents: i64,
    pub missing: i64,
    pub different: i64,
    /// There, though the database has nothing for them.
    pub surplus: i64,
    /// Missing, since the engine refused them.
    pub set_aside: i64,
    /// Changed so often that nothing can be said of them.
    pub unsettled: i64,
    /// Some of those that are wrong, as `missing <id>`.
    pub examples: Vec<String>,
}

impl Verification {
    /// How many documents are not as they should be.
    pub fn wrong(&self) -> i64 {
        self.missing + self.different + self.surplus
    }
}

/// Asks for an index to be verified; one that runs goes on. False where there is no index yet.
pub async fn want_verification(connection: &mut PgConnection, name: &str, repair: bool) -> Result<bool> {
    let wanted = sqlx::query!(
        "INSERT INTO index_verification AS known (name, repair) SELECT name, $2 FROM search_index WHERE name = $1
         ON CONFLICT (name) DO UPDATE SET
            repair = $2 OR (known.repair AND NOT known.ended), ended = false,
            page = CASE WHEN known.ended THEN '' ELSE known.page END,
            begun_seq = CASE WHEN NOT known.ended THEN known.begun_seq END",
        name,
        repair,
    )
    .execute(connection)
    .await?;
    Ok(wanted.rows_affected() == 1)
}

/// The last verification of an index, or the one that runs.
pub async fn verification(connection: &mut PgConnection, name: &str) -> Result<Option<Verification>> {
    let row = sqlx::query_as!(
        Verification,
        "SELECT repair, ended, page, begun_seq, tenant_id, tenant_seq, tenant_documents, documents_of, documents, missing,
                different, surplus, set_aside, unsettled, examples
         FROM index_verification WHERE name = $1",
        name,
    );
    Ok(row.fetch_optional(connection).await?)
}

/// Takes the walk that was asked for, unless another process has it.
pub async fn claim(
    connection: &mut PgConnection,
    name: &str,
    walker: Uuid,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<Verification>> {
    let row = sqlx::query_as!(
        Verification,
        "UPDATE index_verification SET walker = $2, walker_until = $4
         WHERE name = $1 AND NOT ended AND (walker IS NULL OR walker = $2 OR walker_until < $3)
         RETURNING repair, ended, page, begun_seq, tenant_id, tenant_seq, tenant_documents, documents_of, documents, missing,
                different, surplus, set_aside, unsettled, examples",
        name,
        walker,
        now,
        until,
    );
    Ok(row.fetch_optional(connection).await?)
}

/// Notes how far a walk is. False when another process has it by now.
pub async fn save(
    connection: &mut PgConnection,
    name: &str,
    walker: Uuid,
    walk: &Verification,
) -> Result<bool> {
    let saved = sqlx::query!(
        "UPDATE index_verification SET
            ended = $3, page = $4, begun_seq = $5, tenant_id = $6, tenant_seq = $7, tenant_documents = $8,
            documents_of = $9, documents = $10, missing = $11, different = $12, surplus = $13, set_aside = $14,
            unsettled = $15, examples = $16
         WHERE name = $1 AND walker = $2",
        name,
        walker,
        walk.ended,
        walk.page,
        walk.begun_seq,
        walk.tenant_id,
        walk.tenant_seq,
        walk.tenant_documents,
        walk.documents_of,
        walk.documents,
        walk.missing,
        walk.different,
        walk.surplus,
        walk.set_aside,
        walk.unsettled,
        &walk.examples,
    )
    .execute(connection)
    .await?;
    Ok(saved.rows_affected() == 1)
}

/// Gives a walk back, so that another process goes on at once.
pub async fn release(connection: &mut PgConnection, name: &str, walker: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE index_verification SET walker = NULL, walker_until = NULL WHERE name = $1 AND walker = $2",
        name,
        walker,
    )
    .execute(connection)
    .await?;
    Ok(())
}
