//! The checker is shown runs in which something is wrong, and has to see it.

use super::*;

const WHATSAPP: Contact = Contact { channel: Channel::Whatsapp, number: 1 };
const TELEGRAM: Contact = Contact { channel: Channel::Telegram, number: 2 };

fn text(input: Input, turns: u32) -> String {
    format!("You said: {} (5 characters, message {turns})", input.text())
}

fn row(contact: Contact, direction: Direction, text: String, status: Status) -> Row {
    Row {
        contact,
        direction,
        text,
        status,
        uncertain_now: false,
        uncertain_before: false,
        provider_id: None,
        error: String::new(),
    }
}

/// A run of three messages each of two contacts, in which nothing is wrong.
fn good() -> Evidence {
    let mut evidence = Evidence::default();
    for contact in [WHATSAPP, TELEGRAM] {
        for number in 1..=3 {
            let input = Input { contact, number };
            let status = if contact == WHATSAPP { Status::Read } else { Status::Sent };
            let id = format!("{contact}-{number}");
            evidence.accepted.push(input);
            evidence.rows.push(row(contact, Direction::Inbound, input.text(), Status::Received));
            evidence.rows.push(Row {
                provider_id: Some(id.clone()),
                ..row(contact, Direction::Outbound, text(input, number), status)
            });
            evidence.deliveries.push(Delivery { contact, id, text: text(input, number) });
        }
    }
    evidence
}

/// The reply to message 2 of a contact, among the rows.
fn reply(evidence: &mut Evidence, contact: Contact) -> &mut Row {
    let second = text(Input { contact, number: 2 }, 2);
    evidence.rows.iter_mut().find(|row| row.contact == contact && row.text == second).unwrap()
}

/// Takes the reply to message 2 of a contact from the provider.
fn take(evidence: &mut Evidence, contact: Contact) -> Delivery {
    let second = text(Input { contact, number: 2 }, 2);
    let place =
        evidence.deliveries.iter().position(|held| held.contact == contact && held.text == second).unwrap();
    evidence.deliveries.remove(place)
}

/// Fails unless this, and nothing else, is found once.
fn only(evidence: &Evidence, name: &str) {
    let verdict = check(evidence);
    for (found, findings) in verdict.named() {
        assert_eq!(findings.count, u64::from(found == name), "{found}: {:?}", findings.examples);
    }
    assert!(!verdict.passed());
}

#[test]
fn a_good_run_passes() {
    let verdict = check(&good());
    assert!(verdict.passed(), "{verdict:?}");
    assert_eq!((verdict.accepted, verdict.delivered), (6, 6));
    assert_eq!(verdict.uncertain, Uncertain::default());
}

#[test]
fn a_run_without_messages_proves_nothing() {
    assert!(!check(&Evidence::default()).passed());
}

#[test]
fn a_message_that_was_not_stored_is_lost() {
    let mut evidence = good();
    evidence.accepted.push(Input { contact: TELEGRAM, number: 4 });
    only(&evidence, "lost");
}

#[test]
fn a_message_without_a_reply_is_lost() {
    let mut evidence = good();
    let input = Input { contact: TELEGRAM, number: 4 };
    evidence.accepted.push(input);
    evidence.rows.push(row(TELEGRAM, Direction::Inbound, input.text(), Status::Received));
    only(&evidence, "lost");
}

#[test]
fn a_reply_that_only_we_hold_is_lost() {
    let mut evidence = good();
    take(&mut evidence, WHATSAPP);
    only(&evidence, "lost");
}

#[test]
fn a_reply_that_failed_is_lost() {
    let mut evidence = good();
    take(&mut evidence, TELEGRAM);
    reply(&mut evidence, TELEGRAM).status = Status::Failed;
    only(&evidence, "lost");
}

#[test]
fn a_turn_that_the_session_forgot_is_lost() {
    let mut evidence = good();
    let forgotten = text(Input { contact: TELEGRAM, number: 2 }, 1);
    take(&mut evidence, TELEGRAM);
    let held = Delivery { contact: TELEGRAM, id: format!("{TELEGRAM}-2"), text: forgotten.clone() };
    evidence.deliveries.insert(4, held);
    reply(&mut evidence, TELEGRAM).text = forgotten;
    only(&evidence, "lost");
}

