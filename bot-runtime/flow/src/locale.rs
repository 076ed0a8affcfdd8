//! How numbers, money, days and times are written in a language.
//!
//! The languages that are here are written as people there write them; every other is written as in English. To add
//! one: a row in `LOCALES`.

use chrono::{Datelike as _, NaiveDateTime, Timelike as _};

/// How a language writes things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locale {
    /// `de`, or `en-GB` where a region differs from its language.
    pub tag: &'static str,
    decimal: &'static str,
    group: &'static str,
    /// Whether numbers of four digits are grouped.
    groups_four: bool,
    money: Money,
    percent: &'static str,
    months: [&'static str; 12],
    weekdays: [&'static str; 7],
    /// The patterns of the styles `short`, `long` and `full`.
    dates: [&'static str; 3],
    time: &'static str,
}

/// Where the sign of a currency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Money {
    Before,
    BeforeWithBlank,
    After,
}

const ENGLISH: Locale = Locale {
    tag: "en",
    decimal: ".",
    group: ",",
    groups_four: true,
    money: Money::Before,
    percent: "%",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    dates: ["M/d/yyyy", "MMMM d, yyyy", "EEEE, MMMM d, yyyy"],
    time: "h:mm a",
};

/// A region comes before its language.
const LOCALES: [Locale; 8] = [
    Locale {
        tag: "en-GB",
        dates: ["dd/MM/yyyy", "d MMMM yyyy", "EEEE d MMMM yyyy"],
        time: "HH:mm",
        ..ENGLISH
    },
    ENGLISH,
    Locale {
        tag: "de",
        decimal: ",",
        group: ".",
        groups_four: true,
        money: Money::After,
        percent: "\u{a0}%",
        months: [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ],
        weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        dates: ["dd.MM.yyyy", "d. MMMM yyyy", "EEEE, d. MMMM yyyy"],
        time: "HH:mm",
    },
    Locale {
        tag: "fr",
        decimal: ",",
        group: "\u{202f}",
        groups_four: true,
        money: Money::After,
        percent: "\u{202f}%",
        months: [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        dates: ["dd/MM/yyyy", "d MMMM yyyy", "EEEE d MMMM yyyy"],
        time: "HH:mm",
    },
    Locale {
        tag: "es",
        decimal: ",",
        group: ".",
        groups_four: false,
        money: Money::After,
        percent: "\u{a0}%",
        months: [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        weekdays: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        dates: ["d/M/yyyy", "d 'de' MMMM 'de' yyyy", "EEEE, d 'de' MMMM 'de' yyyy"],
        time: "H:mm",
    },
    Locale {
        tag: "it",
        decimal: ",",
        group: ".",
        groups_four: true,
        money: Money::After,
        percent: "%",
        months: [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        weekdays: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
        dates: ["dd/MM/yyyy", "d MMMM yyyy", "EEEE d MMMM yyyy"],
        time: "HH:mm",
    },
    Locale {
        tag: "pt",
        decimal: ",",
        group: ".",
        groups_four: true,
        money: Money::BeforeWithBlank,
        percent: "%",
        months: [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
        weekdays: [
            "segunda-feira",
            "terça-feira",
            "quarta-feira",
            "quinta-feira",
            "sexta-feira",
            "sábado",
            "domingo",
        ],
        dates: ["dd/MM/yyyy", "d 'de' MMMM 'de' yyyy", "EEEE, d 'de' MMMM 'de' yyyy"],
        time: "HH:mm",
    },
    Locale {
        tag: "nl",
        decimal: ",",
        group: ".",
        groups_four: true,
        money: Money::BeforeWithBlank,
        percent: "%",
        months: [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        weekdays: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        dates: ["dd-MM-yyyy", "d MMMM yyyy", "EEEE d MMMM yyyy"],
        time: "HH:mm",
    },
];

impl Locale {
    /// The locale of a tag such as `de`, `de-AT` or `de_AT.UTF-8`: its region, else its language, else English.
    pub fn of(tag: &str) -> &'static Self {
        let tag = tag.split('.').next().unwrap_or_default().replace('_', "-");
        let language = tag.split('-').next().unwrap_or_default();
        let find = |wanted: &str| LOCALES.iter().find(|locale| locale.tag.eq_ignore_ascii_case(wanted));
        find(&tag).or_else(|| find(language)).unwrap_or(&ENGLISH)
    }

    /// A number with its thousands grouped and so many decimals; without a count of decimals, as many as it has.
    pub fn number(&self, number: f64, places: Option<usize>) -> String {
        let written = match places {
            Some(places) => format!("{:.places$}", number.abs()),
            None => number.abs().to_string(),
        };
        let (whole, decimals) = written.split_once('.').unwrap_or((&written, ""));
        let mut text = String::new();
        // What rounds to nothing has no sign.
        if number < 0.0 && written.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
            text.push('-');
        }
        let grouped = whole.len() > 4 || (self.groups_four && whole.len() == 4);
        for (index, digit) in whole.char_indices() {
            if grouped && index > 0 && (whole.len() - index).is_multiple_of(3) {
                text.push_str(self.group);
            }
            text.push(digit);
        }
        if !decimals.is_empty() {
            text.push_str(self.decimal);
            text.push_str(decimals);
        }
        text
    }

    /// A part of one as so many in a hundred.
    pub fn percent(&self, part: f64, places: usize) -> String {
        self.number(part * 100.0, Some(places)) + self.percent
    }

    /// An amount of money, by the three letters of its currency.
    pub fn money(&self, amount: f64, currency: &str) -> String {
        let (sign, places) = match currency {
            "EUR" => ("€", 2),
            "USD" => ("$", 2),
            "GBP" => ("£", 2),
            "BRL" => ("R$", 2),
            "INR" => ("₹", 2),
            "TRY" => ("₺", 2),
            "JPY" => ("¥", 0),
            "KRW" => ("₩", 0),
            "CLP" | "ISK" | "UGX" | "VND" | "XAF" | "XOF" => (currency, 0),
            "BHD" | "IQD" | "JOD" | "KWD" | "OMR" | "TND" => (currency, 3),
            _ => (currency, 2),
        };
        let number = self.number(amount, Some(places));
        let (minus, digits) = number.strip_prefix('-').map_or(("", number.as_str()), |digits| ("-", digits));
        match self.money {
            Money::Before if sign.chars().all(char::is_alphabetic) => format!("{minus}{sign}\u{a0}{digits}"),
            Money::Before => format!("{minus}{sign}{digits}"),
            Money::BeforeWithBlank => format!("{minus}{sign}\u{a0}{digits}"),
            Money::After => format!("{minus}{digits}\u{a0}{sign}"),
        }
    }

    /// A day or time by the style `short`, `long` or `full`, or by a pattern of `yyyy`, `yy`, `MMMM`, `MM`, `M`,
    /// `dd`, `d`, `EEEE`, `HH`, `H`, `hh`, `h`, `mm`, `ss`, `a`; text between quotes is copied. None where the
    /// pattern has other letters.
    pub fn date(&self, local: NaiveDateTime, style: &str) -> Option<String> {
        let [short, long, full] = self.dates;
        let pattern = match style {
            "short" => short,
            "long" => long,
            "full" => full,
            pattern => pattern,
        };
        self.fill(local, pattern)
    }

    /// A time of day.
    pub fn time(&self, local: NaiveDateTime) -> String {
        self.fill(local, self.time).unwrap_or_default()
    }

    fn fill(&self, local: NaiveDateTime, pattern: &str) -> Option<String> {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                let (quoted, behind) = rest[1..].split_once('\'')?;
                text.push_str(quoted);
                rest = behind;
                continue;
            }
            let length = rest.find(|letter| letter != first).unwrap_or(rest.len());
            let (letters, behind) = rest.split_at(length);
            rest = behind;
            if first.is_ascii_alphabetic() {
                text.push_str(&self.part(local, letters)?);
            } else {
                text.push_str(letters);
            }
        }
        Some(text)
    }

    fn part(&self, local: NaiveDateTime, letters: &str) -> Option<String> {
        let month = local.month0() as usize;
        let (is_afternoon, hour) = local.hour12();
        Some(match letters {
            "yyyy" => format!("{:04}", local.year()),
            "yy" => format!("{:02}", local.year().rem_euclid(100)),
            "MMMM" => (*self.months.get(month)?).to_owned(),
            "MM" => format!("{:02}", local.month()),
            "M" => local.month().to_string(),
            "dd" => format!("{:02}", local.day()),
            "d" => local.day().to_string(),
            "EEEE" => (*self.weekdays.get(local.weekday().num_days_from_monday() as usize)?).to_owned(),
            "HH" => format!("{:02}", local.hour()),
            "H" => local.hour().to_string(),
            "hh" => format!("{hour:02}"),
            "h" => hour.to_string(),
            "mm" => format!("{:02}", local.minute()),
            "ss" => format!("{:02}", local.second()),
            "a" => if is_afternoon { "PM" } else { "AM" }.to_owned(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_find_their_region_or_language() {
        let found = ["de", "de-AT", "DE_at.UTF-8", "en-GB", "en-AU", "xx", ""].map(|tag| Locale::of(tag).tag);
        assert_eq!(found, ["de", "de", "de", "en-GB", "en", "en", "en"]);
    }

    #[test]
    fn numbers_are_grouped() {
        let number = |tag: &str, number, places| Locale::of(tag).number(number, places);
        assert_eq!(number("en", 1_234_567.891, Some(2)), "1,234,567.89");
        assert_eq!(number("de", -1_234.5, None), "-1.234,5");
        assert_eq!(number("fr", 999_999.5, Some(0)), "1\u{202f}000\u{202f}000");
        assert_eq!(number("es", 1_234.0, None), "1234");
        assert_eq!(number("es", 12_345.0, None), "12.345");
        assert_eq!(number("en", -0.001, Some(2)), "0.00");
        assert_eq!(number("en", 100.0, None), "100");
    }

    #[test]
    fn money_is_written_where_it_stands() {
        let money = |tag: &str, amount, currency| Locale::of(tag).money(amount, currency);
        assert_eq!(money("en", -1_234.5, "USD"), "-$1,234.50");
        assert_eq!(money("de", 1_234.5, "EUR"), "1.234,50\u{a0}€");
        assert_eq!(money("pt-BR", 10.0, "BRL"), "R$\u{a0}10,00");
        assert_eq!(money("en", 10.0, "CHF"), "CHF\u{a0}10.00");
        assert_eq!(money("en", 10.4, "JPY"), "¥10");
    }

    #[test]
    fn days_and_times_are_written_by_style_and_pattern() {
        let local = chrono::NaiveDate::from_ymd_opt(2026, 3, 4).unwrap().and_hms_opt(14, 5, 9).unwrap();
        let date = |tag: &str, style| Locale::of(tag).date(local, style);
        assert_eq!(date("en", "full").unwrap(), "Wednesday, March 4, 2026");
        assert_eq!(date("es", "long").unwrap(), "4 de marzo de 2026");
        assert_eq!(date("de", "EEEE 'um' HH:mm:ss").unwrap(), "Mittwoch um 14:05:09");
        assert_eq!(date("en", "hh:mm a d.M.yy").unwrap(), "02:05 PM 4.3.26");
        assert_eq!(date("en", "'open"), None);
        assert_eq!(date("en", "QQ"), None);
        assert_eq!(Locale::of("de").time(local), "14:05");
        assert_eq!(Locale::of("en").time(local), "2:05 PM");
    }
}
