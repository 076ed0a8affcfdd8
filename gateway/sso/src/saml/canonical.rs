//! Exclusive XML Canonicalization 1.0, without comments (there are none: a document with comments is refused).

use roxmltree::{Node, NodeId};

/// What is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options<'a> {
    /// This element is left out: the signature inside what it signs.
    pub without: Option<NodeId>,
    /// Prefixes whose namespaces are written wherever they are in scope.
    pub inclusive: &'a [String],
}

/// The canonical form of an element.
pub(super) fn of(node: Node<'_, '_>, options: Options<'_>) -> String {
    let mut out = String::new();
    element(node, options, &mut Vec::new(), &mut out);
    out
}

/// The name of an element as it is written, from the text of the document: the parser keeps no prefixes.
fn written_name<'d>(node: Node<'_, 'd>) -> &'d str {
    let text = node.document().input_text();
    let start = &text[node.range().start + 1..];
    let end = start.find(|character: char| character.is_whitespace() || matches!(character, '>' | '/'));
    // The document's text outlives the tree that borrows it.
    &start[..end.unwrap_or(start.len())]
}

fn prefix(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

/// The namespace of a prefix where the element stands.
fn scope<'a>(node: Node<'a, '_>, prefix: &str) -> &'a str {
    node.lookup_namespace_uri((!prefix.is_empty()).then_some(prefix)).unwrap_or_default()
}

fn element(node: Node<'_, '_>, options: Options<'_>, above: &mut Vec<(String, String)>, out: &mut String) {
    let text = node.document().input_text();
    let name = written_name(node);
    let mut attributes: Vec<(&str, &str, &str)> = node
        .attributes()
        .map(|attribute| {
            let written = &text[attribute.range_qname()];
            (attribute.namespace().unwrap_or_default(), written, attribute.value())
        })
        .collect();
    attributes.sort_by_key(|(namespace, written, _)| {
        (*namespace, written.rsplit_once(':').map_or(*written, |(_, local)| local))
    });
    // Only prefixes that are used here, and those that are asked for.
    let used = attributes.iter().map(|(_, written, _)| prefix(written)).filter(|prefix| !prefix.is_empty());
    let asked = options.inclusive.iter().map(String::as_str);
    let asked = asked.filter(|prefix| !scope(node, prefix).is_empty());
    let mut prefixes: Vec<&str> = used.chain(asked).chain([prefix(name)]).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let before = above.len();
    out.push('<');
    out.push_str(name);
    for prefix in prefixes.into_iter().filter(|prefix| *prefix != "xml") {
        let uri = scope(node, prefix);
        let last = above.iter().rev().find(|(known, _)| known == prefix).map(|(_, uri)| uri.as_str());
        if last.unwrap_or_default() == uri {
            continue;
        }
        out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        out.push_str(prefix);
        out.push_str("=\"");
        attribute_text(uri, out);
        out.push('"');
        above.push((prefix.to_owned(), uri.to_owned()));
    }
    for (_, written, value) in attributes {
        out.push(' ');
        out.push_str(written);
        out.push_str("=\"");
        attribute_text(value, out);
        out.push('"');
    }
    out.push('>');
    for child in node.children() {
        if Some(child.id()) == options.without {
            continue;
        }
        if child.is_element() {
            element(child, options, above, out);
        } else if let Some(text) = child.text().filter(|_| child.is_text()) {
            element_text(text, out);
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
    above.truncate(before);
}

fn attribute_text(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

fn element_text(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    fn canonical(text: &str, name: &str, inclusive: &[String]) -> String {
        let document = Document::parse(text).unwrap();
        let node =
            document.descendants().find(|node| node.has_tag_name(name) || node.tag_name().name() == name);
        of(node.unwrap(), Options { without: None, inclusive })
    }

    #[test]
    fn the_example_of_the_recommendation_comes_out() {
        // Exclusive XML Canonicalization 1.0, 2.2: the same element in two surroundings has one form.
        let one = r#"<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>"#;
        let two = r#"<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n2:pdu>"#;
        let expected = r#"<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>"#;
        assert_eq!(canonical(one, "elem2", &[]), expected);
        assert_eq!(canonical(two, "elem2", &[]), expected);
        let with = canonical(one, "elem2", &["n0".to_owned()]);
        assert!(
            with.starts_with(r#"<n1:elem2 xmlns:n0="foo:bar" xmlns:n1="http://example.net" xml:lang="en">"#),
            "{with}"
        );
    }

    #[test]
    fn attributes_namespaces_and_characters_have_one_form() {
        let text = "<a xmlns='u' xmlns:z='z' b='1&#9;\"' z:a='2' a='&lt;'>&gt;&#13;<b xmlns=''/><c/></a>";
        let expected = r#"<a xmlns="u" xmlns:z="z" a="&lt;" b="1&#x9;&quot;" z:a="2">&gt;&#xD;<b xmlns=""></b><c></c></a>"#;
        assert_eq!(canonical(text, "a", &[]), expected);
    }
}
