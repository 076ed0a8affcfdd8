use super::*;
use crate::saml::{certificate::Key, redirect::read};

const WE: &str = "https://we.example/metadata";
const OURS: &str = "https://we.example/slo";
const THEM: &str = "https://them.example/metadata";
const THEIRS: &str = "https://them.example/slo?a=b";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// The conversation as we see it, or as the provider does.
fn sides(ours: bool) -> Sides<'static> {
    let (we, ours, provider) = if ours { (WE, OURS, THEM) } else { (THEM, THEIRS, WE) };
    Sides { we, ours, provider, skew: TimeDelta::seconds(60), now: now() }
}

fn ada() -> NameId {
    NameId {
        name: "ada & <bob>".to_owned(),
        format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
        qualifier: None,
        sp_qualifier: Some(WE.to_owned()),
    }
}

/// What the provider would ask us, as XML.
fn request() -> String {
    let pair = Pair::generate("them", now()).unwrap();
    let url = ask(&sides(false), OURS, "_7", &ada(), Some("s1"), &pair).unwrap();
    let keys = [Key::of_certificate(pair.certificate()).unwrap()];
    read(url.query().unwrap(), &keys).unwrap().message
}

fn response() -> String {
    let pair = Pair::generate("them", now()).unwrap();
    let asked = Asked { id: "_7".to_owned(), name: ada(), sessions: Vec::new() };
    let url = answer(&sides(false), OURS, "_8", &asked, Some("r"), &pair).unwrap();
    let keys = [Key::of_certificate(pair.certificate()).unwrap()];
    let received = read(url.query().unwrap(), &keys).unwrap();
    assert_eq!(received.relay_state.as_deref(), Some("r"));
    received.message
}

#[test]
fn what_one_side_says_the_other_reads() {
    let asked = asked(&request(), &sides(true)).unwrap();
    assert_eq!(asked, Asked { id: "_7".to_owned(), name: ada(), sessions: vec!["s1".to_owned()] });
    answered(&response(), "_7", &sides(true)).unwrap();
}

#[test]
fn requests_of_others_for_others_and_of_other_times_are_refused() {
    let good = request();
    for (why, from, to) in [
        (Error::Form("it is something else"), "LogoutRequest", "AuthnRequest"),
        (Error::Form("it is something else"), "Version=\"2.0\"", "Version=\"1.1\""),
        (Error::Form("it has comments"), ">ada &amp;", ">ada<!-- --> &amp;"),
        (Error::Form("it names nobody"), "saml:NameID", "saml:BaseID"),
        (Error::Form("it has no id"), "ID=\"_7\"", "ID=\"\""),
        (Error::Issuer, "them.example/metadata<", "others.example/metadata<"),
        (Error::Destination, "we.example/slo", "others.example/slo"),
        (Error::Destination, "Destination=", "Elsewhere="),
        (Error::Time, "IssueInstant=\"2027", "IssueInstant=\"2026"),
        (Error::Time, "IssueInstant=\"2027", "IssueInstant=\"2028"),
        (Error::Time, "IssueInstant=", "Issued="),
        (Error::Time, "NotOnOrAfter=\"2027", "NotOnOrAfter=\"2026"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        assert_eq!(asked(&changed, &sides(true)), Err(why), "{from} to {to}");
    }
    let bomb = format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{good}");
    assert_eq!(asked(&bomb, &sides(true)), Err(Error::Form("it is no XML")));
    let late = Sides { now: now() + TimeDelta::minutes(6), ..sides(true) };
    assert_eq!(asked(&good, &late), Err(Error::Time));
}

#[test]
fn answers_to_other_questions_and_of_others_are_refused() {
    let good = response();
    assert_eq!(answered(&good, "_other", &sides(true)), Err(Error::Question));
    for (why, from, to) in [
        (Error::Form("it is something else"), "LogoutResponse", "LogoutRequest"),
        (Error::Question, "InResponseTo=", "Answers="),
        (Error::Issuer, "them.example", "others.example"),
        (Error::Destination, "we.example/slo", "others.example/slo"),
        (Error::Time, "IssueInstant=\"2027", "IssueInstant=\"2026"),
        (Error::Status("Requester".to_owned()), "status:Success", "status:Requester"),
        (Error::Status(String::new()), "samlp:Status>", "samlp:State>"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        assert_eq!(answered(&changed, "_7", &sides(true)), Err(why), "{from} to {to}");
    }
}
