//! `POST /v1/organizations/{id}/export`: everything an organization holds, one JSON object a line, as it is read.
//!
//! Each table is read in pieces with a transaction of its own, so an export holds nothing up however long it takes, and is
//! no picture of one instant: what changes meanwhile may be in it as it was or as it is. Secrets are not in it, nor files
//! (rows name them), nor the audit log, which has an export of its own. The last line says how many rows there were; where
//! it is missing, the export broke off.

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    OrgScope,
    audit::audit_logs::Act,
    page::Page,
    table::{
        Tenancy,
        catalogue::DESCRIBED,
        rows::{self, Query},
    },
    tenancy::{organization_members, organizations},
};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::organizations::own;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, delete},
    routes::{Operation, Routes},
};

/// Rows of a piece.
const PIECE: i64 = 500;

/// The route.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::post(
            "/v1/organizations/{id}/export",
            delete(Area::Organization),
            "everything it holds but secrets, files and the audit log: one JSON object a line, `table` and `row`; the last says how many",
        )
        .produces("application/x-ndjson"),
        export,
    )
}

async fn export(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Response, ApiError> {
    own(&caller, id)?;
    caller.require_fresh(api.clock.now())?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let organization = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    caller.audit(&api, &mut tx, Act::new("organization.export", "organization", Some(id))).await?;
    tx.commit().await?;
    let walk = Walk {
        api,
        // The call's own note is made; what is read from here on is no change.
        scope: OrgScope::of_service(caller.scope.org()),
        part: Part::Members,
        after: None,
        rows: 1,
        lines: line("organizations", &json!(organization).to_string()),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"organization.ndjson\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let lines = futures_util::stream::try_unfold(walk, Walk::next);
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn line(table: &str, row: &str) -> String {
    format!("{{\"table\":\"{table}\",\"row\":{row}}}\n")
}

/// What is read next.
#[derive(Clone, Copy)]
enum Part {
    Members,
    /// The table at this place of the catalogue.
    Table(usize),
    End,
}

/// Where an export is.
struct Walk {
    api: Api,
    scope: OrgScope,
    part: Part,
    /// The last row of the piece before.
    after: Option<Uuid>,
    rows: u64,
    /// Lines that wait to be sent.
    lines: String,
}

impl Walk {
    /// The next lines; none after the last.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, botbuilder_store::Error> {
        while self.lines.is_empty() {
            match self.part {
                Part::Members => self.members().await?,
                Part::Table(place) => self.table(place).await?,
                Part::End => return Ok(None),
            }
        }
        let lines = std::mem::take(&mut self.lines);
        Ok(Some((Bytes::from(lines), self)))
    }

    async fn members(&mut self) -> Result<(), botbuilder_store::Error> {
        let page = Page { after: self.after, limit: Page::MOST };
        let mut tx = self.api.store.begin(&self.scope).await?;
        let found = organization_members::list(&mut tx, &self.scope, None, &page).await?;
        tx.commit().await?;
        let (found, more) = page.cut(found);
        for member in &found {
            self.lines += &line("organization_members", &json!(member).to_string());
        }
        self.took(found.len(), found.last().map(|member| member.id), more, 0);
        Ok(())
    }

    async fn table(&mut self, place: usize) -> Result<(), botbuilder_store::Error> {
        let Some(table) = DESCRIBED.get(place) else {
            let end: Value = json!({ "end": true, "rows": self.rows });
            self.lines = format!("{end}\n");
            self.part = Part::End;
            return Ok(());
        };
        // What is the platform's, or everybody's, is not the organization's to take along.
        if !matches!(table.tenancy, Tenancy::Organization) {
            self.part = Part::Table(place + 1);
            return Ok(());
        }
        let query = Query { after: self.after.map(|id| (None, id)), fetch: PIECE, ..Query::default() };
        let mut tx = self.api.store.begin(&self.scope).await?;
        let found = rows::list(&mut tx, &self.scope, table, &query).await?;
        tx.commit().await?;
        for row in &found {
            self.lines += &line(table.name, &row.json);
        }
        let is_full = i64::try_from(found.len()).is_ok_and(|many| many == PIECE);
        self.took(found.len(), found.last().map(|row| row.id), is_full, place + 1);
        Ok(())
    }

    /// Notes a piece; `next` is the table that comes after the last of them.
    fn took(&mut self, rows: usize, last: Option<Uuid>, more: bool, next: usize) {
        self.rows += rows as u64;
        self.after = last.filter(|_| more);
        if !more {
            self.part = Part::Table(next);
        }
    }
}
