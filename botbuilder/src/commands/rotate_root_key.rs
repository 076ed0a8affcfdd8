//! `botbuilder rotate-root-key`: the last step of putting a new root key in the place of another. Before it, every process
//! was started with both keys (`secrets.root_key`, `secrets.previous_root_key`); after it, none needs the previous one.

use anyhow::{Context as _, bail};
use botbuilder_domain::{Ids as _, SystemIds};
use botbuilder_service::config::Config;
use botbuilder_store::{
    Error, Store, Tx,
    platform::{
        admin_audit_log,
        resealing::OF_THE_PLATFORM,
        rewrapping::{self, Batch},
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    platform::{self, Database},
    tell::say,
};

/// Rows of one transaction.
const BATCH: i64 = 200;

/// What became of all rows of a table.
#[derive(Default)]
struct Done {
    renewed: u64,
    unopened: Vec<Uuid>,
}

/// Does it. Ended anywhere, it is simply started again.
pub async fn run(config: Config) -> anyhow::Result<()> {
    config.validate()?;
    let root = platform::root_key(&config)?;
    if !root.is_replacing() {
        bail!(
            "no key is being replaced: put the new one into secrets.root_key (or root_key_file), the one before it \
             into secrets.previous_root_key (or previous_root_key_file), start every process with both, and then this"
        );
    }
    let url = Database::reach(&config)?;
    let store = Store::connect(url.expose(), 2).await?;
    let mut unopened = 0;
    let mut renewed = serde_json::Map::new();

    let organizations =
        all(&store, async |tx, after| rewrapping::organizations(tx, &root, after, BATCH).await).await?;
    unopened += tell("organizations.data_keys", &organizations);
    renewed.insert("organizations.data_keys".to_owned(), organizations.renewed.into());
    for column in OF_THE_PLATFORM {
        let name = format!("{}.{}", column.table, column.column);
        let done =
            all(&store, async |tx, after| rewrapping::of_the_platform(tx, &root, column, after, BATCH).await)
                .await?;
        unopened += tell(&name, &done);
        renewed.insert(name, done.renewed.into());
    }

    let mut tx = store.begin_admin().await?;
    let codes = rewrapping::backup_codes(&mut tx).await?;
    let details = json!({ "renewed": renewed, "unopened": unopened });
    let act = admin_audit_log::Act::new("root_key.rotate").saying(details);
    admin_audit_log::append_of_operator(&mut tx, SystemIds.next(), act).await?;
    tx.commit().await.context("the rotation cannot be noted")?;
    store.close().await;
    if unopened > 0 {
        bail!(
            "{unopened} rows open with neither key: keep the previous key until somebody has looked at them"
        );
    }
    say(
        "nothing that is sealed needs the previous key any more: take it out of the configuration and restart",
    );
    if codes > 0 {
        say(format_args!(
            "{codes} unused backup codes of second factors are hashed with a key of their time: those older than the \
             new key are void when the previous one goes"
        ));
    }
    Ok(())
}

/// All batches, each in a transaction of its own.
async fn all(
    store: &Store,
    batch: impl AsyncFn(&mut Tx, Option<Uuid>) -> Result<Batch, Error>,
) -> anyhow::Result<Done> {
    let mut done = Done::default();
    let mut after = None;
    loop {
        let mut tx = store.begin_admin().await?;
        let Batch { last, renewed, unopened } = batch(&mut tx, after).await?;
        tx.commit().await?;
        done.renewed += renewed;
        done.unopened.extend(unopened);
        if last.is_none() {
            return Ok(done);
        }
        after = last;
    }
}

/// Says what became of a table. How many rows do not open.
fn tell(name: &str, done: &Done) -> usize {
    say(format_args!("{name}: {} sealed anew", done.renewed));
    for id in &done.unopened {
        say(format_args!("{name}: {id} opens with neither key"));
    }
    done.unopened.len()
}
