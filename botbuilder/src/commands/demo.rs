//! What the demo bot is taught, so that it understands what is typed instead of chosen.

use botbuilder_domain::{BotId, Ids};
use botbuilder_nlu::text::text_key;
use botbuilder_store::{
    Error, OrgScope, Tx,
    nlu::{intent_examples, intents, nlu_trainings},
    table::rows,
};
use serde_json::{Map, Value, json};

/// The intents by their names in the flow, with what people read, and with what people say.
const TAUGHT: [(&str, &str, &[&str]); 3] = [
    (
        "order_status",
        "Order status",
        &[
            "where is my order",
            "where is my parcel",
            "track my order",
            "has my package been shipped",
            "when will my delivery arrive",
            "my parcel did not come yet",
            "what is the status of my order",
            "did you send it already",
            "I am still waiting for my package",
            "how long does the delivery take",
        ],
    ),
    (
        "opening_hours",
        "Opening hours",
        &[
            "when are you open",
            "what are your opening hours",
            "are you open on sunday",
            "what time does the shop close",
            "until when is the store open today",
            "opening times",
            "can I come by on saturday",
            "when do you open in the morning",
            "is the shop open now",
            "business hours",
        ],
    ),
    (
        "talk_to_person",
        "Talk to a person",
        &[
            "I want to talk to a person",
            "can I speak to somebody",
            "give me a human",
            "connect me with an agent",
            "please call me back",
            "I need help from your staff",
            "is there anybody I can talk to",
            "customer service",
            "let me speak with your colleague",
            "I do not want to talk to a robot",
        ],
    ),
];

/// Writes what the demo bot is taught, and asks for its training.
pub async fn teach(tx: &mut Tx, scope: &OrgScope, bot: BotId, ids: &dyn Ids) -> Result<(), Error> {
    for (name, title, examples) in TAUGHT {
        let intent = fields([("bot_id", json!(bot)), ("name", json!(name)), ("display_name", json!(title))]);
        let intent = rows::insert(tx, scope, &intents::TABLE, ids.next(), intent).await?.id;
        let example = |text: &&str| {
            let key = text_key(text);
            fields([
                ("intent_id", json!(intent)),
                ("bot_id", json!(bot)),
                ("text", json!(text)),
                ("text_key", json!(key)),
            ])
        };
        intent_examples::insert_new(tx, scope, examples.iter().map(example).collect()).await?;
        intent_examples::counted(tx, scope, intent).await?;
    }
    let training = fields([("bot_id", json!(bot))]);
    rows::insert(tx, scope, &nlu_trainings::TABLE, ids.next(), training).await?;
    nlu_trainings::begun(tx, scope, bot).await
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
