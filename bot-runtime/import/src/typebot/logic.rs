//! Logic: variables, conditions, ways.

use serde_json::{Value as Json, json};

use super::{
    Here,
    conditions::condition,
    script, set,
    template::{is_dynamic, template},
};
use crate::{
    build::{Chain, quoted, value_tag},
    items,
    report::Notes,
    text,
};

/// Most cases of a `switch`.
const CASES_MAX: usize = 50;

/// Adds a logic block and leads to where it does.
pub(super) fn logic(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    match text(here.block, "type") {
        "Condition" => return branches(here, chain, notes),
        "AB test" => return ab_test(here, chain, notes),
        "Jump" => {
            let target = here.source.place(here.option_text("groupId"), here.option_text("blockId"));
            return chain.finish(target.as_deref());
        }
        "Return" => {
            notes.changed("the flow ends, which returns to the flow that called it");
            return chain.finish(None);
        }
        "Typebot link" => return link(here, chain, notes),
        "Set variable" => assign(here, &mut chain, notes),
        "Redirect" => {
            let url = template(here.source, notes, here.option_text("url"));
            notes.changed("the address is sent as a text");
            if !url.is_empty() {
                chain.push("message", json!({ "text": url }), &["next"]);
            }
        }
        "Wait" => wait(here, &mut chain, notes),
        "webhook" => {
            notes.changed("it waits for the event `webhook`, which is sent over the API");
            chain.push("wait_for_event", json!({ "event": "webhook" }), &["next"]);
        }
        _ => notes.not_supported("scripts are not run; the block is passed over"),
    }
    chain.finish(here.next.as_deref());
}

fn branches(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    let items = items(here.block, "items");
    if items.is_empty() {
        return chain.finish(here.next.as_deref());
    }
    if items.len() > CASES_MAX {
        notes.not_supported(format!("conditions behind the {CASES_MAX}th"));
    }
    let items = &items[..items.len().min(CASES_MAX)];
    let mut cases = Vec::new();
    for (number, item) in (1..).zip(items) {
        let mut when = condition(here.source, notes, item.get("content").unwrap_or(&Json::Null));
        if let Err(error) = botbuilder_flow::expression::Expression::parse(&when) {
            notes.not_supported(format!("condition {number} never holds: {}", error.message));
            "false".clone_into(&mut when);
        }
        cases.push(json!({ "id": format!("case_{number}"), "when": when }));
    }
    let id = chain.branch("switch", json!({ "cases": cases }));
    for (number, item) in (1..).zip(items) {
        let exit = (id.clone(), format!("case_{number}"));
        match here.after(item) {
            Some(target) => chain.builder.edge(&exit, &target),
            None => chain.builder.end(&exit),
        }
    }
    chain.tails = vec![(id, "other".to_owned())];
    chain.finish(here.next.as_deref());
}

fn ab_test(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    let share = here.option("aPercent").as_u64().unwrap_or(50).min(100);
    if share == 0 || share == 100 {
        notes.changed("a share of nothing is one in a hundred");
    }
    let weights = [share.clamp(1, 99), 100 - share.clamp(1, 99)];
    let variants = json!([{ "id": "a", "weight": weights[0] }, { "id": "b", "weight": weights[1] }]);
    let id = chain.branch("ab_split", json!({ "variants": variants }));
    let items = items(here.block, "items");
    for (index, path) in ["a", "b"].into_iter().enumerate() {
        let item = items.iter().find(|item| text(item, "path") == path || text(item, "ab") == path);
        let item = item.or_else(|| items.get(index)).unwrap_or(&Json::Null);
        let exit = (id.clone(), path.to_owned());
        match here.after(item) {
            Some(target) => chain.builder.edge(&exit, &target),
            None => chain.builder.end(&exit),
        }
    }
    chain.finish(None);
}

fn link(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    let (typebot, group) = (here.option_text("typebotId"), here.option_text("groupId"));
    if typebot == "current" || (!typebot.is_empty() && typebot == here.source.id) {
        return match here.source.place(group, "") {
            Some(target) => chain.finish(Some(&target)),
            None => chain.finish(here.source.start().as_deref()),
        };
    }
    if typebot.is_empty() {
        notes.not_supported("it names no typebot");
    } else {
        notes.changed(format!(
            "the typebot {typebot} is called from its start, and shares no variables; import it too"
        ));
        chain.push("call_flow", json!({ "flow": typebot }), &["next"]);
    }
    chain.finish(here.next.as_deref());
}

