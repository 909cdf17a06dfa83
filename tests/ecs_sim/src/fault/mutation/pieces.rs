//! Mutations of the bytes, whatever they mean.

use super::Draw;

/// How long a piece is at most.
const PIECE: usize = 200;

pub(super) fn bytes(draw: &mut Draw, mut body: Vec<u8>) -> Vec<u8> {
    for _ in 0..=draw.below(4) {
        if body.is_empty() {
            break;
        }
        let at = draw.below(body.len());
        match draw.below(5) {
            0 => body[at] ^= 1 << draw.below(8),
            1 => _ = body.remove(at),
            2 => body.insert(at, body[at]),
            3 => body[at] = u8::try_from(draw.below(256)).unwrap_or_default(),
            _ => body[at] = b"{}[]\"\\,:0-"[draw.below(10)],
        }
    }
    body
}

pub(super) fn pieces(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    let start = draw.below(body.len());
    let end = start + draw.below((body.len() - start).min(PIECE));
    let piece = &body[start..end];
    let without = [&body[..start], &body[end..]].concat();
    let whole = body.to_vec();
    let inserted = |draw: &mut Draw, mut body: Vec<u8>| {
        let at = draw.below(body.len());
        body.splice(at..at, piece.iter().copied());
        body
    };
    match draw.below(4) {
        0 => without,
        1 => inserted(draw, whole),
        2 => inserted(draw, without),
        _ => {
            let other = end + draw.below(body.len() - end);
            let last = other + draw.below((body.len() - other).min(PIECE));
            [&body[..start], &body[other..last], &body[end..other], piece, &body[last..]].concat()
        }
    }
}

pub(super) fn whole(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    const OTHERS: [&[u8]; 15] = [
        b"",
        b" \r\n",
        b"{}",
        b"[]",
        b"null",
        b"true",
        b"0",
        b"\"\"",
        b"{\"message\":\"Rate exceeded\"}",
        b"<html></html>",
        b"\xFF\xFE{}",
        b"\xEF\xBB\xBF{}",
        b"{\"tasks\":{},\"services\":{},\"clusters\":{}}",
        b"{\"tasks\":[],\"services\":[],\"clusters\":[],\"taskDefinition\":null}",
        b"{\"failures\":null}",
    ];
    match draw.below(3) {
        0 => OTHERS[draw.below(OTHERS.len())].to_vec(),
        // Blanks around a body are no fault.
        1 => [draw.of::<[u8]>(&[b" ", b"\n", b"\xEF\xBB\xBF", b"["]), body].concat(),
        _ => [body, draw.of::<[u8]>(&[b"x", b"}", b"]", b"{}", b"\0", b" \n", b","])].concat(),
    }
}
