//! What somebody may do: permissions, sets of them, and the one place where effective rights are computed.
//!
//! A permission is an area and a verb, written `area:verb` as in `app.valid_permissions`; `area:*` and `*` stand for
//! many. Effective rights of a member are the built-in role's and those of every grant in force; those of an API
//! token are its scopes as far as its owner has them at this moment.

use std::collections::BTreeMap;

use botbuilder_domain::BotId;

/// What a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the area of that name")]
pub enum Area {
    Organization,
    Member,
    Role,
    Billing,
    Audit,
    Token,
    Integration,
    Webhook,
    Sso,
    Plugin,
    Bot,
    Flow,
    Nlu,
    Agent,
    Tool,
    Knowledge,
    Model,
    Experiment,
    Channel,
    Contact,
    Conversation,
    Template,
    Widget,
    Voice,
    Clone,
    Recovery,
    Health,
    Usage,
    Analytics,
}

const AREAS: [(Area, &str); 29] = [
    (Area::Organization, "organization"),
    (Area::Member, "member"),
    (Area::Role, "role"),
    (Area::Billing, "billing"),
    (Area::Audit, "audit"),
    (Area::Token, "token"),
    (Area::Integration, "integration"),
    (Area::Webhook, "webhook"),
    (Area::Sso, "sso"),
    (Area::Plugin, "plugin"),
    (Area::Bot, "bot"),
    (Area::Flow, "flow"),
    (Area::Nlu, "nlu"),
    (Area::Agent, "agent"),
    (Area::Tool, "tool"),
    (Area::Knowledge, "knowledge"),
    (Area::Model, "model"),
    (Area::Experiment, "experiment"),
    (Area::Channel, "channel"),
    (Area::Contact, "contact"),
    (Area::Conversation, "conversation"),
    (Area::Template, "template"),
    (Area::Widget, "widget"),
    (Area::Voice, "voice"),
    (Area::Clone, "clone"),
    (Area::Recovery, "recovery"),
    (Area::Health, "health"),
    (Area::Usage, "usage"),
    (Area::Analytics, "analytics"),
];

/// What is to be done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the verb of that name")]
pub enum Verb {
    Read,
    Write,
    Delete,
    Publish,
    Execute,
    Assign,
    Manage,
}

const VERBS: [(Verb, &str); 7] = [
    (Verb::Read, "read"),
    (Verb::Write, "write"),
    (Verb::Delete, "delete"),
    (Verb::Publish, "publish"),
    (Verb::Execute, "execute"),
    (Verb::Assign, "assign"),
    (Verb::Manage, "manage"),
];

const EVERY_VERB: u8 = 0x7f;

/// One thing that may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What it is about.
    pub area: Area,
    /// What is done there.
    pub verb: Verb,
}

impl Permission {
    /// `area:verb`.
    pub const fn new(area: Area, verb: Verb) -> Self {
        Self { area, verb }
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", AREAS[self.area as usize].1, VERBS[self.verb as usize].1)
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions {
    /// The verbs of each area, a bit each.
    verbs: [u8; AREAS.len()],
}

/// A text that names no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no permission")]
pub struct UnknownPermission(pub String);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self { verbs: [0; AREAS.len()] };
    /// Every one there is.
    pub const ALL: Self = Self { verbs: [EVERY_VERB; AREAS.len()] };

    /// Reads permissions as they are stored: `*`, `area:*`, `area:verb`.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, UnknownPermission> {
        let mut set = Self::NONE;
        for text in texts {
            let text = text.as_ref();
            if text == "*" {
                return Self::parse_rest(texts);
            }
            let unknown = || UnknownPermission(text.to_owned());
            let (area, verb) = text.split_once(':').ok_or_else(unknown)?;
            let area = AREAS.iter().position(|(_, name)| *name == area).ok_or_else(unknown)?;
            set.verbs[area] |= if verb == "*" {
                EVERY_VERB
            } else {
                1 << VERBS.iter().position(|(_, name)| *name == verb).ok_or_else(unknown)?
            };
        }
        Ok(set)
    }

    /// Everything, if the other texts are permissions too.
    fn parse_rest<T: AsRef<str>>(texts: &[T]) -> Result<Self, UnknownPermission> {
        let rest: Vec<&str> = texts.iter().map(AsRef::as_ref).filter(|text| *text != "*").collect();
        Self::parse(&rest).map(|_| Self::ALL)
    }

