//! A column, as callers see it.

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name, in the database and on the wire.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it can be empty.
    pub is_nullable: bool,
    /// When a caller may give it.
    pub write: Write,
    /// Whether a new row must give it.
    pub is_required: bool,
}

/// When a caller may give a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Never: the platform does.
    Never,
    /// With a new row, and not again.
    Once,
    /// With a new row and in every change.
    Always,
}

/// What a column holds. Bounds are those of its checks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A UUID.
    Uuid,
    /// A text of at most so many characters, in a form.
    Text(usize, Form),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number between two, both included.
    Integer(i64, i64),
    /// A number between two, both included.
    Number(f64, f64),
    /// Yes or no.
    Boolean,
    /// An instant, RFC 3339.
    Instant,
    /// A day, `2026-11-22`.
    Date,
    /// A time of day, `09:30`.
    Time,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
    /// Any JSON.
    Json,
    /// A list of texts.
    Texts,
    /// A list of UUIDs.
    Uuids,
    /// Shown as the database writes it, never taken: addresses, intervals.
    Shown,
}

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any.
    Free,
    /// `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`.
    Slug,
    /// `^[a-z][a-z0-9_]{0,63}$`.
    Ident,
    /// Words of [`Form::Ident`] joined by dots, two at least.
    Dotted,
    /// A domain name.
    Host,
    /// An address that begins with `http://` or `https://`.
    Url,
    /// `#rrggbb`.
    Color,
    /// `+` and 2 to 15 digits (E.164).
    Phone,
    /// One `@` with something on both sides.
    Email,
    /// Three capital letters: a currency.
    Currency,
    /// A semantic version.
    Semver,
    /// A text whose form only the database checks.
    Checked,
}

impl Column {
    /// A column that is shown and never taken.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, is_nullable: false, write: Write::Never, is_required: false }
    }

    /// A UUID.
    pub const fn uuid(name: &'static str) -> Self {
        Self::new(name, Kind::Uuid)
    }

    /// A text of at most so many characters.
    pub const fn text(name: &'static str, most: usize) -> Self {
        Self::new(name, Kind::Text(most, Form::Free))
    }

    /// A text in a form.
    pub const fn form(name: &'static str, most: usize, form: Form) -> Self {
        Self::new(name, Kind::Text(most, form))
    }

    /// One of these words.
    pub const fn choice(name: &'static str, words: &'static [&'static str]) -> Self {
        Self::new(name, Kind::Choice(words))
    }

    /// A whole number between two.
    pub const fn integer(name: &'static str, least: i64, most: i64) -> Self {
        Self::new(name, Kind::Integer(least, most))
    }

    /// A number between two.
    pub const fn number(name: &'static str, least: f64, most: f64) -> Self {
        Self::new(name, Kind::Number(least, most))
    }

    /// Yes or no.
    pub const fn boolean(name: &'static str) -> Self {
        Self::new(name, Kind::Boolean)
    }

    /// An instant.
    pub const fn instant(name: &'static str) -> Self {
        Self::new(name, Kind::Instant)
    }

    /// A JSON object.
    pub const fn object(name: &'static str) -> Self {
        Self::new(name, Kind::Object)
    }

    /// A JSON array.
    pub const fn array(name: &'static str) -> Self {
        Self::new(name, Kind::Array)
    }

    /// A list of texts.
    pub const fn texts(name: &'static str) -> Self {
        Self::new(name, Kind::Texts)
    }

    /// It can be empty.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.is_nullable = true;
        self
    }

    /// Taken with a new row and in a change.
    #[must_use]
    pub const fn taken(mut self) -> Self {
        self.write = Write::Always;
        self
    }

    /// Taken with a new row, and not again.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.write = Write::Once;
        self
    }

    /// A new row must give it.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Whether a list can be filtered by it.
    pub const fn is_filter(&self) -> bool {
        match self.kind {
            Kind::Uuid
            | Kind::Choice(_)
            | Kind::Integer(..)
            | Kind::Number(..)
            | Kind::Boolean
            | Kind::Instant
            | Kind::Date => true,
            Kind::Text(most, _) => most <= 320,
            Kind::Time
            | Kind::Object
            | Kind::Array
            | Kind::Json
            | Kind::Texts
            | Kind::Uuids
            | Kind::Shown => false,
        }
    }

    /// Whether a list can be sorted by it: its values have an order and are never empty.
    pub const fn is_sort(&self) -> bool {
        !self.is_nullable
            && match self.kind {
                Kind::Integer(..) | Kind::Number(..) | Kind::Instant | Kind::Date => true,
                Kind::Text(most, _) => most <= 160,
                _ => false,
            }
    }

    /// Whether its values can be compared with a bound.
    pub const fn is_range(&self) -> bool {
        matches!(self.kind, Kind::Integer(..) | Kind::Number(..) | Kind::Instant | Kind::Date)
    }

    /// The type that a value given as text is read as.
    pub(super) const fn sql_type(&self) -> &'static str {
        match self.kind {
            Kind::Uuid => "uuid",
            Kind::Integer(..) | Kind::Number(..) => "numeric",
            Kind::Boolean => "boolean",
            Kind::Instant => "timestamptz",
            Kind::Date => "date",
            Kind::Text(_, Form::Email) => "citext",
            _ => "text",
        }
    }

    /// The expression that shows it.
    pub(super) fn shown(&self) -> String {
        let name = self.name;
        match self.kind {
            Kind::Instant => {
                format!("to_char(t.{name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS {name}")
            }
            Kind::Shown => format!("t.{name}::text AS {name}"),
            _ => format!("t.{name}"),
        }
    }
}