fn wait(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>) {
    let seconds = here.option("secondsToWaitFor");
    let number = seconds.as_f64().or_else(|| seconds.as_str().and_then(|text| text.trim().parse().ok()));
    match (number, seconds.as_str()) {
        (Some(number), _) if number > 0.0 => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
            let whole = number.ceil().clamp(1.0, 2_592_000.0) as u64;
            if number.fract() != 0.0 {
                notes.changed("whole seconds are waited");
            }
            chain.push("delay", json!({ "seconds": whole }), &["next"]);
        }
        (_, Some(text)) if is_dynamic(text) => {
            let value = super::template::expression(here.source, notes, text);
            let until = format!("{{{{ add_minutes(now(), default(number({value}), 0) / 60) }}}}");
            chain.push("delay", json!({ "until": until }), &["next"]);
        }
        _ => notes.changed("it waits for no time"),
    }
}

fn assign(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>) {
    let Some(variable) = here.variable("variableId").map(str::to_owned) else {
        return notes.changed("it names no variable");
    };
    let moment = "if(hour() < 12, \"morning\", if(hour() < 18, \"afternoon\", if(hour() < 22, \"evening\", \"night\")))";
    let value = match here.option_text("type") {
        "" | "Custom" => return custom(here, chain, notes, &variable),
        "Empty" => Json::Null,
        "Now" => json!("{{ now() }}"),
        "Today" => json!("{{ date() }}"),
        "Yesterday" => json!("{{ add_days(date(), -1) }}"),
        "Tomorrow" => json!("{{ add_days(date(), 1) }}"),
        "Moment of the day" => json!(format!("{{{{ {moment} }}}}")),
        "Contact name" => json!("{{ contact.name }}"),
        "User ID" | "Result ID" | "Random ID" => {
            notes.changed("it is the id of the contact");
            json!("{{ contact.id }}")
        }
        "Environment name" => {
            notes.changed("it is the name of the channel");
            json!("{{ channel }}")
        }
        "Phone number" => {
            notes.changed("it is asked from the bot's constants: `bot.phone_number`");
            json!(value_tag("bot.phone_number"))
        }
        "Append value(s)" => {
            let item = super::template::expression(here.source, notes, here.option_text("item"));
            json!(format!("{{{{ append({variable}, {item}) }}}}"))
        }
        "Pop" | "Shift" => {
            let (taken, left) = if here.option_text("type") == "Pop" {
                ("last", format!("slice({variable}, 0, len({variable}) - 1)"))
            } else {
                ("first", format!("slice({variable}, 1)"))
            };
            if let Some(target) = here.variable("saveItemInVariableId").map(str::to_owned) {
                set(chain, &target, value_tag(&format!("{taken}({variable})")));
            }
            json!(format!("{{{{ {left} }}}}"))
        }
        other => return notes.not_supported(format!("`{other}`; the variable keeps its value")),
    };
    set(chain, &variable, value);
}

/// A value of the author's: a text, or an expression.
fn custom(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>, variable: &str) {
    let source = here.option_text("expressionToEvaluate");
    if source.trim().is_empty() {
        return set(chain, variable, Json::Null);
    }
    match script::translate(here.source, source) {
        Ok(expression) => set(chain, variable, value_tag(&expression)),
        Err(_) if !looks_like_code(source) && here.option("isCode").as_bool() != Some(true) => {
            let value = template(here.source, notes, source);
            set(chain, variable, value);
        }
        Err(reason) => {
            notes.not_supported(format!(
                "the expression {}: {reason}; the variable keeps its value",
                quoted(&source.chars().take(80).collect::<String>())
            ));
        }
    }
}

/// Whether a text is more than words and variables.
fn looks_like_code(source: &str) -> bool {
    ["=>", "return ", "const ", "let ", "var ", "function", "();", "Math.", "new Date", "JSON."]
        .iter()
        .any(|sign| source.contains(sign))
}
