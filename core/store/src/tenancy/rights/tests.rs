use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::*;

fn permissions() -> impl Strategy<Value = Permissions> {
    vec(0..=EVERY_VERB, AREAS.len())
        .prop_map(|verbs| Permissions { verbs: verbs.try_into().unwrap_or([0; AREAS.len()]) })
}

fn bot() -> impl Strategy<Value = BotId> {
    (0_u128..4).prop_map(|number| BotId::new(Uuid::from_u128(number)))
}

fn grant() -> impl Strategy<Value = Grant> {
    (option::of(bot()), permissions()).prop_map(|(bot, permissions)| Grant { bot, permissions })
}

/// Whether the second may do all that the first may, in each bot and outside.
fn at_least(less: &Rights, more: &Rights) -> bool {
    let bots = (0_u128..5).map(|number| BotId::new(Uuid::from_u128(number)));
    more.everywhere().contain(less.everywhere())
        && bots.into_iter().all(|bot| more.in_bot(bot).contain(&less.in_bot(bot)))
}

#[test]
fn areas_and_verbs_stand_in_the_order_of_their_bits() {
    assert!(AREAS.iter().enumerate().all(|(place, (area, _))| place == *area as usize));
    assert!(VERBS.iter().enumerate().all(|(place, (verb, _))| place == *verb as usize));
}

#[test]
fn permissions_are_read_as_they_are_written() {
    for texts in [vec!["*"], vec!["bot:*", "flow:read"], vec!["member:read", "member:assign"], vec![]] {
        assert_eq!(Permissions::parse(&texts).unwrap().texts(), texts);
    }
    for text in ["", "bot", "bot:", ":read", "bot:fly", "cat:read", "bot:read:x", "**"] {
        assert_eq!(Permissions::parse(&[text]), Err(UnknownPermission(text.to_owned())));
        assert_eq!(Permissions::parse(&["*", text]), Err(UnknownPermission(text.to_owned())));
    }
}

#[test]
fn a_token_for_a_bot_reaches_nothing_outside_of_it() {
    let bot = BotId::new(Uuid::from_u128(1));
    let read = Permission::new(Area::Bot, Verb::Read);
    let rights = Rights::of_scopes(&Permissions::parse(&["bot:*"]).unwrap(), &[bot]);
    assert!(rights.in_bot(bot).has(read));
    assert!(!rights.everywhere().has(read));
    assert_eq!(rights.bots_with(read), Bots::Only(vec![bot]));
    assert_eq!(rights.bots_with(Permission::new(Area::Flow, Verb::Read)), Bots::Only(vec![]));
}

proptest! {
    #[test]
    fn texts_lead_back(set in permissions()) {
        prop_assert_eq!(Permissions::parse(&set.texts()), Ok(set));
    }

    #[test]
    fn rights_are_monotone(role in permissions(), more in permissions(), grants in vec(grant(), 0..5), one in grant()) {
        let before = Rights::of_member(&role, &grants);
        let higher = Rights::of_member(&role.union(&more), &grants);
        let granted = Rights::of_member(&role, &[grants, vec![one]].concat());
        prop_assert!(at_least(&before, &higher));
        prop_assert!(at_least(&before, &granted));
    }

    #[test]
    fn a_token_never_has_more_than_its_owner_or_its_scopes(
        role in permissions(),
        grants in vec(grant(), 0..5),
        scopes in permissions(),
        bots in vec(bot(), 0..3),
    ) {
        let owner = Rights::of_member(&role, &grants);
        let token = owner.limited_to(&scopes, &bots);
        prop_assert!(at_least(&token, &owner));
        prop_assert!(at_least(&token, &Rights::of_scopes(&scopes, &bots)));
    }

    /// Whatever chain of grants leads from somebody, nobody on it ever has more than the first had.
    #[test]
    fn no_chain_of_grants_leads_beyond_its_beginning(
        role in permissions(),
        grants in vec(grant(), 0..4),
        offers in vec((option::of(bot()), permissions()), 1..12),
    ) {
        let first = Rights::of_member(&role, &grants);
        let mut received: Vec<Grant> = Vec::new();
        for (bot, permissions) in offers {
            let giver = if received.is_empty() { first.clone() } else { Rights::of_member(&Permissions::NONE, &received) };
            if giver.may_grant(&permissions, bot) || first.may_grant(&permissions, bot) {
                received.push(Grant { bot, permissions });
            }
        }
        prop_assert!(at_least(&Rights::of_member(&Permissions::NONE, &received), &first));
    }
}
