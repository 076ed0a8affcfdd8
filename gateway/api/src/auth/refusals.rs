//! Refusals, in the audit trail (who asked for what without the right) and in the log. The same one is noted once in a
//! while, so that nobody fills either by asking again and again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_store::audit::audit_logs::{Act, Outcome};
use serde_json::json;

use super::Caller;
use crate::{Api, error::ApiError, routes::Operation};

/// How long the same refusal is not noted again.
const ONCE_IN: Duration = Duration::from_mins(1);
/// Most refusals remembered; when there are more, those of before are forgotten.
const MOST: usize = 10_000;

/// What was noted lately, by caller and operation.
#[derive(Debug, Default)]
pub struct Refusals {
    noted: Mutex<HashMap<String, Instant>>,
}

impl Refusals {
    /// Notes that a caller was refused. The refusal stands whether or not it could be noted.
    pub(crate) async fn note(&self, api: &Api, caller: &Caller, operation: &Operation, refusal: &ApiError) {
        let ApiError::Forbidden(permission) = refusal else { return };
        let key = format!("{} {} {}", caller.principal(), operation.method, operation.path);
        if !self.is_new(key, Instant::now()) {
            return;
        }
        let what = json!({
            "method": operation.method.as_str(),
            "path": operation.path,
            "permission": permission.to_string(),
        });
        let act = Act::new("access.denied", "route", None).outcome(Outcome::Denied).metadata(what);
        let noted: Result<(), ApiError> = async {
            let mut tx = api.store.begin(&caller.scope).await?;
            caller.audit(api, &mut tx, act).await?;
            Ok(tx.commit().await?)
        }
        .await;
        if let Err(error) = noted {
            tracing::warn!(?error, "a refusal could not be noted");
        }
    }

    /// Whether this was not noted for a while; then it is to be noted now.
    pub(crate) fn is_new(&self, key: String, now: Instant) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&key).is_some_and(|at| now.duration_since(*at) < ONCE_IN) {
            return false;
        }
        if noted.len() >= MOST {
            noted.retain(|_, at| now.duration_since(*at) < ONCE_IN);
        }
        if noted.len() >= MOST {
            noted.clear();
        }
        noted.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_noted_once_a_minute() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert!(refusals.is_new("a".to_owned(), now));
        assert!(!refusals.is_new("a".to_owned(), now + Duration::from_secs(59)));
        assert!(refusals.is_new("b".to_owned(), now));
        assert!(refusals.is_new("a".to_owned(), now + ONCE_IN));
    }
}
