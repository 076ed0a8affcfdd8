//! Which language a text is in: three-letter statistics, when the text is long enough to tell.

use serde::{Deserialize, Serialize};

/// A language, as two letters of ISO 639-1 (`en`) or three of ISO 639-3 where there are no two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Language(String);

impl Language {
    /// From a tag: the part before the first `-` or `_`, in lower case.
    pub fn new(tag: &str) -> Self {
        Self(tag.split(['-', '_']).next().unwrap_or_default().to_lowercase())
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Language {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

/// Letters a text must have before a guess is better than none.
const ENOUGH_LETTERS: usize = 20;

/// The language of a text, or nothing if it is too short or could be several.
pub fn detect(text: &str) -> Option<Language> {
    let letters = text.chars().filter(|letter| letter.is_alphabetic()).count();
    let found = whatlang::detect(text)?;
    // A script that belongs to one language tells at once.
    let own_script = !matches!(
        found.script(),
        whatlang::Script::Latin
            | whatlang::Script::Cyrillic
            | whatlang::Script::Arabic
            | whatlang::Script::Devanagari
    );
    let sure = (letters >= ENOUGH_LETTERS && found.is_reliable()) || (own_script && letters >= 3);
    if sure {
        return Some(Language(two_letters(found.lang()).to_owned()));
    }
    // Between neighbours such as German and Yiddish or Norwegian and Danish one is far more likely to write.
    if letters < ENOUGH_LETTERS {
        return None;
    }
    let likely = whatlang::Detector::with_allowlist(WIDESPREAD.to_vec()).detect(text)?;
    (likely.confidence() >= ENOUGH_CONFIDENCE).then(|| Language(two_letters(likely.lang()).to_owned()))
}

/// Languages that are assumed where several could be meant.
const WIDESPREAD: [whatlang::Lang; 21] = [
    whatlang::Lang::Eng,
    whatlang::Lang::Deu,
    whatlang::Lang::Fra,
    whatlang::Lang::Spa,
    whatlang::Lang::Ita,
    whatlang::Lang::Por,
    whatlang::Lang::Nld,
    whatlang::Lang::Pol,
    whatlang::Lang::Swe,
    whatlang::Lang::Dan,
    whatlang::Lang::Fin,
    whatlang::Lang::Tur,
    whatlang::Lang::Ces,
    whatlang::Lang::Ron,
    whatlang::Lang::Hun,
    whatlang::Lang::Ind,
    whatlang::Lang::Rus,
    whatlang::Lang::Ukr,
    whatlang::Lang::Ara,
    whatlang::Lang::Pes,
    whatlang::Lang::Hin,
];
const ENOUGH_CONFIDENCE: f64 = 0.25;

fn two_letters(lang: whatlang::Lang) -> &'static str {
    match lang.code() {
        "afr" => "af",
        "aka" => "ak",
        "amh" => "am",
        "ara" => "ar",
        "aze" => "az",
        "bel" => "be",
        "ben" => "bn",
        "bul" => "bg",
        "cat" => "ca",
        "ces" => "cs",
        "cmn" => "zh",
        "cym" => "cy",
        "dan" => "da",
        "deu" => "de",
        "ell" => "el",
        "eng" => "en",
        "epo" => "eo",
        "est" => "et",
        "fin" => "fi",
        "fra" => "fr",
        "guj" => "gu",
        "heb" => "he",
        "hin" => "hi",
        "hrv" => "hr",
        "hun" => "hu",
        "hye" => "hy",
        "ind" => "id",
        "ita" => "it",
        "jav" => "jv",
        "jpn" => "ja",
        "kan" => "kn",
        "kat" => "ka",
        "khm" => "km",
        "kor" => "ko",
        "lat" => "la",
        "lav" => "lv",
        "lit" => "lt",
        "mal" => "ml",
        "mar" => "mr",
        "mkd" => "mk",
        "mya" => "my",
        "nep" => "ne",
        "nld" => "nl",
        "nob" => "nb",
        "ori" => "or",
        "pan" => "pa",
        "pes" => "fa",
        "pol" => "pl",
        "por" => "pt",
        "ron" => "ro",
        "rus" => "ru",
        "sin" => "si",
        "slk" => "sk",
        "slv" => "sl",
        "sna" => "sn",
        "spa" => "es",
        "srp" => "sr",
        "swe" => "sv",
        "tam" => "ta",
        "tel" => "te",
        "tgl" => "tl",
        "tha" => "th",
        "tuk" => "tk",
        "tur" => "tr",
        "ukr" => "uk",
        "urd" => "ur",
        "uzb" => "uz",
        "vie" => "vi",
        "yid" => "yi",
        "zul" => "zu",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_have_a_language_and_short_ones_none() {
        for (text, wanted) in [
            ("Where is the parcel that I ordered last week?", "en"),
            ("Wo bleibt das Paket, das ich letzte Woche bestellt habe?", "de"),
            ("¿Dónde está el paquete que pedí la semana pasada?", "es"),
            ("Où est le colis que j'ai commandé la semaine dernière ?", "fr"),
            ("Где посылка, которую я заказал на прошлой неделе?", "ru"),
            ("我上周订的包裹在哪里", "zh"),
            ("注文した荷物はどこですか", "ja"),
        ] {
            assert_eq!(detect(text).as_ref().map(Language::as_str), Some(wanted), "{text}");
        }
        for text in ["", "ok", "no", "menu", "12345", "🙂🙂🙂"] {
            assert_eq!(detect(text), None, "{text}");
        }
    }

    #[test]
    fn tags_lose_their_region() {
        assert_eq!(Language::new("pt-BR").as_str(), "pt");
        assert_eq!(Language::new("EN_us").as_str(), "en");
    }
}
