use botbuilder_domain::{Choice, ChoiceOption, ChoiceStyle, channel::TextUnit};
use proptest::prelude::*;

use super::*;

/// A channel with everything, and small limits.
const FULL: Capabilities = Capabilities {
    text_max: 100,
    text_unit: TextUnit::Chars,
    caption_max: 20,
    buttons_max: 3,
    button_title_max: 10,
    button_payload_max: 16,
    choice_text_max: 50,
    list_rows_max: 5,
    row_title_max: 12,
    row_description_max: 30,
    media: true,
    album_max: 0,
    album_pictures_only: false,
    location: true,
    contact_card: true,
    delivered_receipts: true,
    read_receipts: true,
    reply_window_hours: None,
    person_window_hours: None,
};

/// A channel that shows text and nothing else.
const BARE: Capabilities = Capabilities {
    buttons_max: 0,
    list_rows_max: 0,
    media: false,
    location: false,
    contact_card: false,
    ..FULL
};

fn options(count: usize) -> Vec<ChoiceOption> {
    (1..=count)
        .map(|number| ChoiceOption {
            id: format!("id{number}"),
            title: format!("Title {number}"),
            description: None,
        })
        .collect()
}

fn choice(count: usize, style: ChoiceStyle) -> Choice {
    Choice { text: "Which?".into(), options: options(count), style, label: None }
}

fn planned(choice: &Choice, capabilities: &Capabilities) -> Plan {
    plan(&Content::Choice(choice.clone()), capabilities).unwrap()
}

fn steps(plan: &Plan) -> Vec<(&str, &str)> {
    plan.downgrades.iter().map(|step| (step.from.as_str(), step.to.as_str())).collect()
}

fn last_choice(plan: &Plan) -> &Choice {
    match plan.parts.last() {
        Some(Content::Choice(choice)) => choice,
        other => panic!("no options on the last part: {other:?}"),
    }
}

fn texts(plan: &Plan) -> Vec<&str> {
    plan.parts.iter().map(|part| part.plain_text().unwrap()).collect()
}

#[test]
fn what_fits_is_left_alone() {
    for style in [ChoiceStyle::Buttons, ChoiceStyle::List] {
        let choice = choice(3, style);
        let plan = planned(&choice, &FULL);
        assert_eq!((plan.parts, plan.downgrades), (vec![Content::Choice(choice)], Vec::new()));
    }
}

#[test]
fn buttons_become_a_list_and_then_a_numbered_text() {
    let plan = planned(&choice(4, ChoiceStyle::Buttons), &FULL);
    assert_eq!(steps(&plan), [("buttons", "list")]);
    assert_eq!(last_choice(&plan).style, ChoiceStyle::List);

    let many = choice(6, ChoiceStyle::Buttons);
    let plan = planned(&many, &FULL);
    assert_eq!(steps(&plan), [("buttons", "numbered_text")]);
    assert_eq!(plan.downgrades[0].reason, "6 options, 3 at most");
    let expected = "Which?\n\n1. Title 1\n2. Title 2\n3. Title 3\n4. Title 4\n5. Title 5\n6. Title 6";
    assert_eq!(texts(&plan), [expected]);
    assert_eq!(many.resolve("4").unwrap().id, "id4");
}

#[test]
fn a_list_becomes_buttons_and_then_a_numbered_text() {
    let no_lists = Capabilities { list_rows_max: 0, ..FULL };
    let plan = planned(&choice(3, ChoiceStyle::List), &no_lists);
    assert_eq!(steps(&plan), [("list", "buttons")]);
    assert_eq!(last_choice(&plan).style, ChoiceStyle::Buttons);
    assert_eq!(steps(&planned(&choice(4, ChoiceStyle::List), &no_lists)), [("list", "numbered_text")]);
    assert_eq!(steps(&planned(&choice(2, ChoiceStyle::List), &BARE)), [("list", "numbered_text")]);
}

#[test]
fn descriptions_go_above_buttons() {
    let mut choice = choice(2, ChoiceStyle::Buttons);
    choice.options[1].description = Some("the second".into());
    let plan = planned(&choice, &FULL);
    assert_eq!(last_choice(&plan).text, "Which?\n\nTitle 2: the second");
    assert_eq!(steps(&plan), [("description", "text")]);
}

#[test]
fn long_titles_are_shortened() {
    let mut choice = choice(2, ChoiceStyle::Buttons);
    choice.options[0].title = "A title that is long".into();
    let plan = planned(&choice, &FULL);
    assert_eq!(last_choice(&plan).options[0].title, "A title t…");
    assert_eq!(steps(&plan), [("button_title", "shortened_title")]);

    choice.style = ChoiceStyle::List;
    let plan = planned(&choice, &FULL);
    let row = &last_choice(&plan).options[0];
    assert_eq!(
        (row.title.as_str(), row.description.as_deref()),
        ("A title tha…", Some("A title that is long"))
    );
    assert_eq!(steps(&plan), [("row_title", "shortened_title")]);
}

