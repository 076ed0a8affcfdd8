//! The words every other crate speaks: identifiers, the envelope that travels on the stream, what a message
//! can hold, what a channel can show, and where time and identifiers come from.
//!
//! Nothing here does I/O. A new kind of event, content or channel is a new variant; the compiler then names
//! every match that has to say what becomes of it.

pub mod channel;
pub mod clock;
pub mod content;
pub mod envelope;
pub mod event;
pub mod id;
pub mod phone;
pub mod secret;
pub mod status;
pub mod template;
pub mod trail;

pub use channel::{Capabilities, ChannelKind};
pub use clock::{Clock, Ids, ManualClock, SystemClock, SystemIds};
pub use content::{
    Choice, ChoiceOption, ChoiceStyle, ContactCard, Content, Location, Media, MediaKind, is_option_key,
};
pub use envelope::{ConversationKey, DecodeError, Envelope, Times, TraceContext};
pub use event::{Inbound, InboundEvent, Outbound, OutboundEvent, Send, Sender, Speaker, Standing};
pub use id::{
    BotId, CallId, ChannelId, ContactId, ConversationId, EnvelopeId, FlowId, Id, MessageId, OrgId, VersionId,
};
pub use secret::Secret;
pub use status::{DeliveryStatus, Failure};
pub use template::{
    TemplateButton, TemplateCategory, TemplateChange, TemplateHeader, TemplateMessage, TemplateQuality,
    TemplateStatus, TemplateValue,
};
pub use trail::{Stage, TrailEvent};
