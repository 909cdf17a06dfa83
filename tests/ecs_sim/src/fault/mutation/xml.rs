//! Mutations of what a body of STS means, which is XML. A secret comes to stand for nothing that may be read.

use std::ops::Range;

use super::Draw;

/// Elements whose text is a secret.
const SECRETS: [&str; 2] = ["SecretAccessKey", "SessionToken"];

/// An element without others in it: where it is, and its text.
struct Leaf {
    name: String,
    element: Range<usize>,
    text: Range<usize>,
}

/// Whether a body is XML.
pub(super) fn is_xml(body: &[u8]) -> bool {
    body.starts_with(b"<")
}

/// Something stands in a text that means something there.
pub(super) fn token(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    const TOKENS: [&[u8]; 18] = [
        b"&",
        b"&amp",
        b"&#0;",
        b"&#x110000;",
        b"&#xD800;",
        b"&other;",
        b"<",
        b">",
        b"<a/>",
        b"<a>",
        b"</Arn>",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"<?x",
        b"\0",
        b"\xC3",
        b"\n",
    ];
    let Some(leaf) = any(draw, body, |_| true) else { return body.to_vec() };
    let at = leaf.text.start + draw.below(leaf.text.len() + 1);
    spliced(body, at..at, draw.of::<[u8]>(&TOKENS))
}

/// A text is another one.
pub(super) fn value(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    let Some(leaf) = any(draw, body, |_| true) else { return body.to_vec() };
    spliced(body, leaf.text, &odd_text(draw))
}

/// A text stands in the place of another one too.
pub(super) fn moved(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    let free = any(draw, body, |leaf| !SECRETS.contains(&leaf.name.as_str()));
    let (Some(from), Some(to)) = (free, any(draw, body, |_| true)) else { return body.to_vec() };
    spliced(body, to.text, &body[from.text])
}

/// An element is elsewhere, maybe outside of all.
pub(super) fn displaced(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    let Some(leaf) = any(draw, body, |_| true) else { return body.to_vec() };
    let element = body[leaf.element.clone()].to_vec();
    let without = spliced(body, leaf.element, b"");
    let ends: Vec<usize> = (1..=without.len()).filter(|end| without[end - 1] == b'>').collect();
    let Some(at) = ends.get(draw.below(ends.len())) else { return without };
    spliced(&without, *at..*at, &element)
}

/// An element is missing, has another name, or is there twice.
pub(super) fn member(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    let Some(Leaf { name, element, text }) = any(draw, body, |_| true) else { return body.to_vec() };
    let named = |name: &str, text: &[u8]| [b"<", name.as_bytes(), b">", text, b"</", name.as_bytes(), b">"].concat();
    let whole = &body[element.clone()];
    match draw.below(4) {
        0 => spliced(body, element, b""),
        1 => spliced(body, element, &named(&format!("{name}X"), &body[text])),
        2 => spliced(body, element.end..element.end, whole),
        _ => spliced(body, element.end..element.end, &named(&name, &odd_text(draw))),
    }
}

fn odd_text(draw: &mut Draw) -> Vec<u8> {
    const ODD: [&str; 12] = [
        "",
        " ",
        "null",
        "-1",
        "1e300",
        "MISSING",
        "<a></a>",
        "arn:aws:iam::200000000000:",
        "12345678901",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-99-99T99:99:99Z",
    ];
    match draw.below(ODD.len() + 1) {
        last if last == ODD.len() => "é".repeat(300).into_bytes(),
        at => ODD[at].as_bytes().to_vec(),
    }
}

fn spliced(body: &[u8], range: Range<usize>, with: &[u8]) -> Vec<u8> {
    [&body[..range.start], with, &body[range.end..]].concat()
}

fn any(draw: &mut Draw, body: &[u8], chosen: impl Fn(&Leaf) -> bool) -> Option<Leaf> {
    let mut leaves: Vec<Leaf> = leaves(body).into_iter().filter(chosen).collect();
    (!leaves.is_empty()).then(|| leaves.swap_remove(draw.below(leaves.len())))
}

/// The elements without others in them. A body that is no longer text has none.
fn leaves(body: &[u8]) -> Vec<Leaf> {
    let Ok(whole) = std::str::from_utf8(body) else { return Vec::new() };
    let leaf = |(end, _): (usize, &str)| {
        let start = whole[..end].rfind('>')? + 1;
        let name = whole[end + 2..].split('>').next()?;
        let before = whole[..start].strip_suffix(&format!("<{name}>"))?.len();
        let element = before..(end + name.len() + 3).min(whole.len());
        Some(Leaf { name: name.to_owned(), element, text: start..end })
    };
    whole.match_indices("</").filter_map(leaf).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Mutation;
    use super::*;

    const BODY: &[u8] = b"<R xmlns=\"u\"><Arn>a</Arn><C><SecretAccessKey>s</SecretAccessKey><X></X></C></R>";

    #[test]
    fn leaves_have_no_elements_in_them() {
        let names: Vec<String> = leaves(BODY).into_iter().map(|leaf| leaf.name).collect();
        assert_eq!(names, ["Arn", "SecretAccessKey", "X"]);
        let texts: Vec<&[u8]> = leaves(BODY).into_iter().map(|leaf| &BODY[leaf.element]).collect();
        assert_eq!(texts, [&b"<Arn>a</Arn>"[..], b"<SecretAccessKey>s</SecretAccessKey>", b"<X></X>"]);
    }

    #[test]
    fn each_mutation_changes_xml_and_no_secret_comes_to_be_an_arn() {
        for mutation in Mutation::ALL {
            for seed in 0..200 {
                let mutated = mutation.of(seed, BODY);
                assert_ne!(mutated, BODY, "{mutation:?}");
                let is_arn = mutated.windows(8).any(|window| window == b"<Arn>s</");
                assert!(!is_arn || mutation != Mutation::Moved, "{}", String::from_utf8_lossy(&mutated));
            }
        }
    }
}
