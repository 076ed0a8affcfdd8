//! `botbuilder staff`: the people who run the platform, from the machine itself. The first of them cannot be made any
//! other way.

use anyhow::{Context as _, bail};
use botbuilder_api::identity::{passwords::Passwords, totp};
use botbuilder_domain::{Clock as _, Ids as _, Secret, SystemClock, SystemIds};
use botbuilder_service::config::Config;
use botbuilder_store::{
    Store,
    identity::users,
    platform::{admin_audit_log, admin_ip_whitelist, users as accounts},
    secret::{RootKey, new_secret},
};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::{
    platform::{self, Database},
    tell::say,
};

/// What to do.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a member of staff: a new account with a password and a second factor, both shown once. An account that is
    /// there keeps its password, and gets a second factor if it has none.
    Add {
        /// The address.
        email: String,
        /// How the person is called.
        #[arg(long, default_value = "Staff")]
        name: String,
        /// What they may do.
        #[arg(long, value_enum, default_value_t = Role::Superadmin)]
        role: Role,
    },
    /// Print the present code of a second factor, for development: people have an app on another device.
    Code {
        /// What the app was given, in base 32.
        seed: String,
    },
    /// List a network from which the platform's listener may be reached. While none is listed, only this machine.
    Allow {
        /// Such as 192.0.2.0/24, or an address.
        network: String,
        /// Whose it is.
        #[arg(long, default_value = "listed at the machine")]
        description: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Looks at everything, and acts for organizations.
    Support,
    /// May do everything.
    Superadmin,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Superadmin => "superadmin",
        }
    }
}

/// A member of staff that was made: what is shown once.
pub struct Made {
    /// None where the account keeps the password it has.
    pub password: Option<Secret<String>>,
    /// None where the account keeps the second factor it has.
    pub seed: Option<[u8; totp::SEED]>,
}

/// Does it.
pub async fn run(config: Config, arguments: Arguments) -> anyhow::Result<()> {
    if let What::Code { seed } = &arguments.what {
        let seed = totp::of_base32(seed).context("the seed is not in base 32")?;
        say(totp::code_at(&seed, SystemClock.now().timestamp()));
        return Ok(());
    }
    config.validate()?;
    let root = platform::root_key(&config)?;
    let url = Database::reach(&config)?;
    let store = Store::connect(url.expose(), 2).await?;
    match arguments.what {
        What::Add { email, name, role } => {
            let made = add(&store, &root, &email, &name, role.as_str()).await?;
            say(format_args!("{email} is staff ({})", role.as_str()));
            tell(&email, &made);
        }
        What::Code { .. } => {}
        What::Allow { network, description } => allow(&store, &network, &description).await?,
    }
    store.close().await;
    Ok(())
}

/// Says what is shown once.
fn tell(email: &str, made: &Made) {
    match &made.password {
        Some(password) => say(format_args!("  password       {}", password.expose())),
        None => say("  the password is the one the account has"),
    }
    match &made.seed {
        Some(seed) => {
            say(format_args!("  second factor  {}", totp::base32(seed)));
            say(format_args!("                 {}", totp::uri("BotBuilder platform", email, seed)));
        }
        None => say("  the second factor is the one the account has"),
    }
}

/// Makes a member of staff.
pub async fn add(store: &Store, root: &RootKey, email: &str, name: &str, role: &str) -> anyhow::Result<Made> {
    let (clock, ids) = (SystemClock, SystemIds);
    let now = clock.now();
    let mut made = Made { password: None, seed: None };
    let mut tx = store.begin_admin().await?;
    let id = if let Some(id) = users::find_by_email(&mut tx, email).await? {
        id
    } else {
        let password = new_secret()?;
        let hash = Passwords::new().hash(password.clone()).await;
        let hash = hash.map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error:?}"))?;
        let new = users::New {
            id: ids.next(),
            email: email.to_owned(),
            name: name.to_owned(),
            password_hash: hash,
            locale: "en".to_owned(),
            timezone: "UTC".to_owned(),
        };
        users::register(&mut tx, &new, now).await.context("the account cannot be made")?;
        made.password = Some(password);
        new.id
    };
    let known = users::second_factor(&mut tx, id).await?.context("the account is not there any more")?;
    if known.enabled_at.is_none() {
        let seed = totp::new_seed()?;
        users::set_seed(&mut tx, id, &root.platform_keys(), &seed).await?;
        users::accept_step(&mut tx, id, 0, Some(now)).await?;
        made.seed = Some(seed);
    }
    accounts::make_staff(&mut tx, id, role, now).await?;
    let act = admin_audit_log::Act::new("staff.add").to("user", id).saying(json!({ "role": role }));
    admin_audit_log::append_of_operator(&mut tx, ids.next(), act).await?;
    tx.commit().await?;
    Ok(made)
}

async fn allow(store: &Store, network: &str, description: &str) -> anyhow::Result<()> {
    let ids = SystemIds;
    let id = ids.next();
    let mut tx = store.begin_admin().await?;
    let row = admin_ip_whitelist::insert(&mut tx, id, network, description, None, None).await;
    let Some(row) = row.context("the network cannot be listed")? else {
        bail!("{network} is no network such as 192.0.2.0/24");
    };
    let act = admin_audit_log::Act::new("network.list").to("admin_ip_whitelist", id).saying(row);
    admin_audit_log::append_of_operator(&mut tx, ids.next(), act).await?;
    tx.commit().await?;
    say(format_args!("{network} may reach the platform's listener; this machine only if it is listed too"));
    Ok(())
}
