//! Words by which a person refuses messages that nobody asked for. They hold on every channel, and only as the whole
//! message: "stop" is meant, "where does the bus stop" is not.

/// The words, in the languages of the interface.
const WORDS: [&str; 24] = [
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "opt out",
    "optout",
    "opt-out",
    "abmelden",
    "abbestellen",
    "stopp",
    "baja",
    "cancelar suscripción",
    "désabonner",
    "désinscription",
    "arret",
    "arrêt",
    "annulla iscrizione",
    "disiscrivimi",
    "afmelden",
    "sair",
    "descadastrar",
    "отписаться",
    "стоп",
    "退订",
];

/// Whether a message is such a word: letter case, and space and punctuation around it, aside.
pub(crate) fn is_meant(text: &str) -> bool {
    // Longer than any of them, whatever is around it.
    if text.len() > 80 {
        return false;
    }
    let said = text.trim_matches(|one: char| !one.is_alphanumeric()).to_lowercase();
    WORDS.contains(&said.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_message_counts() {
        for said in ["STOP", " stop. ", "\"Stop\"!", "Opt-Out", "Abmelden", "СТОП", "退订", "Désabonner"]
        {
            assert!(is_meant(said), "{said}");
        }
        for said in ["", "stop it", "where does the bus stop", "nonstop", "bajar", &"stop".repeat(50)] {
            assert!(!is_meant(said), "{said}");
        }
    }
}
