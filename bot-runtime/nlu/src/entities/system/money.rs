//! Amounts of money: `$25.50`, `20 euros`, `CHF 3'000`, `20 Euro`. The value has the amount as a decimal text,
//! so that no cent is lost, and the ISO 4217 code of the currency.

use serde_json::{Value, json};

use super::number::plain_digits;
use super::tokens::Kind;
use super::{Reader, Reading, lookup};

const SIGNS: [(&str, &str); 11] = [
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("₹", "INR"),
    ("₽", "RUB"),
    ("₩", "KRW"),
    ("₺", "TRY"),
    ("₴", "UAH"),
    ("₫", "VND"),
    ("₿", "BTC"),
];

const CODES: [&str; 32] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "CNY", "INR", "BRL", "MXN", "SEK", "NOK", "DKK",
    "PLN", "CZK", "HUF", "RON", "TRY", "ZAR", "SGD", "HKD", "KRW", "THB", "IDR", "MYR", "PHP", "AED", "SAR",
    "ILS", "ARS",
];

impl Reader<'_> {
    pub(super) fn money(&self, at: usize) -> Reading {
        if let Some((currency, next)) = self.currency_before(at) {
            let (amount, next) = self.amount(next)?;
            return Some((next, value(&amount, currency)));
        }
        let article = self.words.articles.contains(&self.word(at)).then(|| ("1".to_owned(), at + 1));
        let (amount, next) = article.or_else(|| self.amount(at))?;
        let currency = self.currency_after(next)?;
        Some((next + 1, value(&amount, currency)))
    }

    /// `$`, `US$`, `EUR`, `A$`.
    fn currency_before(&self, at: usize) -> Option<(&'static str, usize)> {
        let token = self.tokens.get(at)?;
        let dollar = self.word(at + 1) == "$" && self.touches(at + 1);
        let of = match token.text {
            "US" if dollar => Some("USD"),
            "A" | "AU" if dollar => Some("AUD"),
            "C" | "CA" if dollar => Some("CAD"),
            "HK" if dollar => Some("HKD"),
            "R" if dollar => Some("BRL"),
            _ => None,
        };
        if let Some(currency) = of {
            return Some((currency, at + 2));
        }
        let sign = lookup(&SIGNS, token.text).or_else(|| code(token.text))?;
        Some((sign, at + 1))
    }

    fn currency_after(&self, at: usize) -> Option<&'static str> {
        let token = self.tokens.get(at)?;
        lookup(&SIGNS, token.text)
            .or_else(|| code(&token.text.to_uppercase()).filter(|_| token.kind == Kind::Word))
            .or_else(|| lookup(self.words.currencies, self.word(at)))
    }

    /// The amount as a decimal text.
    fn amount(&self, at: usize) -> Option<(String, usize)> {
        let token = self.tokens.get(at)?;
        let quantity = self.quantity(at)?;
        let exact = token.kind == Kind::Number && quantity.next == at + 1;
        let text = if exact {
            plain_digits(token.text, self.words.decimal_point)?
        } else {
            quantity.value.to_string()
        };
        Some((text, quantity.next))
    }
}

fn code(text: &str) -> Option<&'static str> {
    CODES.into_iter().find(|code| *code == text)
}

fn value(amount: &str, currency: &str) -> Value {
    json!({ "amount": amount, "currency": currency })
}
