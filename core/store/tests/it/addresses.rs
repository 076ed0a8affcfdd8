//! The addresses of contacts: whatever becomes known of them, and whoever becomes one, none is dropped.

use std::collections::{BTreeMap, BTreeSet};

use botbuilder_domain::{ChannelId, ContactId, Id, OrgId};
use botbuilder_store::{
    OrgScope, Store,
    channels::{
        addresses::{self, Change},
        conversations::{self, Known, Lookup},
        inbox,
        merging::{self, Merged},
    },
};
use botbuilder_testkit::database::TestDatabase;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::fixture::{self, Tenant, execute, id};

/// Cases of the property; each is some dozen statements.
const CASES: u32 = 40;
/// Contacts and addresses of a case.
const CONTACTS: usize = 4;
const ADDRESSES: usize = 8;

struct Shop {
    store: Store,
    pool: PgPool,
    rows: Tenant,
    scope: OrgScope,
    _database: TestDatabase,
}

impl Shop {
    async fn open() -> Self {
        let database = TestDatabase::new().await;
        let pool = database.pool().await;
        let rows = fixture::tenant(&pool, "shop").await;
        let store = Store::connect(database.url(), 2).await.unwrap();
        let scope = OrgScope::of_service(OrgId::from(rows.organization));
        Self { store, pool, rows, scope, _database: database }
    }

    async fn contact(&self, address: &str) -> ContactId {
        let contact = id();
        let Tenant { organization, channel, .. } = &self.rows;
        execute(
            &self.pool,
            &format!(
                "INSERT INTO channel_contacts (id, organization_id, channel_id, external_id)
                 VALUES ('{contact}', '{organization}', '{channel}', '{address}')"
            ),
        )
        .await;
        Id::new(contact)
    }

    async fn found(&self, addresses: &[String]) -> Option<Known> {
        let lookup = Lookup {
            channel: ChannelId::new(self.rows.channel),
            addresses: addresses.to_vec(),
            thread: String::new(),
        };
        let mut tx = self.store.begin(&self.scope).await.unwrap();
        let found = conversations::find_many(&mut tx, &self.scope, &[lookup]).await.unwrap();
        tx.commit().await.unwrap();
        found.into_iter().next().flatten()
    }

    async fn at(&self, address: &str) -> Option<ContactId> {
        self.found(&[address.to_owned()]).await.map(|known| known.contact)
    }

    async fn change(&self, contact: ContactId, change: Change) -> Option<ContactId> {
        let mut tx = self.store.begin(&self.scope).await.unwrap();
        let stays = addresses::change(&mut tx, &self.scope, contact, &change).await.unwrap();
        tx.commit().await.unwrap();
        stays
    }

    async fn merge(&self, keep: ContactId, other: ContactId) -> Merged {
        let mut tx = self.store.begin(&self.scope).await.unwrap();
        let merged = merging::merge(&mut tx, &self.scope, keep, other).await.unwrap();
        tx.commit().await.unwrap();
        merged
    }
}

/// What happens to the contacts of a case, by their places and those of addresses.
#[derive(Debug, Clone, Copy)]
enum Step {
    Also(usize, usize),
    Moved(usize, usize),
    Merge(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..CONTACTS, 0..ADDRESSES).prop_map(|(contact, address)| Step::Also(contact, address)),
        (0..CONTACTS, 0..ADDRESSES).prop_map(|(contact, address)| Step::Moved(contact, address)),
        (0..CONTACTS, 0..CONTACTS).prop_map(|(keep, other)| Step::Merge(keep, other)),
    ]
}

