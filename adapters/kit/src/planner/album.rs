//! Several files at once: together as far as the channel lets them, in order.

use botbuilder_domain::{Capabilities, Content, Media, MediaKind};

use super::{Plan, PlanError, downgrade, media};

/// What may stand together: pictures with films; sound and documents only with their own kind. Voice notes and stickers
/// stand alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Seen,
    Heard,
    Read,
    Alone,
}

const fn class(file: &Media, capabilities: &Capabilities) -> Class {
    match file.media {
        MediaKind::Image => Class::Seen,
        _ if capabilities.album_pictures_only => Class::Alone,
        MediaKind::Video => Class::Seen,
        MediaKind::Audio if !file.voice => Class::Heard,
        MediaKind::Document => Class::Read,
        MediaKind::Audio | MediaKind::Sticker => Class::Alone,
    }
}

pub(super) fn plan(items: &[Media], capabilities: &Capabilities) -> Result<Plan, PlanError> {
    let mut plan = Plan { parts: Vec::new(), downgrades: Vec::new() };
    if items.is_empty() {
        return Err(PlanError::Empty);
    }
    let mut messages = 0;
    let class = |file: &Media| class(file, capabilities);
    for alike in items.chunk_by(|one, other| class(one) == class(other)) {
        let most = if class(&alike[0]) == Class::Alone { 1 } else { capabilities.album_max.max(1) };
        for together in alike.chunks(most) {
            messages += 1;
            // What does not fit into a caption goes below the files.
            let (mut files, mut below) = (Vec::with_capacity(together.len()), Vec::new());
            for file in together {
                let Plan { parts, downgrades } = media(file, capabilities)?;
                plan.downgrades.extend(downgrades);
                for part in parts {
                    match part {
                        Content::Media(file) => files.push(file),
                        other => below.push(other),
                    }
                }
            }
            match <[Media; 1]>::try_from(files) {
                Ok([file]) => plan.parts.push(Content::Media(file)),
                Err(files) if files.is_empty() => {}
                Err(items) => plan.parts.push(Content::Album { items }),
            }
            plan.parts.extend(below);
        }
    }
    if messages > 1 {
        let reason = match capabilities.album_max {
            0 | 1 => "the channel has no albums".to_owned(),
            most if capabilities.album_pictures_only => {
                format!("pictures alone stand together, {most} at most")
            }
            most => format!("{most} files of one kind at most in an album"),
        };
        plan.downgrades.push(downgrade("album", "several_messages", &reason));
    }
    Ok(plan)
}