#[test]
fn a_turn_that_ran_twice_is_duplicated() {
    let mut evidence = good();
    reply(&mut evidence, TELEGRAM).text = text(Input { contact: TELEGRAM, number: 2 }, 3);
    only(&evidence, "duplicated");
}

#[test]
fn a_message_stored_twice_is_duplicated() {
    let mut evidence = good();
    let again = evidence.rows[0].clone();
    evidence.rows.push(again);
    only(&evidence, "duplicated");
}

#[test]
fn a_message_answered_twice_is_duplicated() {
    let mut evidence = good();
    let again = evidence.rows[1].clone();
    evidence.rows.push(again);
    only(&evidence, "duplicated");
}

#[test]
fn a_row_or_a_delivery_out_of_nothing_is_duplicated() {
    let mut evidence = good();
    let input = Input { contact: WHATSAPP, number: 9 };
    evidence.rows.push(row(WHATSAPP, Direction::Inbound, input.text(), Status::Received));
    only(&evidence, "duplicated");
    let mut evidence = good();
    evidence.deliveries.push(Delivery { contact: WHATSAPP, id: "x".into(), text: text(input, 9) });
    only(&evidence, "duplicated");
}

#[test]
fn a_reply_sent_twice_is_a_finding_unless_it_is_marked() {
    let mut evidence = good();
    let again = evidence.deliveries[5].clone();
    evidence.deliveries.push(again);
    only(&evidence, "unflagged duplicates");
    let last = evidence.rows.len() - 1;
    evidence.rows[last].uncertain_before = true;
    let verdict = check(&evidence);
    assert!(verdict.passed(), "{verdict:?}");
    assert_eq!((verdict.outward_duplicates, verdict.uncertain.marked), (1, 1));
}

#[test]
fn replies_in_another_order_are_seen() {
    let mut evidence = good();
    evidence.deliveries.swap(0, 1);
    only(&evidence, "out of order");
}

#[test]
fn a_queued_reply_is_stuck() {
    let mut evidence = good();
    take(&mut evidence, TELEGRAM);
    reply(&mut evidence, TELEGRAM).status = Status::Queued;
    only(&evidence, "stuck");
}

#[test]
fn an_unpublished_row_is_stuck() {
    let mut evidence = good();
    evidence.unpublished.push(("key".into(), "message.send".into()));
    only(&evidence, "stuck");
}

#[test]
fn a_report_that_has_not_arrived_is_stuck() {
    let mut evidence = good();
    reply(&mut evidence, WHATSAPP).status = Status::Sent;
    only(&evidence, "stuck");
}

#[test]
fn a_marked_reply_is_no_failure_and_is_counted() {
    let mut evidence = good();
    let marked = reply(&mut evidence, TELEGRAM);
    (marked.status, marked.uncertain_now, marked.provider_id) = (Status::Queued, true, None);
    let verdict = check(&evidence);
    assert!(verdict.passed(), "{verdict:?}");
    assert_eq!(verdict.uncertain, Uncertain { marked: 1, open_delivered: 1, ..Uncertain::default() });

    take(&mut evidence, TELEGRAM);
    let verdict = check(&evidence);
    assert!(verdict.passed(), "{verdict:?}");
    assert_eq!(verdict.uncertain, Uncertain { marked: 1, open_not_delivered: 1, ..Uncertain::default() });
}

#[test]
fn a_reply_that_its_provider_reported_does_not_stay_uncertain() {
    let mut evidence = good();
    let marked = reply(&mut evidence, WHATSAPP);
    (marked.status, marked.uncertain_now) = (Status::Queued, true);
    only(&evidence, "stuck");
    let settled = reply(&mut evidence, WHATSAPP);
    (settled.status, settled.uncertain_now, settled.uncertain_before) = (Status::Read, false, true);
    let verdict = check(&evidence);
    assert!(verdict.passed(), "{verdict:?}");
    assert_eq!(verdict.uncertain.settled, 1);
}
