//! What an event about the account means for its connection.

use botbuilder_adapter_meta::GraphError;
use botbuilder_domain::Standing;
use serde_json::Value;

/// Reads the value of the field with this name. None where it says nothing of the connection.
pub(crate) fn of(field: &str, value: &Value) -> Option<Standing> {
    let text = |place: &str| value.pointer(place).and_then(Value::as_str);
    let event = text("/event").unwrap_or_default();
    let said = |what: &str| format!("{}: {}", field.replace('_', " "), what.replace('_', " ").to_lowercase());
    match field {
        "account_update" => match event {
            "DISABLED_UPDATE" | "ACCOUNT_DELETED" | "PARTNER_REMOVED" => {
                match text("/ban_info/waba_ban_state") {
                    Some("REINSTATE") => Some(Standing::Well),
                    Some("SCHEDULE_FOR_DISABLE") => {
                        Some(Standing::Troubled { why: said("scheduled to be disabled") })
                    }
                    _ => Some(Standing::Down { why: said(event) }),
                }
            }
            "ACCOUNT_VIOLATION" | "ACCOUNT_RESTRICTION" => Some(Standing::Troubled { why: said(event) }),
            _ => None,
        },
        "account_alerts" if text("/alert_info/alert_severity") == Some("INFORMATIONAL") => None,
        "account_alerts" => {
            let what = text("/alert_info/alert_type").or_else(|| text("/alert_type")).unwrap_or("alert");
            Some(Standing::Troubled { why: said(what) })
        }
        "phone_number_quality_update" => match event {
            "FLAGGED" | "DOWNGRADE" => Some(Standing::Troubled { why: said(event) }),
            "UNFLAGGED" => Some(Standing::Well),
            _ => None,
        },
        "errors" => {
            let first = GraphError::read(value.get(0)?);
            Some(Standing::Troubled { why: format!("{} ({})", first.text(), first.code_text()) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_operators_have_to_know_is_told_and_nothing_else() {
        let troubled = |why: &str| Some(Standing::Troubled { why: why.to_owned() });
        let down = |why: &str| Some(Standing::Down { why: why.to_owned() });
        let cases = [
            ("account_update", json!({ "event": "VERIFIED_ACCOUNT" }), None),
            (
                "account_update",
                json!({ "event": "DISABLED_UPDATE", "ban_info": { "waba_ban_state": "DISABLE" } }),
                down("account update: disabled update"),
            ),
            (
                "account_update",
                json!({ "event": "DISABLED_UPDATE", "ban_info": { "waba_ban_state": "REINSTATE" } }),
                Some(Standing::Well),
            ),
            (
                "account_update",
                json!({ "event": "DISABLED_UPDATE", "ban_info": { "waba_ban_state": "SCHEDULE_FOR_DISABLE" } }),
                troubled("account update: scheduled to be disabled"),
            ),
            (
                "account_update",
                json!({ "event": "ACCOUNT_VIOLATION" }),
                troubled("account update: account violation"),
            ),
            (
                "account_alerts",
                json!({ "alert_info": { "alert_severity": "WARNING", "alert_type": "INCREASED_CAPABILITIES_DENIED" } }),
                troubled("account alerts: increased capabilities denied"),
            ),
            (
                "account_alerts",
                json!({ "alert_info": { "alert_severity": "INFORMATIONAL", "alert_type": "OBA_APPROVED" } }),
                None,
            ),
            (
                "phone_number_quality_update",
                json!({ "event": "FLAGGED" }),
                troubled("phone number quality update: flagged"),
            ),
            ("phone_number_quality_update", json!({ "event": "UNFLAGGED" }), Some(Standing::Well)),
            ("phone_number_quality_update", json!({ "event": "UPGRADE" }), None),
            (
                "errors",
                json!([{ "code": 130_429, "title": "Rate limit hit" }]),
                troubled("Rate limit hit (130429)"),
            ),
            ("errors", json!([]), None),
            ("security", json!({ "event": "PIN_CHANGED" }), None),
        ];
        for (field, value, expected) in cases {
            assert_eq!(of(field, &value), expected, "{field} {value}");
        }
    }
}
