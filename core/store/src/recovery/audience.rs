//! Who a campaign would reach: contacts, counted by what its `audience` says of them.

use serde_json::Value;

use crate::{Error, OrgScope, Tx};

/// What contacts must be. Empty lists and none say nothing.
#[derive(Debug, Clone, Default)]
pub struct Audience<'a> {
    /// Kinds of channel.
    pub channel_kinds: &'a [String],
    /// At least one of these tags.
    pub include_tags: &'a [String],
    /// None of these tags.
    pub exclude_tags: &'a [String],
    /// One of these languages, by the first part of the contact's locale, in small letters.
    pub languages: &'a [String],
    /// One of these consents.
    pub consent: &'a [String],
    /// What a customer is worth, at least, in millionths. Those of whom it is not known are not meant.
    pub least_value: Option<f64>,
    /// What a customer is worth, at most.
    pub most_value: Option<f64>,
    /// These attributes, with these values.
    pub attributes: Option<&'a Value>,
}

/// The contacts of one kind of channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The kind of channel.
    pub channel_kind: String,
    /// Contacts that are meant.
    pub contacts: i64,
    /// Those of them who take messages: neither opted out nor blocked.
    pub reachable: i64,
}

/// Counts the contacts that are meant, by kind of channel.
#[tracing::instrument(level = "debug", name = "store.recovery.audience.count", skip_all)]
pub async fn count(tx: &mut Tx, scope: &OrgScope, audience: &Audience<'_>) -> Result<Vec<Counted>, Error> {
    let is_worth_asked = audience.least_value.is_some() || audience.most_value.is_some();
    Ok(sqlx::query_as!(
        Counted,
        r#"
        SELECT c.type AS channel_kind, count(*) AS "contacts!",
               count(*) FILTER (WHERE t.consent <> 'opted_out' AND t.blocked_at IS NULL) AS "reachable!"
        FROM channel_contacts t
        JOIN channels c ON c.organization_id = t.organization_id AND c.id = t.channel_id AND c.deleted_at IS NULL
        WHERE t.organization_id = $1 AND t.deleted_at IS NULL
          AND (cardinality($2::text[]) = 0 OR c.type = ANY($2))
          AND (cardinality($3::text[]) = 0 OR t.tags && $3)
          AND NOT t.tags && $4::text[]
          AND (cardinality($5::text[]) = 0
               OR split_part(replace(lower(t.locale), '_', '-'), '-', 1) = ANY($5))
          AND (cardinality($6::text[]) = 0 OR t.consent = ANY($6))
          AND ($7::jsonb IS NULL OR t.attributes @> $7)
          AND (NOT $8::boolean OR EXISTS (
                   SELECT FROM customer_health_scores h
                   WHERE h.organization_id = t.organization_id
                     AND (h.contact_id = t.id OR h.customer_ref = t.customer_ref)
                     AND h.lifetime_value >= coalesce($9::float8, 0)
                     AND ($10::float8 IS NULL OR h.lifetime_value <= $10)))
        GROUP BY c.type ORDER BY c.type
        "#,
        scope.org().uuid(),
        audience.channel_kinds,
        audience.include_tags,
        audience.exclude_tags,
        audience.languages,
        audience.consent,
        audience.attributes,
        is_worth_asked,
        audience.least_value,
        audience.most_value,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
