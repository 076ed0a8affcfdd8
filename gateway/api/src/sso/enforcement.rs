//! Organizations that let their people sign in with their provider only.

use axum::http::StatusCode;
use botbuilder_store::{
    OrgScope,
    audit::audit_logs::{self, Act},
    identity::users::Credentials,
    sso::{connections, people},
};
use serde_json::json;

use crate::{Api, auth::Client, error::ApiError};

/// Refuses a password or a link where the account's domain belongs to a provider that is enforced. An owner with a
/// second factor comes in all the same, for the day the provider is broken, and it is written down.
pub(crate) async fn check(api: &Api, account: &Credentials, client: &Client) -> Result<(), ApiError> {
    let Some((_, domain)) = account.email.rsplit_once('@') else { return Ok(()) };
    let mut tx = api.store.begin_auth().await?;
    let Some(found) = connections::of_domain(&mut tx, domain).await?.filter(|found| found.is_enforced) else {
        return Ok(());
    };
    let member = people::membership(&mut tx, &OrgScope::of_service(found.org), account.id).await?;
    let is_owner = member.is_some_and(|member| member.status == "active" && member.role == "owner");
    if !(is_owner && account.two_factor) {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "sso_required",
            "your organization signs in with its own provider",
        )
        .with(json!({ "login_url": login_url(api, domain) })));
    }
    let act = Act::new("sso.break_glass", "sso_configuration", Some(found.id));
    let actor = client.account(account.id, &account.email);
    audit_logs::append(&mut tx, Some(found.org), api.ids.next(), &actor, act).await?;
    Ok(tx.commit().await?)
}

/// Where people of a domain sign in.
pub(crate) fn login_url(api: &Api, domain: &str) -> String {
    format!("{}/sso/login/{domain}", api.outside.base_url)
}
