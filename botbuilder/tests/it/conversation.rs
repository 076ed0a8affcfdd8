//! A person writes and is answered, over each channel, through several turns.

use botbuilder_testkit::{
    fake::Accepted,
    platform::{TestPlatform, Visitor},
};
use serde_json::Value;

/// The payload of a button of a WhatsApp message, by what is read on it.
fn whatsapp_button(message: &Accepted, title: &str) -> String {
    let buttons = message.body.pointer("/interactive/action/buttons").and_then(Value::as_array);
    let replies = buttons.into_iter().flatten().filter_map(|button| button.get("reply"));
    let reply = replies.into_iter().find(|reply| reply["title"] == title);
    let id = reply.and_then(|reply| reply["id"].as_str());
    id.unwrap_or_else(|| panic!("no button {title:?} in {}", message.body)).to_owned()
}

/// The data of a button of a Telegram message, by what is read on it.
fn telegram_button(message: &Accepted, title: &str) -> String {
    let rows = message.body.pointer("/reply_markup/inline_keyboard").and_then(Value::as_array);
    let buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    let button = buttons.into_iter().find(|button| button["text"] == title);
    let data = button.and_then(|button| button["callback_data"].as_str());
    data.unwrap_or_else(|| panic!("no button {title:?} in {}", message.body)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn person_on_whatsapp_is_led_through_the_flow_by_text_and_buttons() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let ada = "4915112345678";
    acme.whatsapp.say(ada, "hello").await.expect("taken");
    let replies = acme.whatsapp_replies(ada, 2).await;
    let text = |at: usize| replies[at].text.clone().unwrap_or_default();
    assert!(text(0).starts_with(&format!("Hello Person {ada}!")), "{}", text(0));
    assert!(text(1).starts_with("What can I do for you?"), "{}", text(1));

    let menu = acme.whatsapp.messages().pop().expect("the menu");
    let order = whatsapp_button(&menu, "Order status");
    acme.whatsapp.tap(ada, &order, "Order status").await.expect("taken");
    let question = acme.whatsapp_replies(ada, 3).await.pop().and_then(|reply| reply.text);
    assert!(question.is_some_and(|text| text.starts_with("What is your order number?")));

    acme.whatsapp.say(ada, "not a number").await.expect("taken");
    let again = acme.whatsapp_replies(ada, 4).await.pop().and_then(|reply| reply.text);
    assert!(again.is_some_and(|text| text.starts_with("That is not an order number.")));

    acme.whatsapp.say(ada, "1002").await.expect("taken");
    let replies = acme.whatsapp_replies(ada, 6).await;
    let status = replies[4].text.clone().unwrap_or_default();
    assert!(status.starts_with("Order 1002 is on its way"), "{status}");

    platform.settled().await;
    for table in ["channel_contacts", "conversations"] {
        assert_eq!(platform.count(&format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn person_on_telegram_is_led_through_the_flow_by_text_and_buttons() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    acme.telegram.say(42, "hello").await.expect("taken");
    let replies = acme.telegram_replies(42, 2).await;
    assert!(
        replies[0].text.as_deref().is_some_and(|text| text.starts_with("Hello Person 42!")),
        "{replies:?}"
    );

    let menu = acme.telegram.messages().pop().expect("the menu");
    let order = telegram_button(&menu, "Order status");
    acme.telegram.tap(42, &order).await.expect("taken");
    let replies = acme.telegram_replies(42, 3).await;
    assert!(replies[2].text.as_deref().is_some_and(|text| text.starts_with("What is your order number?")));

    acme.telegram.say(42, "1001").await.expect("taken");
    let replies = acme.telegram_replies(42, 5).await;
    assert!(
        replies[3].text.as_deref().is_some_and(|text| text.starts_with("Order 1001 is packed")),
        "{replies:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn visitor_of_the_website_is_led_through_the_flow_by_text_and_buttons() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, "acme-web").await;
    visitor.say("hello").await;
    assert!(visitor.frame().await.text().starts_with("Hello there!"));
    let menu = visitor.frame().await;
    let option = menu.content.pointer("/options/0").expect("an option").clone();
    assert_eq!(option["title"], "Order status");

    visitor.choose(option["id"].as_str().expect("an id"), "Order status").await;
    assert!(visitor.frame().await.text().starts_with("What is your order number?"));
    visitor.say("1003").await;
    assert!(visitor.frame().await.text().starts_with("Order 1003 was delivered"));
    assert!(visitor.frame().await.text().starts_with("Anything else?"));
    visitor.choose("no", "No, thank you").await;
    assert!(visitor.frame().await.text().starts_with("Thank you for writing"));
    // The flow has ended: the next word begins it anew.
    visitor.say("hello again").await;
    assert!(visitor.frame().await.text().starts_with("Hello there!"));
}

/// The value of a button of a Slack message, by what is read on it.
fn slack_button(message: &Accepted, title: &str) -> String {
    let blocks = message.body["blocks"].as_array();
    let elements = blocks.into_iter().flatten().filter_map(|block| block["elements"].as_array()).flatten();
    let button = elements.into_iter().find(|element| element["text"]["text"] == title);
    let value = button.and_then(|button| button["value"].as_str());
    value.unwrap_or_else(|| panic!("no button {title:?} in {}", message.body)).to_owned()
}

/// The payload of a button of an Instagram message, by what is read on it.
fn instagram_button(message: &Accepted, title: &str) -> String {
    let template = message.body.pointer("/message/attachment/payload/buttons");
    let buttons = template.or(message.body.pointer("/message/quick_replies")).and_then(Value::as_array);
    let button = buttons.into_iter().flatten().find(|button| button["title"] == title);
    let payload = button.and_then(|button| button["payload"].as_str());
    payload.unwrap_or_else(|| panic!("no button {title:?} in {}", message.body)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn person_on_slack_is_led_through_the_flow_by_text_and_buttons() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let ada = "U0ADA";
    acme.slack.say(ada, "hello").await.expect("taken");
    let replies = acme.slack_replies(ada, 2).await;
    assert!(replies[0].text.as_deref().is_some_and(|text| text.starts_with("Hello there!")), "{replies:?}");

    let menu = acme.slack.messages().pop().expect("the menu");
    let order = slack_button(&menu, "Order status");
    acme.slack.tap(ada, &order, "Order status").await.expect("taken");
    let replies = acme.slack_replies(ada, 3).await;
    assert!(replies[2].text.as_deref().is_some_and(|text| text.starts_with("What is your order number?")));

    acme.slack.say(ada, "1001").await.expect("taken");
    let replies = acme.slack_replies(ada, 5).await;
    assert!(
        replies[3].text.as_deref().is_some_and(|text| text.starts_with("Order 1001 is packed")),
        "{replies:?}"
    );
    platform.settled().await;
    for table in ["channel_contacts", "conversations"] {
        assert_eq!(platform.count(&format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mention_in_a_slack_channel_is_answered_once_and_in_its_thread() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let first = acme.slack.mention("C0SHOP", "U0ADA", "hello", None).await.expect("taken");
    // Another person's thread in the same channel is another conversation.
    let second = acme.slack.mention("C0SHOP", "U0BOB", "hello", None).await.expect("taken");
    let replies = acme.slack_replies("C0SHOP", 4).await;
    platform.settled().await;
    let in_thread = |root: &str| replies.iter().filter(|reply| reply.tag.as_deref() == Some(root)).count();
    assert_eq!((in_thread(&first), in_thread(&second)), (2, 2), "{replies:?}");

    acme.slack.mention("C0SHOP", "U0ADA", "order status", Some(&first)).await.expect("taken");
    let replies = acme.slack_replies("C0SHOP", 5).await;
    assert_eq!(replies[4].tag.as_deref(), Some(first.as_str()));
    platform.settled().await;
    assert_eq!(platform.count("SELECT count(*) FROM conversations").await, 2);
    assert_eq!(acme.slack.conversation("C0SHOP").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn person_on_instagram_is_led_through_the_flow_by_text_and_buttons() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let ada = "1254459154682919";
    acme.instagram.say(ada, "hello").await.expect("taken");
    let replies = acme.instagram_replies(ada, 2).await;
    assert!(replies[0].text.as_deref().is_some_and(|text| text.starts_with("Hello there!")), "{replies:?}");

    let menu = acme.instagram.messages().pop().expect("the menu");
    let order = instagram_button(&menu, "Order status");
    acme.instagram.tap(ada, &order, "Order status").await.expect("taken");
    let replies = acme.instagram_replies(ada, 3).await;
    assert!(replies[2].text.as_deref().is_some_and(|text| text.starts_with("What is your order number?")));

    acme.instagram.say(ada, "1001").await.expect("taken");
    let replies = acme.instagram_replies(ada, 5).await;
    assert!(
        replies[3].text.as_deref().is_some_and(|text| text.starts_with("Order 1001 is packed")),
        "{replies:?}"
    );
    platform.settled().await;

    acme.instagram.see(ada, &replies[0].id).await.expect("taken");
    platform.settled().await;
    let read = "SELECT count(*) FROM channel_messages WHERE direction = 'outbound' AND status = 'read'";
    assert_eq!(platform.count(read).await, 1);
}