#[test]
fn titles_that_would_look_the_same_are_not_buttons() {
    let mut choice = choice(2, ChoiceStyle::Buttons);
    choice.options[0].title = "The same beginning, one".into();
    choice.options[1].title = "The same beginning, two".into();
    assert_eq!(steps(&planned(&choice, &FULL))[0], ("buttons", "list"));
    let plan = planned(&choice, &Capabilities { list_rows_max: 0, ..FULL });
    assert_eq!(steps(&plan), [("buttons", "numbered_text")]);
    assert!(texts(&plan)[0].contains("1. The same beginning, one"));
}

#[test]
fn ids_that_do_not_fit_or_repeat_end_in_numbers() {
    let mut long = choice(2, ChoiceStyle::Buttons);
    long.options[0].id = "x".repeat(17);
    assert_eq!(steps(&planned(&long, &FULL)), [("buttons", "numbered_text")]);
    let mut twice = choice(2, ChoiceStyle::Buttons);
    twice.options[0].id = "id2".into();
    assert_eq!(steps(&planned(&twice, &FULL)), [("buttons", "numbered_text")]);
}

#[test]
fn options_ride_on_the_last_part() {
    let text = "One sentence that goes on for a while. ".repeat(4);
    let choice = Choice { text: text.clone(), ..choice(2, ChoiceStyle::Buttons) };
    let plan = planned(&choice, &FULL);
    assert_eq!(steps(&plan), [("long_text", "several_messages")]);
    assert_eq!(texts(&plan).concat(), text.trim_end());
    assert_eq!(last_choice(&plan).options.len(), 2);
    assert!(plan.parts[..plan.parts.len() - 1].iter().all(|part| part.kind() == "text"));

    // Numbered options stay together.
    let plan = planned(&choice, &BARE);
    assert_eq!(texts(&plan).last().unwrap().matches("Title").count(), 2);
}

#[test]
fn options_without_a_text_get_one() {
    let mut choice = Choice { text: " \n".into(), ..choice(2, ChoiceStyle::Buttons) };
    assert_eq!(last_choice(&planned(&choice, &FULL)).text, "…");
    choice.label = Some("Pick".into());
    assert_eq!(last_choice(&planned(&choice, &FULL)).text, "Pick");
    choice.options.clear();
    assert_eq!(plan(&Content::Choice(choice), &FULL), Err(PlanError::Empty));
}

fn picture(caption: Option<&str>) -> Media {
    Media {
        media: MediaKind::Image,
        provider_ref: None,
        url: Some("https://example.org/a.png".into()),
        mime_type: None,
        file_name: None,
        size: None,
        sha256: None,
        caption: caption.map(str::to_owned),
        voice: false,
        failure: None,
    }
}

#[test]
fn a_long_caption_is_a_text_of_its_own() {
    let fits = Content::Media(picture(Some("a short caption")));
    assert_eq!(plan(&fits, &FULL).unwrap().parts, std::slice::from_ref(&fits));

    let long = "a caption that is far too long for it";
    let plan = plan(&Content::Media(picture(Some(long))), &FULL).unwrap();
    assert_eq!(plan.parts, [Content::Media(picture(None)), Content::text(long)]);
    assert_eq!(steps(&plan), [("caption", "text")]);
}

#[test]
fn sound_has_no_caption() {
    let sound = Media { media: MediaKind::Audio, ..picture(Some("listen")) };
    let plan = plan(&Content::Media(sound), &FULL).unwrap();
    assert_eq!(plan.parts.len(), 2);
    assert_eq!(plan.parts[1], Content::text("listen"));
}

#[test]
fn a_file_becomes_a_link_or_nothing() {
    let shown = plan(&Content::Media(picture(Some("look"))), &BARE).unwrap();
    assert_eq!(texts(&shown), ["look\nhttps://example.org/a.png"]);
    assert_eq!(steps(&shown), [("image", "link")]);
    let stored = Media { url: None, provider_ref: Some("77".into()), ..picture(None) };
    assert_eq!(plan(&Content::Media(stored.clone()), &BARE), Err(PlanError::NotPossible { kind: "image" }));
    let nowhere = Media { provider_ref: None, ..stored };
    assert_eq!(plan(&Content::Media(nowhere), &FULL), Err(PlanError::NotPossible { kind: "image" }));
}

#[test]
fn a_place_becomes_a_link() {
    let place = Location { latitude: 48.137, longitude: -11.575, name: Some("Office".into()), address: None };
    let plan = plan(&Content::Location(place), &BARE).unwrap();
    assert_eq!(texts(&plan), ["Office\nhttps://maps.google.com/?q=48.137,-11.575"]);
    assert_eq!(steps(&plan), [("location", "maps_link")]);
}

#[test]
fn a_card_becomes_text() {
    let card = ContactCard {
        name: Some("Ada".into()),
        phones: vec!["+44 20 1".into()],
        emails: vec!["ada@example.org".into()],
        details: None,
    };
    let plan = plan(&Content::Contact(card), &BARE).unwrap();
    assert_eq!(texts(&plan), ["Ada\n+44 20 1\nada@example.org"]);
    assert_eq!(steps(&plan), [("contact", "text")]);
}

