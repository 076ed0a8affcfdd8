//! Every example of the function reference holds, and the page is the one that the program makes.

use std::{collections::BTreeMap, env, fs, path::Path};

use botbuilder_flow::{
    Value,
    clock::Zone,
    expression::{Budget, EvalError, Expression, Facts, Moment, SIZE_OF_VALUE_MAX, Scope, groups, reference},
    hours::BusinessHours,
};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::json;

fn hours() -> BusinessHours {
    let day = json!([["09:00", "17:00"]]);
    serde_json::from_value(json!({
        "time_zone": "Europe/Berlin",
        "weekly": { "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day },
        "holidays": [{ "date": "12-25", "name": "Christmas" }],
    }))
    .unwrap()
}

fn evaluate(
    source: &str,
    variables: &[(&str, Value)],
    now: DateTime<Utc>,
    budget: &mut Budget,
) -> Result<Value, String> {
    let hours = hours();
    let facts = Facts { contact_locale: Value::text("en"), ..Facts::default() };
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    let scope = Scope {
        variables: &variables,
        defaults: &BTreeMap::new(),
        facts: &facts,
        moment: Moment { now, zone: Zone::parse("Europe/Berlin").unwrap(), hours: Some(&hours) },
    };
    let expression = Expression::parse(source).map_err(|error| error.to_string())?;
    expression.evaluate(&scope, budget).map_err(|error: EvalError| error.to_string())
}

fn moment() -> DateTime<Utc> {
    "2026-03-04T08:05:00Z".parse().unwrap()
}

#[test]
fn every_example_holds() {
    let mut held = 0;
    for spec in groups().iter().flat_map(|group| group.functions) {
        for (source, expected) in spec.examples {
            let value = |source| evaluate(source, &[], moment(), &mut Budget::new(100_000));
            let found = value(source).unwrap_or_else(|error| panic!("{source}: {error}"));
            assert_eq!(Ok(found), value(expected), "{source}");
            held += 1;
        }
    }
    assert!(held > 80, "only {held} examples");
}

#[test]
fn the_reference_is_the_one_the_program_makes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/flows-functions.md");
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&page, reference()).unwrap();
    }
    let written = fs::read_to_string(&page).unwrap_or_default();
    assert!(written == reference(), "docs/flows-functions.md is old; run this test with UPDATE_SNAPSHOTS=1");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![
            (-5_i32..70).prop_map(f64::from),
            prop::sample::select(vec![0.5, -0.5, 1e300, -1e300, f64::MIN_POSITIVE, 9e15]),
        ]
        .prop_map(Value::Number),
        prop_oneof![
            ".{0,20}",
            Just("ß€😀".repeat(2_000)),
            Just("2026-03-04".to_owned()),
            Just("9999-12-31T23:59:59Z".to_owned()),
            Just("0000-01-01".to_owned()),
            Just("Europe/Berlin".to_owned()),
            Just("((a*)*)*".to_owned()),
            Just("yyyy 'x".to_owned()),
            Just("[[[[1]]]]".to_owned()),
            Just("eur".to_owned()),
        ]
        .prop_map(Value::text),
    ];
    leaf.prop_recursive(3, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::list),
            prop::collection::vec(("[a-c]", inner), 0..4).prop_map(|fields| {
                Value::object(fields.iter().map(|(name, value)| (name.as_str(), value.clone())))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every function, on anything: a value of bounded size or an error, the same each time, and never more than the
    /// budget.
    #[test]
    fn functions_are_total_bounded_and_the_same_each_time(
        values in prop::collection::vec(value(), 4),
        seconds in prop_oneof![Just(0_i64), Just(253_402_300_799), Just(-62_167_219_200), 0_i64..4_000_000_000],
    ) {
        let names = ["a", "b", "c", "d"];
        let variables: Vec<_> = names.into_iter().zip(values).collect();
        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        for spec in groups().iter().flat_map(|group| group.functions) {
            for count in spec.arguments.0..=spec.arguments.1.min(names.len()) {
                let source = format!("{}({})", spec.name, names[..count].join(", "));
                let mut budget = Budget::new(2_000_000);
                let found = evaluate(&source, &variables, now, &mut budget);
                prop_assert_eq!(&found, &evaluate(&source, &variables, now, &mut Budget::new(2_000_000)));
                if let Ok(value) = found {
                    prop_assert!(value.size() <= SIZE_OF_VALUE_MAX, "{}: {} bytes", source, value.size());
                }
                let _ = evaluate(&source, &variables, now, &mut Budget::new(20));
            }
        }
    }
}
