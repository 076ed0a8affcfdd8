//! Payments: Telegram asks before it takes money, and takes none where nobody answers within ten seconds.
//!
//! Nothing here can say whether an order may be paid, so a question is answered with no, and the person is told. Where
//! another program that has the bot's token answers, the channel's setting `checkout` is `elsewhere`.

use botbuilder_adapter_kit::{Account, ProviderRequest, SendError};
use serde_json::Map;

use crate::{outbound::request, settings::Calling};

/// The question whether an order may be paid.
pub(crate) const PAYMENT: &str = "payment";
/// The question for the ways in which an order can be sent.
pub(crate) const SHIPPING: &str = "shipping";

/// What the person is told, where the setting `checkout_message` says nothing else.
const MESSAGE: &str = "Payments are not taken here at the moment. You have not been charged.";

/// The id of a question as events carry it: messages have a colon in theirs, taps have neither.
pub(crate) fn query_id(kind: &str, id: &str) -> String {
    format!("{kind}/{id}")
}

/// The refusal of a question with such an id; nothing for any other id, and none where somebody else answers.
pub(crate) fn refusal(
    account: &Account,
    query_id: &str,
) -> Option<Result<Option<ProviderRequest>, SendError>> {
    let (kind, id) = query_id.split_once('/')?;
    let (method, field) = match kind {
        PAYMENT => ("answerPreCheckoutQuery", "pre_checkout_query_id"),
        SHIPPING => ("answerShippingQuery", "shipping_query_id"),
        _ => return None,
    };
    if account.setting("checkout") == Some("elsewhere") {
        return Some(Ok(None));
    }
    let message = account.setting("checkout_message").filter(|message| !message.trim().is_empty());
    let body = Map::from_iter([
        (field.to_owned(), id.into()),
        ("ok".to_owned(), false.into()),
        ("error_message".to_owned(), message.unwrap_or(MESSAGE).into()),
    ]);
    Some(Calling::of(account).map(|settings| Some(request(&settings, method, body))))
}

#[cfg(test)]
mod tests {
    use botbuilder_adapter_kit::{HttpChannel as _, RequestBody, Show};
    use serde_json::{Value, json};

    use super::*;
    use crate::{Telegram, tests::account};

    fn answer(settings: &Value, query_id: &str) -> Option<(String, Value)> {
        let mut account = account();
        account.settings = settings.as_object().unwrap().clone();
        // It is answered whatever else is to be shown.
        let show = Show { seen: false, typing: false };
        let request = Telegram.encode_seen(&account, "", query_id, show).unwrap().pop()?;
        let RequestBody::Json(body) = request.body else { panic!("{:?}", request.body) };
        Some((request.shown_as.rsplit('/').next().unwrap_or_default().to_owned(), body))
    }

    #[test]
    fn nobody_is_left_waiting_for_a_payment_that_nobody_takes() {
        let (method, body) = answer(&json!({}), &query_id(PAYMENT, "42")).unwrap();
        assert_eq!(method, "answerPreCheckoutQuery");
        assert_eq!(body, json!({ "pre_checkout_query_id": "42", "ok": false, "error_message": MESSAGE }));
        let told = json!({ "checkout_message": "Bezahlen geht hier nicht." });
        let (method, body) = answer(&told, &query_id(SHIPPING, "s/1")).unwrap();
        assert_eq!(method, "answerShippingQuery");
        let expected = json!({
            "shipping_query_id": "s/1", "ok": false, "error_message": "Bezahlen geht hier nicht.",
        });
        assert_eq!(body, expected);
        assert_eq!(answer(&json!({ "checkout": "elsewhere" }), &query_id(PAYMENT, "42")), None);
        // A tap is still one.
        assert_eq!(answer(&json!({}), "4711").unwrap().0, "answerCallbackQuery");
    }
}
