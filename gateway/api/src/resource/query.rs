//! The parameters of a list: `limit`, `cursor`, `sort`, `fields`, `filter[…]`.

use botbuilder_store::{
    page::Page,
    table::{
        Column, Form, Kind, Table,
        rows::{Condition, Query, Test},
    },
};

use super::fields::{is_date, is_instant, is_uuid};
use crate::{
    error::ApiError,
    input::{Cursor, limit, unknown},
};

/// What a list was asked for.
pub(super) struct Asked {
    /// What is read.
    pub query: Query,
    /// The length of the piece.
    pub page: Page,
    /// The sort as the cursor names it.
    pub sort: String,
}

/// The order of the ids, which is that of creation.
const BY_ID: &str = "id";

/// Reads the parameters of a list.
pub(super) fn of_list(table: &'static Table, pairs: &[(String, String)]) -> Result<Asked, ApiError> {
    let mut asked = Asked { query: Query::default(), page: Page::default(), sort: BY_ID.to_owned() };
    let mut cursor = None;
    for (name, value) in pairs {
        if value.contains('\0') {
            return Err(ApiError::invalid(name.clone(), "must not hold the character U+0000"));
        }
        match name.as_str() {
            "limit" => asked.page.limit = limit(value)?,
            "cursor" => cursor = Some(value),
            "sort" => sort(table, value, &mut asked)?,
            "fields" => asked.query.fields = Some(fields(table, value)?),
            filter if filter.starts_with("filter[") => {
                asked.query.conditions.push(condition(table, filter, value)?);
            }
            other => {
                let known = ["limit", "cursor", "sort", "fields", "filter[...]"];
                return Err(ApiError::invalid(other.to_owned(), unknown(other, known)));
            }
        }
    }
    if let Some(cursor) = cursor {
        let cursor = Cursor::parse(cursor, &asked.sort)?;
        let fine = match (asked.query.sort, &cursor.key) {
            (None, None) => true,
            (Some(column), Some(key)) => value(column, key).is_none() || column.kind == Kind::Instant,
            _ => false,
        };
        if !fine {
            return Err(ApiError::invalid("cursor", "is none of ours; take `next_cursor` as it is"));
        }
        asked.query.after = Some((cursor.key, cursor.id));
    }
    asked.query.fetch = asked.page.fetch();
    Ok(asked)
}

/// Reads the parameters of a single thing: only `fields`.
pub(super) fn of_one(
    table: &'static Table,
    pairs: &[(String, String)],
) -> Result<Option<Vec<&'static Column>>, ApiError> {
    let mut shown = None;
    for (name, value) in pairs {
        if name != "fields" {
            return Err(ApiError::invalid(name.clone(), unknown(name, ["fields"])));
        }
        shown = Some(fields(table, value)?);
    }
    Ok(shown)
}

fn sort(table: &'static Table, value: &str, asked: &mut Asked) -> Result<(), ApiError> {
    let (name, is_descending) = value.strip_prefix('-').map_or((value, false), |name| (name, true));
    asked.query.is_descending = is_descending;
    value.clone_into(&mut asked.sort);
    if name == BY_ID {
        return Ok(());
    }
    let Some(column) = table.column(name).filter(|column| column.is_sort()) else {
        let sorts = table.columns.iter().filter(|column| column.is_sort()).map(|column| column.name);
        return Err(ApiError::invalid("sort", unknown(name, [BY_ID].into_iter().chain(sorts))));
    };
    asked.query.sort = Some(column);
    Ok(())
}

