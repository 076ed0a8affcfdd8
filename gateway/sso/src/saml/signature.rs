//! One signature, inside the element that it signs.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use roxmltree::Node;
use subtle::ConstantTimeEq as _;

use super::{
    SIGNATURE,
    canonical::{self, Options},
    certificate::{Key, Method},
};

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

fn children<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Vec<Node<'a, 'd>> {
    let is_it = |child: &Node<'a, 'd>| {
        child.is_element()
            && child.tag_name().name() == name
            && child.tag_name().namespace() == Some(SIGNATURE)
    };
    node.children().filter(is_it).collect()
}

fn only<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    match children(node, name).as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

fn bytes(node: Node<'_, '_>) -> Option<Vec<u8>> {
    let text: String = node.text()?.chars().filter(|character| !character.is_whitespace()).collect();
    STANDARD.decode(text).ok()
}

/// The prefixes that a canonical form is asked to keep.
fn inclusive(node: Node<'_, '_>) -> Option<Vec<String>> {
    let inner: Vec<_> = node.children().filter(Node::is_element).collect();
    match inner.as_slice() {
        [] => Some(Vec::new()),
        [list] if list.has_tag_name((EXCLUSIVE, "InclusiveNamespaces")) => {
            let prefixes = list.attribute("PrefixList").unwrap_or_default().split_whitespace();
            Some(prefixes.map(|prefix| if prefix == "#default" { "" } else { prefix }.to_owned()).collect())
        }
        _ => None,
    }
}

/// The canonical form of what a signature signs: the element around it, without it. None where the signature is not
/// good, or is of another form than SAML's.
pub(super) fn verified(signature: Node<'_, '_>, keys: &[Key]) -> Option<String> {
    let signed = signature.parent_element()?;
    let info = only(signature, "SignedInfo")?;
    let form =
        only(info, "CanonicalizationMethod").filter(|form| form.attribute("Algorithm") == Some(EXCLUSIVE))?;
    let method = Method::parse(only(info, "SignatureMethod")?.attribute("Algorithm")?)?;
    let reference = only(info, "Reference")?;
    let id = signed.attribute("ID").filter(|id| !id.is_empty())?;
    if reference.attribute("URI")?.strip_prefix('#') != Some(id) {
        return None;
    }
    let transforms: Vec<_> = only(reference, "Transforms")?.children().filter(Node::is_element).collect();
    let prefixes = match transforms.as_slice() {
        [first, second]
            if first.attribute("Algorithm") == Some(ENVELOPED)
                && second.attribute("Algorithm") == Some(EXCLUSIVE)
                && first.tag_name().namespace() == Some(SIGNATURE) =>
        {
            inclusive(*second)?
        }
        _ => return None,
    };
    let content = canonical::of(signed, Options { without: Some(signature.id()), inclusive: &prefixes });
    let algorithm = match only(reference, "DigestMethod")?.attribute("Algorithm")? {
        "http://www.w3.org/2001/04/xmlenc#sha256" => &digest::SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => &digest::SHA384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => &digest::SHA512,
        _ => return None,
    };
    let wanted = bytes(only(reference, "DigestValue")?)?;
    let found = digest::digest(algorithm, content.as_bytes());
    if !bool::from(found.as_ref().ct_eq(&wanted)) {
        return None;
    }
    let prefixes = inclusive(form)?;
    let info = canonical::of(info, Options { without: None, inclusive: &prefixes });
    let value = bytes(only(signature, "SignatureValue")?)?;
    // Whatever key comes along is not looked at.
    keys.iter().any(|key| key.verifies(method, info.as_bytes(), &value)).then_some(content)
}