    /// Permissions as they are stored and shown, in a fixed order.
    pub fn texts(&self) -> Vec<String> {
        if *self == Self::ALL {
            return vec!["*".to_owned()];
        }
        let mut texts = Vec::new();
        for (verbs, (_, area)) in self.verbs.iter().zip(AREAS) {
            if *verbs == EVERY_VERB {
                texts.push(format!("{area}:*"));
                continue;
            }
            for (bit, (_, verb)) in VERBS.iter().enumerate() {
                if verbs & (1 << bit) != 0 {
                    texts.push(format!("{area}:{verb}"));
                }
            }
        }
        texts
    }

    /// Whether this one is among them.
    pub const fn has(&self, permission: Permission) -> bool {
        self.verbs[permission.area as usize] & (1 << permission.verb as u8) != 0
    }

    /// Whether every one of `other` is among them.
    pub fn contain(&self, other: &Self) -> bool {
        self.verbs.iter().zip(other.verbs).all(|(mine, theirs)| theirs & !mine == 0)
    }

    /// Those of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |mine, theirs| mine | theirs)
    }

    /// Those of both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |mine, theirs| mine & theirs)
    }

    fn combine(&self, other: &Self, with: impl Fn(u8, u8) -> u8) -> Self {
        let mut verbs = self.verbs;
        for (mine, theirs) in verbs.iter_mut().zip(other.verbs) {
            *mine = with(*mine, theirs);
        }
        Self { verbs }
    }
}

/// What somebody may do in an organization: everywhere, and in single bots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    everywhere: Permissions,
    /// What is allowed in a bot besides; a bot without more is not listed.
    bots: BTreeMap<BotId, Permissions>,
}

/// The bots something may be done in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bots {
    /// In each.
    All,
    /// In these.
    Only(Vec<BotId>),
}

/// A set of permissions somebody was granted, everywhere or in one bot.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The bot; none means everywhere.
    pub bot: Option<BotId>,
    /// What is granted.
    pub permissions: Permissions,
}

impl Rights {
    /// Those of a built-in role and of every grant that is in force. More of either never gives less.
    pub fn of_member(role: &Permissions, grants: &[Grant]) -> Self {
        let mut rights = Self { everywhere: *role, bots: BTreeMap::new() };
        for grant in grants {
            match grant.bot {
                None => rights.everywhere = rights.everywhere.union(&grant.permissions),
                Some(bot) => {
                    let granted = rights.bots.entry(bot).or_default();
                    *granted = granted.union(&grant.permissions);
                }
            }
        }
        rights
    }

    /// Those of a token that stands on its own.
    pub fn of_scopes(scopes: &Permissions, bots: &[BotId]) -> Self {
        Self { everywhere: Permissions::ALL, bots: BTreeMap::new() }.limited_to(scopes, bots)
    }

    /// What is left of them under a token's scopes. With bots named, nothing is left outside of these.
    #[must_use]
    pub fn limited_to(&self, scopes: &Permissions, bots: &[BotId]) -> Self {
        let everywhere = self.everywhere.intersection(scopes);
        if bots.is_empty() {
            let bots = self.bots.iter().map(|(bot, allowed)| (*bot, allowed.intersection(scopes))).collect();
            return Self { everywhere, bots };
        }
        let inside = |bot: &BotId| (*bot, self.in_bot(*bot).intersection(scopes));
        Self { everywhere: Permissions::NONE, bots: bots.iter().map(inside).collect() }
    }

    /// What is allowed in every bot, and where no bot is meant.
    pub const fn everywhere(&self) -> &Permissions {
        &self.everywhere
    }

    /// What is allowed in single bots besides.
    pub fn bots(&self) -> impl Iterator<Item = (BotId, &Permissions)> {
        self.bots.iter().map(|(bot, allowed)| (*bot, allowed))
    }

    /// What is allowed in one bot.
    pub fn in_bot(&self, bot: BotId) -> Permissions {
        self.bots.get(&bot).map_or(self.everywhere, |more| self.everywhere.union(more))
    }

    /// The bots in which this is allowed.
    pub fn bots_with(&self, permission: Permission) -> Bots {
        if self.everywhere.has(permission) {
            return Bots::All;
        }
        Bots::Only(
            self.bots.iter().filter(|(_, allowed)| allowed.has(permission)).map(|(bot, _)| *bot).collect(),
        )
    }

    /// Whether somebody with these rights may give this away: nobody grants more than they have.
    pub fn may_grant(&self, permissions: &Permissions, bot: Option<BotId>) -> bool {
        bot.map_or(self.everywhere, |bot| self.in_bot(bot)).contain(permissions)
    }
}

#[cfg(test)]
mod tests;
