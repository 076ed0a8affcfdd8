//! `nlu_trainings`: the trainings of bots, which are jobs, and the models they made.

use botbuilder_domain::{BotId, OrgId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Parent, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "nlu_trainings",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::choice("status", &["queued", "running", "succeeded", "failed"]),
        Column::choice("stage", &["waiting", "reading", "learning", "judging", "storing", "over"]),
        Column::integer("progress", 0, 100),
        Column::integer("attempts", 0, 2_147_483_647),
        Column::integer("version", 1, 2_147_483_647).nullable(),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::instant("started_at").nullable(),
        Column::instant("finished_at").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "model", "taught", "locked_by", "locked_until"],
    rules: &[
        Rule::new("uq_nlu_trainings_1", "bot_id", "is being trained already"),
        Rule::new("uq_nlu_trainings_2", "version", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};

/// Versions of a bot whose models are kept, besides the one in use.
const KEPT: i64 = 5;

/// Marks the bot as one that is being trained.
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.begun", skip_all)]
pub async fn begun(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE bots SET nlu_status = 'training' WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
        scope.org().uuid(),
        bot.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A training in hand.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its id.
    pub id: Uuid,
    /// Whose bot it is.
    pub org: OrgId,
    /// The bot.
    pub bot: BotId,
    /// Which attempt this is.
    pub attempt: i32,
}

/// Takes the training that waits longest, or one whose worker did not live to finish. Needs
/// [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.claim", skip_all)]
pub async fn claim(
    tx: &mut Tx,
    worker: &str,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Claimed>, Error> {
    let row = sqlx::query!(
        r#"
        UPDATE nlu_trainings t
        SET status = 'running', stage = 'reading', progress = 0, attempts = t.attempts + 1, locked_by = $1,
            locked_until = $3, started_at = coalesce(t.started_at, $2)
        FROM (
            SELECT id FROM nlu_trainings
            WHERE status = 'queued' OR (status = 'running' AND locked_until < $2)
            ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS due
        WHERE t.id = due.id
        RETURNING t.id, t.organization_id, t.bot_id, t.attempts
        "#,
        worker,
        now,
        until,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Claimed {
        id: row.id,
        org: row.organization_id.into(),
        bot: row.bot_id.into(),
        attempt: row.attempts,
    }))
}

/// Notes how far a training is, and keeps it in hand. False where it is another worker's by now.
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.go_on", skip_all)]
pub async fn go_on(
    tx: &mut Tx,
    scope: &OrgScope,
    claimed: &Claimed,
    stage: &str,
    progress: i32,
    until: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE nlu_trainings SET stage = $4, progress = $5, locked_until = $6
        WHERE organization_id = $1 AND id = $2 AND attempts = $3 AND status = 'running'
        "#,
        scope.org().uuid(),
        claimed.id,
        claimed.attempt,
        stage,
        progress,
        until,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a training made.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// The id of the new version.
    pub version_id: Uuid,
    /// The model.
    pub model: &'a [u8],
    /// What is said of it: the report, the thresholds, the digest of the model.
    pub data: &'a Value,
    /// The digest of what was taught.
    pub taught: &'a str,
}

/// Keeps what a training made as the bot's next version, and puts it in use. Its number, or none where the training is
/// another worker's by now.
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.succeed", skip_all)]
pub async fn succeed(
    tx: &mut Tx,
    scope: &OrgScope,
    claimed: &Claimed,
    made: Made<'_>,
    now: DateTime<Utc>,
) -> Result<Option<i32>, Error> {
    let org = scope.org().uuid();
    let mine = sqlx::query_scalar!(
        r#"
        SELECT id FROM nlu_trainings
        WHERE organization_id = $1 AND id = $2 AND attempts = $3 AND status = 'running' FOR UPDATE
        "#,
        org,
        claimed.id,
        claimed.attempt,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    if mine.is_none() {
        return Ok(None);
    }
    let hash: [u8; 32] = Sha256::digest(made.data.to_string().as_bytes()).into();
    let version = sqlx::query_scalar!(
        r#"
        INSERT INTO entity_versions (organization_id, id, entity_type, entity_id, version, data, data_hash)
        -- The number is taken by the table's trigger.
        VALUES ($1, $2, 'nlu_model', $3, 1, $4, $5) RETURNING version
        "#,
        org,
        made.version_id,
        claimed.bot.uuid(),
        made.data,
        hash.as_slice(),
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE nlu_trainings
        SET status = 'succeeded', stage = 'over', progress = 100, version = $3, model = $4, taught = $5,
            locked_by = NULL, locked_until = NULL, finished_at = $6
        WHERE organization_id = $1 AND id = $2
        "#,
        org,
        claimed.id,
        version,
        made.model,
        made.taught,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    in_use(tx, scope, claimed.bot, version, now).await?;
    sqlx::query!(
        r#"
        UPDATE nlu_trainings SET model = NULL
        WHERE organization_id = $1 AND bot_id = $2 AND model IS NOT NULL AND version <= $3::integer - $4::bigint
        "#,
        org,
        claimed.bot.uuid(),
        version,
        KEPT,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(Some(version))
}

async fn in_use(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    version: i32,
    trained_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE bots SET nlu_status = 'ready', nlu_model_version = $3, nlu_trained_at = $4
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        bot.uuid(),
        version,
        trained_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes why there is no model. The version in use stays in use.
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.fail", skip_all)]
pub async fn fail(
    tx: &mut Tx,
    scope: &OrgScope,
    claimed: &Claimed,
    code: &str,
    message: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let done = sqlx::query!(
        r#"
        UPDATE nlu_trainings
        SET status = 'failed', stage = 'over', error_code = $4, error_message = left($5, 2000), locked_by = NULL,
            locked_until = NULL, finished_at = $6
        WHERE organization_id = $1 AND id = $2 AND attempts = $3 AND status = 'running'
        "#,
        scope.org().uuid(),
        claimed.id,
        claimed.attempt,
        code,
        message,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    if done.rows_affected() == 1 {
        sqlx::query!(
            "UPDATE bots SET nlu_status = 'failed' WHERE organization_id = $1 AND id = $2",
            scope.org().uuid(),
            claimed.bot.uuid(),
        )
        .execute(&mut *tx.inner)
        .await?;
    }
    Ok(())
}

/// Puts a version that is kept in use. False where there is no such version, or its model is no longer kept.
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.activate", skip_all)]
pub async fn activate(tx: &mut Tx, scope: &OrgScope, bot: BotId, version: i32) -> Result<bool, Error> {
    let finished = sqlx::query_scalar!(
        r#"
        SELECT finished_at AS "finished_at!" FROM nlu_trainings
        WHERE organization_id = $1 AND bot_id = $2 AND version = $3 AND model IS NOT NULL AND finished_at IS NOT NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
        version,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(finished) = finished else { return Ok(false) };
    in_use(tx, scope, bot, version, finished).await?;
    Ok(true)
}

/// A model, with the digest of what it was taught.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The model as it was stored.
    pub model: Vec<u8>,
    /// What the author had written, as a digest.
    pub taught: Option<String>,
}

/// The model of a version of a bot's understanding. None where it is not kept.
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.kept", skip_all)]
pub async fn kept(tx: &mut Tx, scope: &OrgScope, bot: BotId, version: i32) -> Result<Option<Kept>, Error> {
    Ok(sqlx::query_as!(
        Kept,
        r#"
        SELECT model AS "model!", taught FROM nlu_trainings
        WHERE organization_id = $1 AND bot_id = $2 AND version = $3 AND model IS NOT NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
        version,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// The digest of what a version was taught.
#[tracing::instrument(level = "debug", name = "store.nlu_trainings.taught", skip_all)]
pub async fn taught(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    version: i32,
) -> Result<Option<String>, Error> {
    let taught = sqlx::query_scalar!(
        "SELECT taught FROM nlu_trainings WHERE organization_id = $1 AND bot_id = $2 AND version = $3",
        scope.org().uuid(),
        bot.uuid(),
        version,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(taught.flatten())
}
