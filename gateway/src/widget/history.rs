//! A visitor's history, as it goes over the wire.

use botbuilder_domain::OrgId;
use botbuilder_store::{
    OrgScope,
    bots::widget_messages::{self, Frame, Marks},
};
use bytes::Bytes;

use super::{Known, protocol};
use crate::Gateway;

/// Most frames of one answer.
pub(super) const PAGE: usize = 200;

/// A frame with its number.
pub(super) type Written = (i64, Bytes);

/// Frames as they go over the wire: files with links of the moment.
fn written(gateway: &Gateway, org: OrgId, frames: Vec<Frame>) -> Vec<Written> {
    let now = gateway.clock.now();
    let written = frames.into_iter().map(|Frame { seq, role, created_at, mut payload, client_msg_id }| {
        gateway.media.show(org, &mut payload, now);
        (seq, protocol::frame(seq, &role, created_at, &payload, client_msg_id.as_deref()))
    });
    written.collect()
}

/// A page of the frames after a number.
pub(super) async fn after(
    gateway: &Gateway,
    known: &Known,
    visitor: &str,
    after: i64,
) -> Result<Vec<Written>, botbuilder_store::Error> {
    let _turn = gateway.hub.refills().await;
    let scope = OrgScope::of_service(known.widget.org);
    let mut tx = gateway.store.begin(&scope).await?;
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let frames = widget_messages::after(&mut tx, &scope, visitor, after, limit).await?;
    tx.commit().await?;
    Ok(written(gateway, known.widget.org, frames))
}

/// The newest frames before a number.
pub(super) async fn before(
    gateway: &Gateway,
    known: &Known,
    visitor: &str,
    before: i64,
    limit: usize,
) -> Result<Vec<Written>, botbuilder_store::Error> {
    let scope = OrgScope::of_service(known.widget.org);
    let mut tx = gateway.store.begin(&scope).await?;
    let limit = i64::try_from(limit.min(PAGE)).unwrap_or(i64::MAX);
    let frames = widget_messages::before(&mut tx, &scope, visitor, before, limit).await?;
    tx.commit().await?;
    Ok(written(gateway, known.widget.org, frames))
}

/// What a client that comes back is told first.
#[derive(Debug)]
pub(super) struct Begun {
    /// How far the history goes and was read.
    pub(super) marks: Marks,
    /// The client's number is of another history.
    pub(super) is_other: bool,
    /// The first page of what it lacks.
    pub(super) frames: Vec<Written>,
}

/// What a client lacks that has all up to `last_seq`. A storm of them waits in line here, and leaves connections of
/// the database to everything else.
pub(super) async fn begin(
    gateway: &Gateway,
    known: &Known,
    visitor: &str,
    last_seq: i64,
    tail: i64,
) -> Result<Begun, botbuilder_store::Error> {
    let _turn = gateway.hub.refills().await;
    let scope = OrgScope::of_service(known.widget.org);
    let mut tx = gateway.store.begin(&scope).await?;
    let marks = widget_messages::marks(&mut tx, &scope, visitor).await?;
    let after = begin_after(marks, last_seq, tail);
    let is_other = after.is_none();
    let after = after.unwrap_or(0);
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let frames = if after < marks.last {
        widget_messages::after(&mut tx, &scope, visitor, after, limit).await?
    } else {
        Vec::new()
    };
    tx.commit().await?;
    Ok(Begun { marks, is_other, frames: written(gateway, known.widget.org, frames) })
}

/// After which number to begin for a client that says it has all up to `last_seq` and wants at most `tail` if it has
/// none. None if that number is of another history.
pub(super) fn begin_after(marks: Marks, last_seq: i64, tail: i64) -> Option<i64> {
    if last_seq <= 0 {
        return Some(if tail > 0 { (marks.last - tail).max(0) } else { 0 });
    }
    (last_seq <= marks.last).then_some(last_seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_goes_on_where_it_was_unless_the_history_is_another() {
        let marks = Marks { last: 10, read: 0 };
        assert_eq!(begin_after(marks, 4, 0), Some(4));
        assert_eq!(begin_after(marks, 10, 3), Some(10));
        assert_eq!(begin_after(marks, 11, 0), None);
        assert_eq!(begin_after(marks, i64::MAX, 0), None);
        assert_eq!(begin_after(marks, 0, 0), Some(0));
        assert_eq!(begin_after(marks, 0, 3), Some(7));
        assert_eq!(begin_after(marks, -1, 30), Some(0));
        assert_eq!(begin_after(Marks::default(), 1, 0), None);
    }
}
