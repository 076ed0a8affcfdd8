//! The texts of mails. Plain text, and nothing in it that a stranger could have written into somebody's mailbox: names of
//! people who are not members yet stay out.

use serde_json::Value;

/// A mail's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub subject: String,
    pub body: String,
}

/// The text of a template. None where there is no such, or what must stand in it is missing.
pub(super) fn render(template: &str, variables: &Value, token: Option<&str>, base_url: &str) -> Option<Text> {
    // The part behind the number sign stays in the browser: it is in no log and no referrer.
    let link = |what: &str| Some(format!("{base_url}/v1/auth/open#{what}={}", token?));
    let minutes = variables["minutes"].as_i64().unwrap_or_default();
    let (subject, body) = match template {
        "verify_email" => (
            "Confirm your e-mail address".to_owned(),
            format!(
                "Welcome to BotBuilder.\n\nPlease confirm that this is your address, within {} hours:\n\n{}\n\n\
                 If you did not register, you need not do anything.\n",
                minutes / 60,
                link("verify")?
            ),
        ),
        "account_exists" => (
            "You have an account already".to_owned(),
            "Somebody, perhaps you, tried to register with this address. There is an account for it already: \
             sign in with it, or ask for a link to choose a new password.\n\n\
             If it was not you, you need not do anything.\n"
                .to_owned(),
        ),
        "change_email" => (
            "Confirm your new e-mail address".to_owned(),
            format!(
                "Please confirm that this is to be the address of your account, within {} hours:\n\n{}\n\n\
                 If you did not ask for this, you need not do anything.\n",
                minutes / 60,
                link("verify")?
            ),
        ),
        "reset_password" => (
            "Choose a new password".to_owned(),
            format!(
                "You asked for a link to choose a new password. It is good for {minutes} minutes, once:\n\n{}\n\n\
                 If you did not ask for it, you need not do anything: your password stays as it is.\n",
                link("reset")?
            ),
        ),
        "magic_link" => (
            "Your link to sign in".to_owned(),
            format!(
                "This link signs you in. It is good for {minutes} minutes, once:\n\n{}\n\n\
                 If you did not ask for it, you need not do anything. Give it to nobody.\n",
                link("magic")?
            ),
        ),
        "invitation" => {
            let organization = variables["organization"].as_str()?;
            let words = variables["message"].as_str().map(|text| format!("\n\n{text}")).unwrap_or_default();
            (
                format!("Invitation to {organization}"),
                format!(
                    "You are invited to {organization} on BotBuilder.{words}\n\nSign in or register with this address, \
                     and then follow this link within {} days:\n\n{}\n",
                    variables["days"].as_i64()?,
                    link("invitation")?
                ),
            )
        }
        "webhook_disabled" => (
            "A webhook was switched off".to_owned(),
            format!(
                "Fifty deliveries in a row to the webhook of \"{}\" were given up, the last because of: {}\n\n\
                 It gets no more events until somebody switches it on again, at {}. What it missed meanwhile is not \
                 made up for.\n",
                variables["name"].as_str()?,
                variables["error"].as_str()?,
                variables["enable"].as_str()?,
            ),
        ),
        "plan_limit" => {
            let percent = variables["percent"].as_i64()?;
            let (used, most) = (variables["used"].as_i64()?, variables["most"].as_i64()?);
            let (what, after) = limit(variables["limit"].as_str()?)?;
            let subject = if percent >= 100 {
                format!("Your plan's {what} are used up")
            } else {
                format!("{percent} % of your plan's {what} are used")
            };
            let body = format!(
                "Your organization has used {used} of the {most} {what} that its plan allows. {after}\n\n\
                 What was used for what is told at /v1/usage/summary. You get this once a month.\n"
            );
            (subject, body)
        }
        "staff_access" => {
            let text = |name: &str| variables[name].as_str();
            (
                "Platform staff act in your organization".to_owned(),
                format!(
                    "A member of the platform's staff ({}) acts in your organization as {}, until {}.\n\nReason: {}\n\n\
                     They read, and change things only after showing their second factor again; they cannot change \
                     anybody's account. Whatever they do stands in your audit log under their name. The session stands \
                     among the open sessions of {}, who can end it at any time.\n",
                    text("staff")?,
                    text("as")?,
                    text("until")?,
                    text("reason")?,
                    text("as")?,
                ),
            )
        }
        "security_notice" => {
            let (subject, sentence) = notice(variables["what"].as_str()?)?;
            let at = variables["at"].as_str().unwrap_or("just now");
            let from = variables["ip"].as_str().map(|ip| format!(", from {ip}")).unwrap_or_default();
            (
                subject.to_owned(),
                format!(
                    "{sentence}\n\nThis was at {at}{from}.\n\nIf it was not you, choose a new password at once, \
                     look at your open sessions, and end those you do not know.\n"
                ),
            )
        }
        "organization_notice" => {
            let (subject, sentence) = matter(variables["what"].as_str()?)?;
            let at = variables["at"].as_str().unwrap_or("just now");
            let by = variables["by"].as_str()?;
            (
                subject.to_owned(),
                format!(
                    "{sentence}\n\nThis was at {at}, by {by}. The audit log of the organization has the details.\n\n\
                     If nobody of you meant this, end that person's sessions and tokens at once, and take it back.\n"
                ),
            )
        }
        _ => return None,
    };
    Some(Text { subject, body })
}

