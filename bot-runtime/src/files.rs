//! Files as bots see them: by a link to our own copy, which a network's own address or id never is for long.

use botbuilder_domain::{Content, Inbound, MessageId, OrgId};
use botbuilder_media::Media;
use chrono::{DateTime, Utc};

/// A message with links in the place of its files' addresses. The copies may still be on their way; a link leads to its
/// file once it is there.
pub(crate) fn with_links(
    files: &Media,
    org: OrgId,
    message: MessageId,
    mut what: Inbound,
    now: DateTime<Utc>,
) -> Inbound {
    if let Inbound::Message { content, .. } = &mut what {
        let items = match content {
            Content::Media(file) => std::slice::from_mut(file),
            Content::Album { items } => items.as_mut_slice(),
            _ => &mut [],
        };
        for (index, file) in items.iter_mut().enumerate().filter(|(_, file)| file.failure.is_none()) {
            // A link cannot fail but by a defect; the network's address is left then.
            if let Ok(link) = files.message_link(org, message, index, now) {
                file.url = Some(link);
            }
        }
    }
    what
}