#[tokio::test]
async fn every_address_goes_on_finding_whoever_it_was_given_to() {
    let shop = Shop::open().await;
    let mut runner = TestRunner::new(Config::default());
    let steps = proptest::collection::vec(step(), 1..12);
    for case in 0..CASES {
        let steps = steps.new_tree(&mut runner).unwrap().current();
        let address = |place: usize| format!("{case}-{place}");
        // Who has which addresses: contacts that became one share a set. The first addresses are those of the contacts.
        let mut contacts = Vec::new();
        for place in 0..CONTACTS {
            contacts.push(shop.contact(&address(place)).await);
        }
        let mut person: Vec<usize> = (0..CONTACTS).collect();
        let mut owner: BTreeMap<usize, usize> = (0..CONTACTS).map(|place| (place, place)).collect();
        let join = |person: &mut Vec<usize>, owner: &mut BTreeMap<usize, usize>, a: usize, b: usize| {
            for one in person.iter_mut().chain(owner.values_mut()).filter(|one| **one == b) {
                *one = a;
            }
        };
        for step in &steps {
            match *step {
                Step::Also(contact, place) | Step::Moved(contact, place) => {
                    let change = match step {
                        Step::Also(..) => Change::Also(address(place)),
                        _ => Change::Moved(address(place)),
                    };
                    // Whoever was merged away is reached through an address of theirs, as an event would.
                    let now = shop.at(&address(contact)).await.expect("a contact");
                    let stays = shop.change(now, change).await;
                    assert_eq!(stays, shop.at(&address(place)).await, "{steps:?}");
                    let (one, other) = (person[contact], owner.get(&place).copied());
                    owner.insert(place, one);
                    if let Some(other) = other {
                        join(&mut person, &mut owner, one, other);
                    }
                }
                Step::Merge(keep, other) => {
                    let (one, two) = (shop.at(&address(keep)).await, shop.at(&address(other)).await);
                    let merged = shop.merge(one.unwrap(), two.unwrap()).await;
                    let expected = if one == two { Merged::Unknown } else { Merged::Moved };
                    assert_eq!(merged, expected, "{steps:?}");
                    let (one, two) = (person[keep], person[other]);
                    join(&mut person, &mut owner, one, two);
                }
            }
        }
        let mut found: BTreeMap<usize, BTreeSet<Uuid>> = BTreeMap::new();
        for (place, person) in &owner {
            let contact = shop.at(&address(*place)).await;
            let contact = contact.unwrap_or_else(|| panic!("{} was dropped: {steps:?}", address(*place)));
            found.entry(*person).or_default().insert(contact.uuid());
        }
        assert!(found.values().all(|contacts| contacts.len() == 1), "{found:?} after {steps:?}");
        let distinct: BTreeSet<Uuid> = found.values().flatten().copied().collect();
        assert_eq!(distinct.len(), found.len(), "{found:?} after {steps:?}");
        // Asked for all at once, nobody stands elsewhere but those who are other people.
        for (person, contacts) in &found {
            let theirs: Vec<String> =
                owner.iter().filter(|(_, one)| *one == person).map(|(place, _)| address(*place)).collect();
            let known = shop.found(&theirs).await.unwrap();
            assert!(contacts.contains(&known.contact.uuid()) && known.elsewhere.is_empty(), "{known:?}");
            assert!(theirs.iter().all(|address| known.is_at(address)), "{known:?} {theirs:?}");
        }
    }
}

#[tokio::test]
async fn who_stands_under_another_address_of_the_question_is_named() {
    let shop = Shop::open().await;
    let (scoped, number) = (shop.contact("DE.1").await, shop.contact("491701").await);
    let question = ["DE.1", "4917099", "491701"].map(str::to_owned);
    let known = shop.found(&question).await.unwrap();
    assert_eq!((known.contact, &*known.elsewhere), (scoped, &["491701".to_owned()][..]));
    assert_eq!(shop.change(scoped, Change::Also("491701".to_owned())).await, Some(scoped));
    let known = shop.found(&question).await.unwrap();
    assert_eq!((known.contact, known.elsewhere.len()), (scoped, 0));
    assert_eq!(known.addresses().collect::<Vec<_>>(), ["DE.1", "491701"]);
    assert_eq!(shop.change(number, Change::Also("x".to_owned())).await, None, "it is gone");
}

#[tokio::test]
async fn addresses_are_erased_with_their_contact() {
    let shop = Shop::open().await;
    let contact = shop.contact("a").await;
    for address in ["b", "c", "d"] {
        shop.change(contact, Change::Also(address.to_owned())).await.unwrap();
    }
    let mut tx = shop.store.begin(&shop.scope).await.unwrap();
    assert_eq!(addresses::of(&mut tx, &shop.scope, contact).await.unwrap(), ["a", "b", "c", "d"]);
    inbox::erase(&mut tx, &shop.scope, contact).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    for address in ["a", "b", "c", "d"] {
        assert_eq!(shop.at(address).await, None, "{address}");
    }
}
