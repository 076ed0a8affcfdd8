//! Tables of cases: a text, and every value that is to be found in it, as `kind words = value`.
//! It is Wednesday, 6 May 2026, ten o'clock.

use chrono::NaiveDate;

use super::super::Context;
use crate::corpus::SystemType;
use crate::text::Language;

const ALL: [SystemType; 9] = [
    SystemType::Number,
    SystemType::Date,
    SystemType::Time,
    SystemType::Email,
    SystemType::Phone,
    SystemType::Url,
    SystemType::Currency,
    SystemType::Duration,
    SystemType::Location,
];

fn read(text: &str, language: &str) -> Vec<String> {
    let now =
        NaiveDate::from_ymd_opt(2026, 5, 6).unwrap_or_default().and_hms_opt(10, 0, 0).unwrap_or_default();
    let language = Language::new(language);
    let found = super::find(&Context { text, language: &language, now }, &ALL);
    let shown = found.into_iter().map(|(kind, span)| {
        let kind = format!("{kind:?}").to_lowercase();
        let value = span.value;
        let part = |name: &str| value.get(name).and_then(|part| part.as_str()).unwrap_or_default().to_owned();
        let value = match (&value, kind.as_str()) {
            (serde_json::Value::String(text), _) => text.clone(),
            (_, "currency") => format!("{} {}", part("amount"), part("currency")),
            (_, "location") => format!("{} {}", part("country"), part("city")).trim().to_owned(),
            (_, "date" | "time") if value.get("also").is_some() => {
                format!("{} or {}", part(&kind), part("also"))
            }
            (_, "date" | "time") => part(&kind),
            (other, _) => other.to_string(),
        };
        format!("{kind} {} = {value}", &text[span.start..span.end])
    });
    shown.collect()
}

