//! One request and its answer: throttling, faults, latency and counting around the core.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use tokio::net::TcpStream;

use crate::arrival::Arrivals;
use crate::body::AnswerBody;
use crate::call::{Call, Service};
use crate::counters::Counters;
use crate::ecs::{self, Answer};
use crate::fault::{Effect, FaultHandle, Faults, Schedule};
use crate::refusal::Refusal;
use crate::seal::{hash, key};
use crate::sts;
use crate::tally::Tally;
use crate::world::World;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) arrivals: Arrivals,
    pub(crate) faults: Faults,
    tally: Mutex<Tally>,
    schedule: Schedule,
}

/// Answers one request that came in by `socket`; an error closes the connection without an answer.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    socket: Arc<OwnedFd>,
    request: Request<Incoming>,
) -> io::Result<Response<AnswerBody>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if parts.method == Method::GET && parts.uri.path() == "/counters" {
        let counters = serde_json::to_vec_pretty(&shared.counters())?;
        let response = response(200, "application/json", counters).map_err(io::Error::other)?;
        return Ok(response.map(AnswerBody::whole));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    let call = Call::read(&shared.world, &parts, &body, now);
    let throttled = shared.arrivals.arrive(&shared.world, &call);
    let number = shared.tally().begin(&call);
    let _in_flight = InFlight { shared: &shared, service: call.service };

    // A throttled request meets nothing else.
    let met = if throttled { Some((Effect::Refuse(Refusal::throttled()), None)) } else { shared.meet(&call) };
    let latency = latency(&shared.world, number);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let (effect, handle) = met.unzip();
    let answer = match &effect {
        Some(Effect::Close) => return Err(io::Error::other("closed by a fault")),
        Some(Effect::Reset) => {
            close_as_reset(&socket)?;
            return Err(io::Error::other("reset by a fault"));
        }
        // hyper drops this when the client goes away.
        Some(Effect::Hang) => std::future::pending().await,
        Some(Effect::Refuse(refusal)) => Answer::refused(refusal.clone()),
        Some(Effect::Unavailable) => Answer::refused(Refusal::unavailable()),
        Some(Effect::Replace(body)) => Answer::of(Ok(body.clone().into_bytes())),
        Some(Effect::Hold) => {
            if let Some(handle) = handle.flatten() {
                handle.released().await;
            }
            answer(&shared.world, &call, false, now)
        }
        // What is mutated there is the whole document.
        Some(Effect::Mutate(..)) if call.service == Service::Sts => answer(&shared.world, &call, false, now),
        Some(effect) => effect.changed(&call.action, answer(&shared.world, &call, *effect == Effect::RepeatToken, now)),
        None => answer(&shared.world, &call, false, now),
    };
    shared.tally().answered(&call, &answer);
    let response = match (&effect, answer.result) {
        (Some(Effect::Unavailable), Err(refusal)) => {
            response(refusal.status, "text/plain", refusal.message.into_bytes())
        }
        (_, result) => written(&call, result, &format!("{number:08x}-ec55-4000-8000-{number:012x}")),
    };
    Ok(response.map_err(io::Error::other)?.map(|body| match effect {
        Some(Effect::Mutate(mutation, seed)) if call.service == Service::Sts => {
            AnswerBody::whole(mutation.of(seed, &body))
        }
        Some(Effect::Slow(pause)) => AnswerBody::slow(body, pause),
        _ => AnswerBody::whole(body),
    }))
}

/// What the core answers; with `stick` a list repeats its token.
fn answer(world: &World, call: &Call, stick: bool, now: u64) -> Answer {
    match call.service {
        Service::Ecs => ecs::answer(world, call, stick),
        Service::Sts => sts::answer(world, call, now),
    }
}

fn latency(world: &World, number: u64) -> Duration {
    let (least, most) = (*world.latency.start(), *world.latency.end());
    if least >= most {
        return least;
    }
    let spread = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX);
    least + Duration::from_nanos(hash(key(world.seed, &["latency"]), number) % spread.saturating_add(1).max(1))
}

/// The answer as its service writes it.
fn written(call: &Call, result: Result<Vec<u8>, Refusal>, request_id: &str) -> hyper::http::Result<Response<Vec<u8>>> {
    let (status, code, body) = match (call.service, result) {
        (Service::Ecs, Ok(body)) => (200, None, body),
        (Service::Sts, Ok(body)) => (200, None, sts::document(&call.action, &body, request_id)),
        (Service::Ecs, Err(refusal)) => {
            let body = serde_json::json!({"__type": refusal.code, "message": refusal.message});
            (refusal.status, Some(refusal.code), body.to_string().into_bytes())
        }
        (Service::Sts, Err(refusal)) => (refusal.status, None, sts::error_document(&refusal, request_id)),
    };
    let content_type = if call.service == Service::Ecs { "application/x-amz-json-1.1" } else { "text/xml" };
    let mut response = response(status, content_type, body)?;
    response.headers_mut().insert("x-amzn-requestid", request_id.try_into()?);
    if let Some(code) = code {
        response.headers_mut().insert("x-amzn-errortype", code.try_into()?);
    }
    Ok(response)
}

fn response(status: u16, content_type: &str, body: Vec<u8>) -> hyper::http::Result<Response<Vec<u8>>> {
    Response::builder().status(status).header("content-type", content_type).body(body)
}

/// Makes the close of a socket a reset: what was not sent is thrown away and the peer is not told why.
fn close_as_reset(socket: &OwnedFd) -> io::Result<()> {
    TcpStream::from_std(socket.try_clone()?.into())?.set_zero_linger()
}

impl Shared {
    /// Nothing was seen yet.
    pub(crate) fn start(world: World) -> Shared {
        Shared {
            arrivals: Arrivals::start(&world),
            world,
            tally: Mutex::default(),
            faults: Faults::default(),
            schedule: Schedule::default(),
        }
    }

    /// The fault that a request meets: one on demand with its handle, or one of the schedule.
    fn meet(&self, call: &Call) -> Option<(Effect, Option<FaultHandle>)> {
        match (self.faults.meet(call), &self.world.chaos) {
            (Some((effect, handle)), _) => Some((effect, Some(handle))),
            (None, Some(chaos)) if call.service == Service::Ecs => {
                self.schedule.meet(chaos, call).map(|effect| (effect, None))
            }
            _ => None,
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counters(&self) -> Counters {
        // Only the copy is made under the lock: requests do not wait for the names.
        let tally = self.tally().clone();
        Counters { chaos: self.schedule.met(), foreign: self.arrivals.foreign(&self.world), ..tally.counters() }
    }
}

/// Counts a request as in flight for as long as it lives, whatever way it ends.
struct InFlight<'a> {
    shared: &'a Shared,
    service: Service,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.tally().end(self.service);
    }
}
