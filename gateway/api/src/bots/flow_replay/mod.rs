//! `/v1/flows/{id}/replay`: recorded conversations, played again with a draft or with what had them; and a recorded
//! conversation as a test.

mod archive;

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_domain::{BotId, ConversationId};
use botbuilder_flow::{
    Flow, Session, Settings,
    recording::Part,
    replay::{Compared, Cost, Difference, compare, replay},
    simulate::recorded,
};
use botbuilder_store::{
    bots::bot_flows::TABLE,
    channels::conversations::TABLE as CONVERSATIONS,
    flows::conversation_turns,
    table::rows::{self, Place},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::archive::{Archive, Conversation, Definitions, Draft};
use super::flow_variables::declared;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, execute, read},
    resource::act::fields,
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

/// Most conversations of a call.
const MOST: usize = 1_000;
/// Conversations that are read and played at a time.
const AT_A_TIME: usize = 50;
/// Most conversations whose differences are told one by one.
const TOLD: usize = 100;
/// Longest name of a test, in characters.
const NAME: usize = 120;

/// The routes.
pub fn routes() -> Routes {
    let body = json!({
        "type": "object",
        "properties": {
            "against": { "type": "string", "enum": ["draft", "recorded"] },
            "definition": { "type": "object" },
            "conversations": { "type": "array", "maxItems": MOST, "items": { "type": "string", "format": "uuid" } },
            "since": { "type": "string", "format": "date-time" },
            "limit": { "type": "integer", "minimum": 1, "maximum": MOST },
        },
        "additionalProperties": false,
    });
    let test = json!({
        "type": "object",
        "properties": { "name": { "type": "string", "minLength": 1, "maxLength": NAME } },
        "additionalProperties": false,
    });
    Routes::new()
        .add(
            Operation::post(
                "/v1/flows/{id}/replay",
                execute(Area::Flow),
                "plays recorded conversations again with the draft, or with the versions that had them",
            )
            .takes(body)
            .gives(json!({ "type": "object" }))
            .up_to(DEFINITION_LIMIT),
            play,
        )
        .add(
            Operation::post(
                "/v1/conversations/{id}/as-test",
                read(Area::Conversation),
                "the recorded conversation as a test for `botbuilder test`",
            )
            .takes(test)
            .gives(json!({ "type": "object" })),
            as_test,
        )
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Against {
    #[default]
    Draft,
    Recorded,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    #[serde(default)]
    against: Against,
    /// The draft of the flow where none is given.
    definition: Option<Value>,
    /// The last ones where none are named.
    conversations: Option<Vec<Uuid>>,
    since: Option<DateTime<Utc>>,
    limit: Option<usize>,
}

/// What came of all of them.
#[derive(Default, Serialize)]
struct Report {
    conversations: usize,
    steps: usize,
    /// Steps that cannot be played any more.
    lost: usize,
    /// Steps that the version that made them does not make again in the same way.
    strayed: Vec<Strayed>,
    /// Conversations that go otherwise.
    different: usize,
    differences: Vec<Different>,
    cost: Costs,
}

#[derive(Default, Serialize)]
struct Costs {
    before: Cost,
    after: Cost,
}

#[derive(Serialize)]
struct Strayed {
    conversation: Uuid,
    step: usize,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Different {
    conversation: Uuid,
    steps: Vec<Difference>,
    unanswered: usize,
}

async fn play(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(asked): Body<Play>,
) -> Result<Json<Value>, ApiError> {
    // What people said is read.
    caller.require(read(Area::Conversation))?;
    let most = asked.limit.unwrap_or(AT_A_TIME);
    let named = asked.conversations.as_ref().map_or(0, Vec::len);
    if most == 0 || most > MOST || named > MOST {
        return Err(ApiError::invalid("limit", format!("must be from 1 to {MOST}")));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, Place { parent: None, id }, None).await?;
    let mut row = fields(&row.ok_or(ApiError::NotFound)?)?;
    let bot = row.get("bot_id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let bot = BotId::from(bot.ok_or_else(|| ApiError::defect("a flow without a bot"))?);
    let draft = match asked.against {
        Against::Recorded => None,
        Against::Draft => {
            let definition = asked.definition.or_else(|| row.remove("draft_definition")).unwrap_or_default();
            let definition = declared(&mut tx, &caller, id, &definition).await?;
            Some(Draft { id, flow: Arc::new(drafted(&definition)?) })
        }
    };
    let ids: Vec<ConversationId> = if let Some(named) = asked.conversations {
        named.into_iter().map(ConversationId::from).collect()
    } else {
        let most = i64::try_from(most).unwrap_or_default();
        conversation_turns::conversations(&mut tx, &caller.scope, bot, id, asked.since, most).await?
    };
    tx.commit().await?;

    let (mut archive, mut report) = (Archive::default(), Report::default());
    for piece in ids.chunks(AT_A_TIME) {
        let mut tx = api.store.begin(&caller.scope).await?;
        let conversations = archive.read(&mut tx, &caller.scope, piece).await?;
        tx.commit().await?;
        let draft = draft.clone();
        // Hundreds of steps are made without a pause.
        let played = tokio::task::spawn_blocking(move || {
            for conversation in &conversations {
                report.add(&mut archive, conversation, draft.as_ref());
            }
            (archive, report)
        });
        (archive, report) = played.await.map_err(ApiError::defect)?;
    }
    Ok(Json(json!({ "data": report })))
}

fn drafted(definition: &Value) -> Result<Flow, ApiError> {
    let (flow, problems) = Flow::draft(definition);
    flow.ok_or_else(|| {
        let detail = format!("the flow has {} problems", problems.len());
        ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, "flow_invalid", detail)
            .about("definition")
            .with(json!({ "problems": problems }))
    })
}

/// Plays a conversation with the bots that had it, and with the draft.
fn compared(archive: &mut Archive, conversation: &Conversation, draft: Option<&Draft>) -> Compared {
    let archive = std::cell::RefCell::new(archive);
    let bot = |step: usize, session: &Session| archive.borrow_mut().bot(conversation, step, session);
    match draft {
        None => Compared { before: replay(&conversation.steps, bot), ..Compared::default() },
        Some(draft) => compare(&conversation.steps, bot, |step, session| {
            archive.borrow_mut().with_draft(draft, conversation, step, session)
        }),
    }
}

impl Report {
    fn add(&mut self, archive: &mut Archive, conversation: &Conversation, draft: Option<&Draft>) {
        let compared = compared(archive, conversation, draft);
        let played = compared.before.told.iter().flatten().count();
        self.conversations += 1;
        self.steps += played;
        self.lost += conversation.lost + (conversation.steps.len() - played);
        let strayed = compared.before.strayed.iter();
        let strayed = strayed.map(|(step, parts)| Strayed {
            conversation: conversation.id,
            step: *step,
            parts: parts.clone(),
        });
        self.strayed.extend(strayed.take(TOLD.saturating_sub(self.strayed.len())));
        sum(&mut self.cost.before, &compared.before.cost);
        sum(&mut self.cost.after, &compared.cost);
        let steps = compared.differences();
        if !steps.is_empty() {
            self.different += 1;
            if self.differences.len() < TOLD {
                let unanswered = compared.unanswered;
                self.differences.push(Different { conversation: conversation.id, steps, unanswered });
            }
        }
    }
}

fn sum(all: &mut Cost, one: &Cost) {
    all.messages += one.messages;
    all.nodes += one.nodes;
    all.questions += one.questions;
    all.usage.tokens += one.usage.tokens;
    all.usage.micros += one.usage.micros;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsTest {
    name: Option<String>,
}

async fn as_test(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(AsTest { name }): Body<AsTest>,
) -> Result<Json<Value>, ApiError> {
    caller.require(read(Area::Flow))?;
    if name.as_ref().is_some_and(|name| name.trim().is_empty() || name.chars().count() > NAME) {
        return Err(ApiError::invalid("name", format!("must have 1 to {NAME} characters")));
    }
    let name = name.unwrap_or_else(|| format!("conversation {id}"));
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = Place { parent: None, id };
    if rows::get(&mut tx, &caller.scope, &CONVERSATIONS, place, None).await?.is_none() {
        return Err(ApiError::NotFound);
    }
    let mut archive = Archive::default();
    let conversation = archive.read(&mut tx, &caller.scope, &[id.into()]).await?.into_iter().next();
    let not_recorded =
        || ApiError::conflict("not_recorded", "the conversation is not recorded from its beginning");
    let conversation = conversation.ok_or_else(not_recorded)?;
    let from_the_beginning = conversation.steps.first().and_then(|step| step.before.as_deref());
    if from_the_beginning != Some(&Session::default()) {
        return Err(not_recorded());
    }
    let Compared { before, .. } = compared(&mut archive, &conversation, None);
    let bot = archive.bot(&conversation, 0, &Session::default()).ok_or_else(not_recorded)?;
    let made = recorded::case(&name, &conversation.steps, &before, &bot).ok_or_else(not_recorded)?;
    let Definitions { id: flow, definition, called } =
        archive.definitions(&conversation, 0).ok_or_else(not_recorded)?;
    let place = Place { parent: None, id: flow };
    let row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?;
    let flow_name = row.map(|row| fields(&row)).transpose()?.and_then(|mut row| row.remove("name"));
    tx.commit().await?;
    let called: Map<String, Value> =
        called.into_iter().map(|(id, definition)| (id, definition.clone())).collect();
    let settings = (bot.settings != Settings::default()).then_some(&bot.settings);
    let contact = conversation.steps.first().map(|step| step.input.context());
    Ok(Json(json!({ "data": {
        "flow": { "id": flow, "name": flow_name, "definition": definition },
        "flows": called,
        "settings": settings,
        "contact": contact,
        "case": made.case,
        "is_faithful": made.is_faithful,
    } })))
}