fn check(language: &str, cases: &[(&str, &[&str])]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(text, wanted)| read(text, language) != *wanted)
        .map(|(text, wanted)| format!("{text:?}\n  wanted {wanted:?}\n  found  {:?}", read(text, language)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn english() {
    check(
        "en",
        &[
            // numbers
            ("I need 3 of them", &["number 3 = 3"]),
            ("twenty-one guests", &["number twenty-one = 21"]),
            ("two hundred and five", &["number two hundred and five = 205"]),
            ("one thousand two hundred", &["number one thousand two hundred = 1200"]),
            ("three million people", &["number three million = 3000000"]),
            ("1.5 million", &["number 1.5 million = 1500000"]),
            ("1,250 pieces", &["number 1,250 = 1250"]),
            ("it is -5 outside", &["number -5 = -5"]),
            ("minus 12", &["number minus 12 = -12"]),
            ("10k followers", &["number 10k = 10000"]),
            ("a hundred", &["number hundred = 100"]),
            ("two or three", &["number two = 2", "number three = 3"]),
            ("one two three", &["number one = 1", "number two = 2", "number three = 3"]),
            ("order AB12", &[]),
            ("version 1.2.3", &[]),
            ("call the table", &[]),
            ("someone is alone", &[]),
            // money
            ("$25.50", &["currency $25.50 = 25.50 USD"]),
            ("20 euros please", &["currency 20 euros = 20 EUR"]),
            ("€1,250.00", &["currency €1,250.00 = 1250.00 EUR"]),
            ("100 USD", &["currency 100 USD = 100 USD"]),
            ("CHF 3'000", &["currency CHF 3'000 = 3000 CHF"]),
            ("twenty dollars", &["currency twenty dollars = 20 USD"]),
            ("US$5", &["currency US$5 = 5 USD"]),
            ("5€ or £7", &["currency 5€ = 5 EUR", "currency £7 = 7 GBP"]),
            ("$1.5 million", &["currency $1.5 million = 1500000 USD"]),
            ("$25.50 three days ago", &["currency $25.50 = 25.50 USD", "date three days ago = 2026-05-03"]),
            // dates
            ("today", &["date today = 2026-05-06"]),
            ("see you tomorrow", &["date tomorrow = 2026-05-07"]),
            ("the day after tomorrow", &["date the day after tomorrow = 2026-05-08"]),
            ("yesterday evening", &["date yesterday = 2026-05-05"]),
            ("on Friday", &["date on Friday = 2026-05-08"]),
            ("next Monday", &["date next Monday = 2026-05-11"]),
            ("last Tuesday", &["date last Tuesday = 2026-05-05"]),
            ("last Wednesday", &["date last Wednesday = 2026-04-29"]),
            ("wednesday", &["date wednesday = 2026-05-13"]),
            ("May 3rd", &["date May 3rd = 2027-05-03"]),
            ("the 3rd of June", &["date the 3rd of June = 2026-06-03"]),
            ("3 June 2027", &["date 3 June 2027 = 2027-06-03"]),
            ("December 24, 2026", &["date December 24, 2026 = 2026-12-24"]),
            ("Friday, 8 May", &["date Friday, 8 May = 2026-05-08"]),
            ("2026-07-01", &["date 2026-07-01 = 2026-07-01"]),
            ("5/3/2026", &["date 5/3/2026 = 2026-05-03 or 2026-03-05"]),
            ("12/25/2026", &["date 12/25/2026 = 2026-12-25"]),
            ("25.12.2026", &["date 25.12.2026 = 2026-12-25"]),
            ("in 3 days", &["date in 3 days = 2026-05-09"]),
            ("in two weeks", &["date in two weeks = 2026-05-20"]),
            ("a month ago", &["date a month ago = 2026-04-06"]),
            ("next week", &["date next week = 2026-05-13"]),
            ("February 29", &["date February 29 = 2028-02-29"]),
            ("February 30", &["number 30 = 30"]),
            ("may I ask", &[]),
            // times
            ("at 7:30 pm", &["time at 7:30 pm = 19:30"]),
            ("7pm", &["time 7pm = 19:00"]),
            ("9 a.m.", &["time 9 a.m. = 09:00"]),
            ("12 am", &["time 12 am = 00:00"]),
            ("12pm", &["time 12pm = 12:00"]),
            ("19:45", &["time 19:45 = 19:45"]),
            ("7:30", &["time 7:30 = 07:30 or 19:30"]),
            ("at 7", &["time at 7 = 07:00 or 19:00"]),
            ("at 7 stores", &["number 7 = 7"]),
            ("at noon", &["time at noon = 12:00"]),
            ("half past seven", &["time half past seven = 07:30 or 19:30"]),
            ("quarter to eight", &["time quarter to eight = 07:45 or 19:45"]),
            ("seven o'clock", &["time seven o'clock = 07:00 or 19:00"]),
            ("8 in the evening", &["time 8 in the evening = 20:00"]),
            ("25:00", &["number 25 = 25", "number 00 = 0"]),
            (
                "table for two tomorrow at 7:30pm",
                &["number two = 2", "date tomorrow = 2026-05-07", "time at 7:30pm = 19:30"],
            ),
            // durations
            ("two hours", &["duration two hours = PT2H"]),
            ("90 minutes", &["duration 90 minutes = PT1H30M"]),
            ("an hour and a half", &["duration an hour and a half = PT1H30M"]),
            ("two and a half hours", &["duration two and a half hours = PT2H30M"]),
            ("half an hour", &["duration half an hour = PT30M"]),
            ("1 hour and 30 minutes", &["duration 1 hour and 30 minutes = PT1H30M"]),
            ("for 3 days", &["duration 3 days = P3D"]),
            ("6 months", &["duration 6 months = P6M"]),
            ("1h30", &["duration 1h30 = PT1H30M"]),
            // addresses
            ("mail Jane.Doe@Example.com.", &["email Jane.Doe@Example.com = jane.doe@example.com"]),
            (
                "see https://example.com/a?b=1.",
                &["url https://example.com/a?b=1 = https://example.com/a?b=1"],
            ),
            ("(www.example.org)", &["url www.example.org = https://www.example.org"]),
            ("example.com/faq", &["url example.com/faq = https://example.com/faq"]),
            ("+49 30 123456", &["phone +49 30 123456 = +4930123456"]),
            ("call me at 555-0123", &["phone 555-0123 = 5550123"]),
            ("(415) 555-0199", &["phone (415) 555-0199 = 4155550199"]),
            ("order 123456789", &["number 123456789 = 123456789"]),
            // places
            ("from Berlin to new york", &["location Berlin = DE Berlin", "location new york = US New York"]),
            ("I live in Germany", &["location Germany = DE"]),
            ("turkey sandwich", &[]),
            ("a trip to Turkey", &["location Turkey = TR"]),
            ("have a nice day", &[]),
        ],
    );
}

#[test]
fn german() {
    check(
        "de",
        &[
            ("drei Pizzen", &["number drei = 3"]),
            ("einundzwanzig Gäste", &["number einundzwanzig = 21"]),
            ("zweihundertfünf", &["number zweihundertfünf = 205"]),
            ("dreitausendfünfhundert", &["number dreitausendfünfhundert = 3500"]),
            ("zwei Millionen", &["number zwei Millionen = 2000000"]),
            ("1.500 Stück", &["number 1.500 = 1500"]),
            ("1,5", &["number 1,5 = 1.5"]),
            ("ein Hund", &[]),
            ("Hundehaus", &[]),
            ("25,50 €", &["currency 25,50 € = 25.50 EUR"]),
            ("1.250,00 Euro", &["currency 1.250,00 Euro = 1250.00 EUR"]),
            ("zwanzig Euro", &["currency zwanzig Euro = 20 EUR"]),
            ("heute", &["date heute = 2026-05-06"]),
            ("morgen", &["date morgen = 2026-05-07"]),
            ("übermorgen", &["date übermorgen = 2026-05-08"]),
            ("guten Morgen", &[]),
            ("am Freitag", &["date am Freitag = 2026-05-08"]),
            ("nächsten Montag", &["date nächsten Montag = 2026-05-11"]),
            ("letzten Dienstag", &["date letzten Dienstag = 2026-05-05"]),
            ("3. Juni", &["date 3. Juni = 2026-06-03"]),
            ("am 24. Dezember 2026", &["date 24. Dezember 2026 = 2026-12-24"]),
            ("03.06.2026", &["date 03.06.2026 = 2026-06-03"]),
            ("5/3/2027", &["date 5/3/2027 = 2027-03-05"]),
            ("am 3.6.", &["date 3.6. = 2026-06-03"]),
            ("in drei Tagen", &["date in drei Tagen = 2026-05-09"]),
            ("vor zwei Wochen", &["date vor zwei Wochen = 2026-04-22"]),
            ("nächste Woche", &["date nächste Woche = 2026-05-13"]),
            ("um 19 Uhr", &["time um 19 Uhr = 19:00"]),
            ("um 19:30 Uhr", &["time um 19:30 Uhr = 19:30"]),
            ("19 Uhr 30", &["time 19 Uhr 30 = 19:30"]),
            ("halb acht", &["time halb acht = 07:30 or 19:30"]),
            ("Viertel nach sieben", &["time Viertel nach sieben = 07:15 or 19:15"]),
            ("um 8", &["time um 8 = 08:00"]),
            ("zwei Stunden", &["duration zwei Stunden = PT2H"]),
            ("eine halbe Stunde", &["duration eine halbe Stunde = PT30M"]),
            ("90 Minuten", &["duration 90 Minuten = PT1H30M"]),
            ("drei Tage", &["duration drei Tage = P3D"]),
            ("nach München", &["location München = DE Munich"]),
            ("aus Österreich", &["location Österreich = AT"]),
            ("Telefon 030 1234567", &["phone 030 1234567 = 0301234567"]),
            (
                "Tisch für vier morgen um 20 Uhr",
                &["number vier = 4", "date morgen = 2026-05-07", "time um 20 Uhr = 20:00"],
            ),
        ],
    );
}

#[test]
fn spanish() {
    check(
        "es",
        &[
            ("tres pizzas", &["number tres = 3"]),
            ("treinta y dos", &["number treinta y dos = 32"]),
            ("doscientos cinco", &["number doscientos cinco = 205"]),
            ("mil quinientos", &["number mil quinientos = 1500"]),
            ("dos millones", &["number dos millones = 2000000"]),
            ("1.500 piezas", &["number 1.500 = 1500"]),
            ("un perro", &[]),
            ("25,50 €", &["currency 25,50 € = 25.50 EUR"]),
            ("veinte dólares", &["currency veinte dólares = 20 USD"]),
            ("hoy", &["date hoy = 2026-05-06"]),
            ("mañana", &["date mañana = 2026-05-07"]),
            ("pasado mañana", &["date pasado mañana = 2026-05-08"]),
            ("el viernes", &["date el viernes = 2026-05-08"]),
            ("el próximo lunes", &["date próximo lunes = 2026-05-11"]),
            ("el lunes pasado", &["date el lunes pasado = 2026-05-04"]),
            ("3 de junio", &["date 3 de junio = 2026-06-03"]),
            ("24 de diciembre de 2026", &["date 24 de diciembre de 2026 = 2026-12-24"]),
            ("03/06/2026", &["date 03/06/2026 = 2026-06-03"]),
            ("en tres días", &["date en tres días = 2026-05-09"]),
            ("hace dos semanas", &["date hace dos semanas = 2026-04-22"]),
            ("a las 7 de la tarde", &["time las 7 de la tarde = 19:00"]),
            ("a las 19:30", &["time las 19:30 = 19:30"]),
            ("a las 9 de la mañana", &["time las 9 de la mañana = 09:00"]),
            ("dos horas", &["duration dos horas = PT2H"]),
            ("media hora", &["duration media hora = PT30M"]),
            ("una hora y media", &["duration una hora y media = PT1H30M"]),
            ("tres meses", &["duration tres meses = P3M"]),
            ("a Londres", &["location Londres = GB London"]),
            ("en España", &["location España = ES"]),
            ("teléfono 912 345 678", &["phone 912 345 678 = 912345678"]),
        ],
    );
}

#[test]
fn french() {
    check(
        "fr",
        &[
            ("trois pizzas", &["number trois = 3"]),
            ("vingt et un", &["number vingt et un = 21"]),
            ("soixante-douze", &["number soixante-douze = 72"]),
            ("quatre-vingt-dix", &["number quatre-vingt-dix = 90"]),
            ("quatre-vingt-dix-sept", &["number quatre-vingt-dix-sept = 97"]),
            ("deux cent cinq", &["number deux cent cinq = 205"]),
            ("trois mille", &["number trois mille = 3000"]),
            ("1,5", &["number 1,5 = 1.5"]),
            ("un chien", &[]),
            ("25,50 €", &["currency 25,50 € = 25.50 EUR"]),
            ("vingt euros", &["currency vingt euros = 20 EUR"]),
            ("aujourd'hui", &["date aujourd'hui = 2026-05-06"]),
            ("demain", &["date demain = 2026-05-07"]),
            ("après-demain", &["date après-demain = 2026-05-08"]),
            ("vendredi prochain", &["date vendredi prochain = 2026-05-08"]),
            ("mardi dernier", &["date mardi dernier = 2026-05-05"]),
            ("le 3 juin", &["date 3 juin = 2026-06-03"]),
            ("le 1er juin 2026", &["date 1er juin 2026 = 2026-06-01"]),
            ("03/06/2026", &["date 03/06/2026 = 2026-06-03"]),
            ("dans trois jours", &["date dans trois jours = 2026-05-09"]),
            ("il y a deux semaines", &["date il y a deux semaines = 2026-04-22"]),
            ("à 19h30", &["time à 19h30 = 19:30"]),
            ("à 19 heures", &["time à 19 heures = 19:00"]),
            ("à midi", &["time à midi = 12:00"]),
            ("8 heures du soir", &["time 8 heures du soir = 20:00"]),
            ("deux heures", &["duration deux heures = PT2H"]),
            ("une heure et demie", &["duration une heure et demie = PT1H30M"]),
            ("une demi-heure", &["duration une demi-heure = PT30M"]),
            ("trois mois", &["duration trois mois = P3M"]),
            ("à Genève", &["location Genève = CH Geneva"]),
            ("en Allemagne", &["location Allemagne = DE"]),
        ],
    );
}

#[test]
fn digits_mean_the_same_everywhere() {
    check("ja", &[("2026-07-01", &["date 2026-07-01 = 2026-07-01"]), ("€ 20", &["currency € 20 = 20 EUR"])]);
    check("it", &[("1.500,5", &["number 1.500,5 = 1500.5"]), ("19:45", &["time 19:45 = 19:45"])]);
}