/// The columns named, and the id.
fn fields(table: &'static Table, value: &str) -> Result<Vec<&'static Column>, ApiError> {
    let names: Vec<&str> = value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    for name in &names {
        if table.column(name).is_none() {
            let known = table.columns.iter().map(|column| column.name);
            return Err(ApiError::invalid("fields", format!("{name} {}", unknown(name, known))));
        }
    }
    Ok(table.columns.iter().filter(|column| column.name == BY_ID || names.contains(&column.name)).collect())
}

/// `filter[status]=open,closed`, `filter[created_at][gte]=…`, `filter[bot_id][null]=true`.
fn condition(table: &'static Table, name: &str, given: &str) -> Result<Condition, ApiError> {
    let inside = name.strip_prefix("filter[").and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    let (field, operator) = inside.split_once("][").unwrap_or((inside, "eq"));
    let Some(column) = table.column(field).filter(|column| column.is_filter()) else {
        let known = table.columns.iter().filter(|column| column.is_filter()).map(|column| column.name);
        return Err(ApiError::invalid(name.to_owned(), unknown(field, known)));
    };
    let wrong = |detail: String| ApiError::invalid(name.to_owned(), detail);
    let bound = || match value(column, given) {
        Some(complaint) => Err(wrong(complaint)),
        None => Ok(given.to_owned()),
    };
    let test = match operator {
        "eq" => {
            let values: Vec<String> = given.split(',').map(str::to_owned).collect();
            if let Some(complaint) =
                values.iter().find_map(|one| value(column, one).or_else(|| outside(column, one)))
            {
                return Err(wrong(complaint));
            }
            Test::Among(values)
        }
        "null" => match given {
            "true" => Test::Empty(true),
            "false" => Test::Empty(false),
            _ => return Err(wrong("must be true or false".to_owned())),
        },
        "gte" if column.is_range() => Test::AtLeast(bound()?),
        "gt" if column.is_range() => Test::Above(bound()?),
        "lte" if column.is_range() => Test::AtMost(bound()?),
        "lt" if column.is_range() => Test::Below(bound()?),
        other => return Err(wrong(unknown(other, ["eq", "null", "gt", "gte", "lt", "lte"]))),
    };
    Ok(Condition { column, test })
}

/// What is wrong with a value in a query string, if anything.
fn value(column: &Column, text: &str) -> Option<String> {
    let (fine, hint) = match column.kind {
        Kind::Uuid => (is_uuid(text), "must be a UUID".to_owned()),
        Kind::Choice(words) => (words.contains(&text), format!("must be one of: {}", words.join(", "))),
        Kind::Integer(..) => (text.parse::<i64>().is_ok(), "must be a whole number".to_owned()),
        Kind::Number(..) => (is_number(text), "must be a number".to_owned()),
        Kind::Boolean => (matches!(text, "true" | "false"), "must be true or false".to_owned()),
        Kind::Instant => (is_instant(text), "must be an instant like 2026-11-22T09:30:00Z".to_owned()),
        Kind::Date => (is_date(text), "must be a day like 2026-11-22".to_owned()),
        Kind::Text(_, Form::Email) => (text.contains('@'), "must be an e-mail address".to_owned()),
        _ => (true, String::new()),
    };
    (!fine).then_some(hint)
}

/// What is said of a number that the column never holds. Bounds of a range may lie there.
fn outside(column: &Column, text: &str) -> Option<String> {
    match column.kind {
        Kind::Integer(least, most) => {
            (!text.parse().is_ok_and(|number: i64| (least..=most).contains(&number)))
                .then(|| format!("must be from {least} to {most}"))
        }
        Kind::Number(least, most) => {
            (!text.parse().is_ok_and(|number: f64| (least..=most).contains(&number)))
                .then(|| format!("must be from {least} to {most}"))
        }
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite) && text.len() <= 40
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    static SAMPLE: Table = Table {
        name: "sample",
        columns: &[
            Column::uuid("id"),
            Column::text("name", 120),
            Column::choice("status", &["open", "closed"]),
            Column::instant("created_at"),
            Column::object("settings"),
            Column::number("score", 0.0, 1.5),
            Column::integer("seats", 1, 9),
        ],
        ..Table::PLAIN
    };

    fn ask(query: &str) -> Result<Asked, ApiError> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        of_list(&SAMPLE, &pairs)
    }

    fn fault(query: &str) -> String {
        match ask(query).err() {
            Some(ApiError::Invalid(errors)) => errors[0].field.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        assert_eq!(fault("limt=5"), "limt");
        assert_eq!(fault("limit=0"), "limit");
        assert_eq!(fault("limit=201"), "limit");
        assert_eq!(fault("sort=settings"), "sort");
        assert_eq!(fault("fields=id,nmae"), "fields");
        assert_eq!(fault("filter[settings]=1"), "filter[settings]");
        assert_eq!(fault("filter[status]=ajar"), "filter[status]");
        assert_eq!(fault("filter[name][gte]=a"), "filter[name][gte]");
        assert_eq!(fault("filter[score]=-1.0"), "filter[score]");
        assert_eq!(fault("filter[seats]=3,10"), "filter[seats]");
        assert!(ask("filter[score]=1.5&filter[seats]=1,9&filter[seats][gt]=0").is_ok());
        assert_eq!(fault("cursor=abc"), "cursor");
    }

    #[test]
    fn a_cursor_belongs_to_its_sort() {
        let cursor = Cursor::new("-name", Some("b".to_owned()), Uuid::from_u128(1)).text();
        assert!(ask(&format!("sort=-name&cursor={cursor}")).is_ok());
        assert_eq!(fault(&format!("sort=name&cursor={cursor}")), "cursor");
        let without_key = Cursor::new("-name", None, Uuid::from_u128(1)).text();
        assert_eq!(fault(&format!("sort=-name&cursor={without_key}")), "cursor");
    }

    #[test]
    fn filters_and_fields_are_understood() {
        let asked =
            ask("filter[status]=open,closed&filter[created_at][gte]=2026-01-01T00:00:00Z&fields=name")
                .unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(asked.query.conditions.len(), 2);
        let shown: Vec<&str> =
            asked.query.fields.unwrap_or_default().iter().map(|column| column.name).collect();
        assert_eq!(shown, ["id", "name"]);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_answered(query in ".{0,120}") {
            let _ = ask(&query);
        }
    }
}
