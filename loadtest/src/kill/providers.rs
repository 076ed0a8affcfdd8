//! The four networks, as fakes.

use anyhow::Result;
use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_testkit::{
    fake::{Behaviour, Fault, StatusBehaviour, instagram, slack, telegram, whatsapp},
    seed::Provider,
};

use crate::{input::Channel, kill::driver::Crowd};

/// The networks.
#[derive(Debug)]
pub struct Providers {
    /// WhatsApp.
    pub whatsapp: whatsapp::Fake,
    /// Telegram.
    pub telegram: telegram::Fake,
    /// Slack.
    pub slack: slack::Fake,
    /// Instagram.
    pub instagram: instagram::Fake,
}

impl Providers {
    /// Starts all of them.
    pub async fn start() -> Result<Self> {
        Ok(Self {
            whatsapp: whatsapp::Fake::start(whatsapp::Options::default()).await?,
            telegram: telegram::Fake::start(telegram::Options::default()).await?,
            slack: slack::Fake::start(slack::Options::default()).await?,
            instagram: instagram::Fake::start(instagram::Options::default()).await?,
        })
    }

    /// Where Slack is, and what it wants.
    pub fn of_slack(&self) -> Provider {
        let options = slack::Options::default();
        Provider {
            url: self.slack.base_url(),
            account: options.team_id,
            token: options.bot_token,
            secret: options.signing_secret,
            app_token: None,
        }
    }

    /// Where Instagram is, and what it wants.
    pub fn of_instagram(&self) -> Provider {
        let options = instagram::Options::default();
        Provider {
            url: self.instagram.base_url(),
            account: options.ig_user_id,
            token: options.access_token,
            secret: options.app_secret,
            app_token: None,
        }
    }

    /// Instagram takes only what goes to people who wrote lately; it does not see who writes here.
    pub fn expect(&self, crowd: Crowd) {
        for contact in crowd.contacts().filter(|contact| contact.channel == Channel::Instagram) {
            self.instagram.set_heard(&contact.address(), SystemClock.now());
        }
    }

    /// A bad day for all of them.
    pub fn misbehave(&self, seed: u64) {
        self.whatsapp.set_behaviour(misbehaviour(seed));
        self.telegram.set_behaviour(misbehaviour(seed + 1));
        self.slack.set_behaviour(misbehaviour(seed + 2));
        self.instagram.set_behaviour(misbehaviour(seed + 3));
    }
}

/// A provider on a bad day: it throttles, for longer than a message is held in memory, fails, breaks connections
/// before and after it took a message, and reports twice and in another order.
fn misbehaviour(seed: u64) -> Behaviour {
    let percent = [
        (Fault::Throttle, 0.2),
        (Fault::ThrottleSilently, 2.0),
        (Fault::ServerError, 2.0),
        (Fault::Html, 1.0),
        (Fault::Reset, 1.0),
        (Fault::ResetAfterAccept, 1.0),
    ];
    let statuses = StatusBehaviour {
        delay_ms: 20,
        duplicate_percent: 20.0,
        reorder_percent: 20.0,
        ..StatusBehaviour::default()
    };
    Behaviour {
        seed,
        percent: percent.into(),
        retry_after_s: 6,
        jitter_ms: 30,
        statuses,
        ..Behaviour::default()
    }
}