#[test]
fn nothing_is_not_sent() {
    assert_eq!(plan(&Content::text(" \n"), &FULL), Err(PlanError::Empty));
    let nobody = ContactCard { name: None, phones: Vec::new(), emails: Vec::new(), details: None };
    assert_eq!(plan(&Content::Contact(nobody), &FULL), Err(PlanError::Empty));
}

fn some_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z .\n]{0,300}", "\\PC{0,300}"]
}

fn some_choice() -> impl Strategy<Value = Choice> {
    let option = ("[a-z0-9]{0,20}", "\\PC{0,30}", proptest::option::of("\\PC{0,60}"))
        .prop_map(|(id, title, description)| ChoiceOption { id, title, description });
    let style = prop_oneof![Just(ChoiceStyle::Buttons), Just(ChoiceStyle::List)];
    (some_text(), prop::collection::vec(option, 0..12), style, proptest::option::of("\\PC{0,40}"))
        .prop_map(|(text, options, style, label)| Choice { text, options, style, label })
}

/// Whether a part is within what the channel can show.
fn fits(part: &Content, limits: &Capabilities) -> bool {
    let unit = limits.text_unit;
    match part {
        Content::Text { text } => unit.len(text) <= limits.text_max && !text.trim().is_empty(),
        Content::Choice(choice) => {
            let (most, title_max) = match choice.style {
                ChoiceStyle::Buttons => (limits.buttons_max, limits.button_title_max),
                ChoiceStyle::List => (limits.list_rows_max, limits.row_title_max),
            };
            unit.len(&choice.text) <= limits.choice_text_max
                && !choice.text.trim().is_empty()
                && (1..=most).contains(&choice.options.len())
                && choice.label.as_ref().is_none_or(|label| label.chars().count() <= limits.button_title_max)
                && choice.options.iter().all(|option| {
                    (1..=title_max).contains(&option.title.chars().count())
                        && (1..=limits.button_payload_max).contains(&option.id.len())
                        && option.description.as_ref().is_none_or(|text| {
                            choice.style == ChoiceStyle::List
                                && (1..=limits.row_description_max).contains(&text.chars().count())
                        })
                })
        }
        _ => true,
    }
}

proptest! {
    #[test]
    fn every_part_fits_the_channel(
        choice in some_choice(), buttons in 0_usize..5, rows in 0_usize..8, above in 20_usize..80,
    ) {
        let limits = Capabilities {
            buttons_max: buttons, list_rows_max: rows, choice_text_max: above, ..FULL
        };
        if let Ok(plan) = plan(&Content::Choice(choice.clone()), &limits) {
            prop_assert!(!plan.parts.is_empty());
            for part in &plan.parts {
                prop_assert!(fits(part, &limits), "{:?}", part);
            }
            let asked = matches!(plan.parts.last(), Some(Content::Choice(_)));
            if let Some(Content::Choice(shown)) = plan.parts.last() {
                let ids = |options: &[ChoiceOption]| options.iter().map(|option| option.id.clone()).collect::<Vec<_>>();
                prop_assert_eq!(ids(&shown.options), ids(&choice.options));
            }
            if !choice.options.is_empty() && !asked {
                prop_assert!(!plan.downgrades.is_empty());
            }
        }
    }

    #[test]
    fn a_long_text_arrives_whole(text in some_text()) {
        match plan(&Content::text(text.clone()), &FULL) {
            Ok(plan) => {
                let sent = texts(&plan).concat();
                let visible = |text: &str| text.split_whitespace().collect::<String>();
                prop_assert_eq!(visible(&sent), visible(&text));
                prop_assert!(plan.parts.iter().all(|part| fits(part, &FULL)));
            }
            Err(error) => prop_assert!(error == PlanError::Empty && text.trim().is_empty()),
        }
    }
}

fn file(media: MediaKind, number: usize) -> Media {
    Media {
        media,
        provider_ref: None,
        url: Some(format!("https://example.org/{number}")),
        mime_type: None,
        file_name: None,
        size: None,
        sha256: None,
        caption: None,
        voice: false,
        failure: None,
    }
}

proptest! {
    #[test]
    fn nothing_but_pictures_stands_together_where_only_pictures_do(
        kinds in proptest::collection::vec(0_usize..5, 1..30),
        most in 0_usize..11,
    ) {
        const KINDS: [MediaKind; 5] =
            [MediaKind::Image, MediaKind::Image, MediaKind::Video, MediaKind::Audio, MediaKind::Document];
        let items: Vec<Media> =
            kinds.iter().enumerate().map(|(number, kind)| file(KINDS[*kind], number)).collect();
        let capabilities = Capabilities { album_max: most, album_pictures_only: true, ..FULL };
        let planned = plan(&Content::Album { items: items.clone() }, &capabilities).unwrap();
        let mut sent = Vec::new();
        for part in planned.parts {
            match part {
                Content::Media(file) => sent.push(file),
                Content::Album { items } => {
                    prop_assert!((2..=most).contains(&items.len()));
                    prop_assert!(items.iter().all(|file| file.media == MediaKind::Image));
                    sent.extend(items);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert_eq!(sent, items);
    }
}
