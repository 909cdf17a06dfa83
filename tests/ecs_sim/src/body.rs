//! The body of an answer: all at once, or in pieces that are long in coming.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// A slow body comes in at most so many pieces of equal size.
const PIECES: usize = 8;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    rest: Bytes,
    /// Bytes of a piece, one at least.
    piece: usize,
    pause: Option<Pause>,
}

#[derive(Debug)]
struct Pause {
    each: Duration,
    /// Before the next piece.
    next: Pin<Box<Sleep>>,
}

impl AnswerBody {
    /// The whole body at once.
    pub(crate) fn whole(body: Vec<u8>) -> AnswerBody {
        AnswerBody { piece: body.len().max(1), rest: Bytes::from(body), pause: None }
    }

    /// The body in pieces, with a pause before each: the last comes when all are over.
    pub(crate) fn slow(body: Vec<u8>, pause: Duration) -> AnswerBody {
        let piece = body.len().div_ceil(PIECES).max(1);
        let pause = Pause { each: pause, next: Box::pin(tokio::time::sleep(pause)) };
        AnswerBody { piece, rest: Bytes::from(body), pause: Some(pause) }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        if body.rest.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut body.pause {
            ready!(pause.next.as_mut().poll(context));
            pause.next.as_mut().reset(Instant::now() + pause.each);
        }
        let piece = body.rest.split_to(body.piece.min(body.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn pieces(mut body: AnswerBody) -> Vec<String> {
        let mut pieces = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.into_data().expect("data");
            pieces.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        pieces
    }

    #[tokio::test]
    async fn a_body_is_whole_at_once_or_in_pieces() {
        let text = "0123456789abcdefghij";
        assert_eq!(pieces(AnswerBody::whole(text.into())).await, [text]);
        let pause = Duration::from_millis(1);
        let begun = Instant::now();
        let slow = pieces(AnswerBody::slow(text.into(), pause)).await;
        assert!(begun.elapsed() >= pause * 7, "a pause before each");
        assert_eq!((slow.len(), slow.concat().as_str()), (7, text), "three bytes in each");
        assert_eq!(pieces(AnswerBody::slow("{}".into(), pause)).await, ["{", "}"]);
        for empty in [AnswerBody::whole(Vec::new()), AnswerBody::slow(Vec::new(), Duration::MAX)] {
            assert!(empty.is_end_stream() && pieces(empty).await.is_empty());
        }
    }
}