/// What a limit of a plan is called, and what happens beyond it.
fn limit(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "messages_month" => (
            "messages of this month",
            "Beyond them conversations go on, but messages to many at once are refused.",
        ),
        "model_tokens_month" => {
            ("tokens of language models of this month", "They begin anew with the next month.")
        }
        "voice_minutes_month" => ("minutes of calls of this month", "They begin anew with the next month."),
        "storage_mb" => ("megabytes of documents", "Beyond them further documents are refused."),
        _ => return None,
    })
}

/// What owners and admins are told of.
fn matter(what: &str) -> Option<(&'static str, &'static str)> {
    Some(match what {
        "sso_changed" => (
            "Single sign-on of your organization was changed",
            "How people of your organization sign in by their provider was changed, or a token to provision them was made.",
        ),
        "owner_added" => (
            "Your organization has another owner",
            "Somebody was made an owner of your organization, or invited as one.",
        ),
        "ownership_transferred" => (
            "Your organization was given to somebody else",
            "The ownership of your organization was transferred to another member.",
        ),
        _ => return None,
    })
}

fn notice(what: &str) -> Option<(&'static str, &'static str)> {
    Some(match what {
        "failed_attempts" => (
            "Somebody tries to sign in to your account",
            "There were several attempts with a wrong password or code. Nobody is locked out; attempts are slowed down.",
        ),
        "session_reuse" => (
            "A session was ended for your security",
            "A token of one of your sessions was used twice, which happens when it was copied. The session is ended.",
        ),
        "password_changed" => ("Your password was changed", "The password of your account was changed."),
        "email_changed" => (
            "Your e-mail address was changed",
            "Your account has another e-mail address now; this one is not used any more.",
        ),
        "two_factor_enabled" => {
            ("A second factor was added", "Signing in to your account asks for a code from now on.")
        }
        "two_factor_disabled" => {
            ("Your second factor was removed", "Signing in to your account does not ask for a code any more.")
        }
        "backup_codes_regenerated" => {
            ("You have new backup codes", "New backup codes were made; the old ones are void.")
        }
        "backup_code_used" => {
            ("A backup code was used", "One of your backup codes was used in place of a code of your app.")
        }
        "token_created" => {
            ("An API token was made", "A new API token was made for you, or took the place of another.")
        }
        "account_deleted" => ("Your account was closed", "Your account was closed, as you asked."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_template_has_its_link_and_is_good_for_what_it_says() {
        let variables =
            json!({ "name": "http://evil.example", "minutes": 1440, "organization": "Acme", "days": 7 });
        for (template, link) in [
            ("verify_email", "#verify=bbv_1"),
            ("change_email", "#verify=bbv_1"),
            ("reset_password", "#reset=bbv_1"),
            ("magic_link", "#magic=bbv_1"),
            ("invitation", "#invitation=bbv_1"),
        ] {
            let text = render(template, &variables, Some("bbv_1"), "https://bots.example").unwrap();
            assert!(text.body.contains(&format!("https://bots.example/v1/auth/open{link}")), "{text:?}");
            assert!(!text.body.contains("evil"), "{text:?}");
            assert_eq!(
                render(template, &variables, None, "https://bots.example"),
                None,
                "a link without its token"
            );
        }
        assert!(render("verify_email", &variables, Some("x"), "").unwrap().body.contains("24 hours"));
        assert_eq!(render("nothing", &variables, Some("x"), ""), None);
    }

    #[test]
    fn owners_are_told_who_acts_and_why() {
        let variables =
            json!({ "staff": "s@platform.example", "as": "a@acme.example", "until": "2026", "reason": "#7" });
        let text = render("staff_access", &variables, None, "").unwrap();
        for part in ["s@platform.example", "a@acme.example", "2026", "#7"] {
            assert!(text.body.contains(part), "{text:?}");
        }
        let variables =
            json!({ "name": "Orders", "error": "status 500", "enable": "/v1/webhooks/01/enable" });
        let text = render("webhook_disabled", &variables, None, "").unwrap();
        for part in ["Orders", "status 500", "/v1/webhooks/01/enable"] {
            assert!(text.body.contains(part), "{text:?}");
        }
    }

    #[test]
    fn limits_are_told_with_what_happens_beyond_them() {
        for name in ["messages_month", "model_tokens_month", "voice_minutes_month", "storage_mb"] {
            let told = |percent: i64| {
                let variables = json!({ "limit": name, "percent": percent, "used": 801, "most": 1000 });
                render("plan_limit", &variables, None, "").unwrap()
            };
            assert!(told(80).subject.starts_with("80 % of"), "{:?}", told(80));
            assert!(told(100).subject.ends_with("are used up"), "{:?}", told(100));
            assert!(told(80).body.contains("801 of the 1000"), "{:?}", told(80));
        }
        let other = json!({ "limit": "seats", "percent": 80, "used": 1, "most": 1 });
        assert_eq!(render("plan_limit", &other, None, ""), None);
    }

    #[test]
    fn every_notice_has_a_sentence() {
        for what in [
            "failed_attempts",
            "session_reuse",
            "password_changed",
            "email_changed",
            "two_factor_enabled",
            "two_factor_disabled",
            "backup_codes_regenerated",
            "backup_code_used",
            "token_created",
            "account_deleted",
        ] {
            assert!(render("security_notice", &json!({ "what": what }), None, "").is_some(), "{what}");
        }
        assert_eq!(render("security_notice", &json!({ "what": "x" }), None, ""), None);
        for what in ["sso_changed", "owner_added", "ownership_transferred"] {
            let text = render("organization_notice", &json!({ "what": what, "by": "a@b.example" }), None, "");
            assert!(text.is_some_and(|text| text.body.contains("by a@b.example")), "{what}");
        }
    }
}
