//! Templates: what is written before a message may be sent, what a provider is told of it, and what it answers.

mod definition;
mod fit;

use botbuilder_domain::{TemplateCategory, TemplateQuality, TemplateStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use definition::{Broken, Gaps, check, gaps};
pub use fit::{Unfit, fit};

use crate::{Account, ProviderRequest, ProviderResponse, Trouble};

/// A template as `channel_templates` holds it.
///
/// `header` is empty, or `{"format": "text", "text": …}`, `{"format": "image"}` (`video`, `document`, `location`);
/// `example` is what the provider's reviewer sees in it. `buttons` are `{"type": "quick_reply", "text": …}`,
/// `{"type": "url", "text": …, "url": …, "example": …}`, `{"type": "phone_number", "text": …, "phone_number": …}`,
/// `{"type": "copy_code", "example": …}`. `variables` are examples of the body's variables, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The provider's id of it, once it has one.
    #[serde(default)]
    pub provider_template_id: Option<String>,
    /// Its name.
    pub name: String,
    /// The language of the translation.
    pub language: String,
    /// What it is for.
    pub category: TemplateCategory,
    /// Its header.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// Its text; gaps are `{{1}}`, `{{2}}` … or `{{name}}`.
    pub body: String,
    /// A line below.
    #[serde(default)]
    pub footer: Option<String>,
    /// Its buttons.
    #[serde(default)]
    pub buttons: Vec<Value>,
    /// Examples of its variables.
    #[serde(default)]
    pub variables: Vec<Value>,
    /// How far it is.
    #[serde(default)]
    pub status: TemplateStatus,
    /// What people think of it.
    #[serde(default)]
    pub quality: TemplateQuality,
    /// Why the provider refused it.
    #[serde(default)]
    pub rejection_reason: Option<String>,
}

/// What a provider says to a template that was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its id of it.
    pub provider_id: String,
    /// How far it is.
    pub status: TemplateStatus,
    /// What it is for, as the provider sees it.
    pub category: Option<TemplateCategory>,
}

/// A piece of the list of a provider's templates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    /// The templates.
    pub templates: Vec<Template>,
    /// Those that have something which is not known here, and are left out.
    pub skipped: usize,
    /// Where the next piece begins; none after the last.
    pub after: Option<String>,
}

/// A channel whose messages are approved beforehand. All of it is pure.
pub trait Templates: Send + Sync {
    /// The call that submits a template, or its new text where the provider has one of it.
    fn submit(&self, account: &Account, template: &Template) -> Result<ProviderRequest, Trouble>;

    /// What the answer says. `before` is what was submitted.
    fn submitted(&self, before: &Template, response: &ProviderResponse) -> Result<Review, Trouble>;

    /// The call that lists the account's templates, from `after` on; of one name where one is given.
    fn list(
        &self,
        account: &Account,
        name: Option<&str>,
        after: Option<&str>,
    ) -> Result<ProviderRequest, Trouble>;

    /// What the answer says.
    fn listed(&self, response: &ProviderResponse) -> Result<Listed, Trouble>;

    /// The call that removes a template.
    fn remove(&self, account: &Account, name: &str, provider_id: &str) -> Result<ProviderRequest, Trouble>;

    /// What the answer says. One that is not there any more is removed.
    fn removed(&self, response: &ProviderResponse) -> Result<(), Trouble>;
}
