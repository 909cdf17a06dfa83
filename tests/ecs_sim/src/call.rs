//! Reads a request: which service and action, who calls, from where, with what input.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hyper::http::request::Parts;
use serde::Deserialize;

use crate::refusal::Refusal;
use crate::seal::{hash, key};
use crate::world::World;

/// The actions that are simulated.
pub(crate) const ACTIONS: [&str; 10] = [
    "AssumeRole",
    "DescribeClusters",
    "DescribeServices",
    "DescribeTaskDefinition",
    "DescribeTasks",
    "GetCallerIdentity",
    "ListClusters",
    "ListServices",
    "ListTaskDefinitions",
    "ListTasks",
];

const TARGET: &str = "AmazonEC2ContainerServiceV20141113.";

/// The service that a request is for: ECS names its action in a header, STS in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Ecs,
    Sts,
}

/// A request, read. What is wrong with it is kept for the answer.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) action: String,
    /// The action's place among [`ACTIONS`].
    pub(crate) action_number: Option<usize>,
    /// From the signature's scope.
    pub(crate) region: String,
    /// `ACCOUNT/REGION`, as it is counted.
    pub(crate) scope: String,
    pub(crate) caller: Result<Caller, Refusal>,
    pub(crate) input: Result<Input, Refusal>,
    pub(crate) user_agent: String,
    /// The input of STS.
    form: BTreeMap<String, String>,
}

/// Who calls, by the session token; signatures are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) account: String,
    /// Role and session name, unless these are the base credentials.
    pub(crate) session: Option<(String, String)>,
}

/// The members of the eight inputs that are simulated; any other is refused, not passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) cluster: Option<String>,
    pub(crate) clusters: Option<Vec<String>>,
    pub(crate) services: Option<Vec<String>>,
    pub(crate) tasks: Option<Vec<String>>,
    pub(crate) task_definition: Option<String>,
    pub(crate) include: Option<Vec<String>>,
    pub(crate) max_results: Option<i64>,
    pub(crate) next_token: Option<String>,
    pub(crate) desired_status: Option<String>,
    pub(crate) family_prefix: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) sort: Option<String>,
}

impl Call {
    /// Reads a request that came in at `now`, in epoch milliseconds.
    pub(crate) fn read(world: &World, parts: &Parts, body: &[u8], now: u64) -> Call {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let target = header("x-amz-target");
        let service = if target.is_some() { Service::Ecs } else { Service::Sts };
        let form = if service == Service::Sts { read_form(body) } else { BTreeMap::new() };
        let action = match target {
            Some(target) => target.strip_prefix(TARGET).unwrap_or(target).to_owned(),
            None => form.get("Action").cloned().unwrap_or_else(|| format!("{} {}", parts.method, parts.uri.path())),
        };
        let region = region(header("authorization"));
        let caller = match &region {
            Err(refusal) => Err(refusal.clone()),
            Ok(_) => caller(world, service, header("x-amz-security-token"), now),
        };
        let region = region.unwrap_or_default();
        let account = caller.as_ref().map_or("", |caller| &caller.account);
        let input = match service {
            Service::Ecs if header("content-type") != Some("application/x-amz-json-1.1") => {
                Err(Refusal::new(400, "SerializationException", "the content type is not application/x-amz-json-1.1"))
            }
            Service::Ecs => serde_json::from_slice(body)
                .map_err(|error| Refusal::new(400, "SerializationException", format!("not simulated: {error}"))),
            Service::Sts => Ok(Input::default()),
        };
        Call {
            service,
            action_number: ACTIONS.iter().position(|known| *known == action),
            action,
            scope: [account, "/", &region].concat(),
            region,
            caller,
            input,
            user_agent: header("x-amz-user-agent").or(header("user-agent")).unwrap_or_default().to_owned(),
            form,
        }
    }

    /// The caller's account; empty if that is not known.
    pub(crate) fn account(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| &caller.account)
    }

    pub(crate) fn cluster(&self) -> Option<&str> {
        self.input.as_ref().ok()?.cluster.as_deref()
    }

    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }

    /// The role that an AssumeRole asks for.
    pub(crate) fn role_arn(&self) -> Option<&str> {
        if self.action == "AssumeRole" { self.form("RoleArn") } else { None }
    }
}

/// A session token that this world issues and knows again without keeping it; `expires` in epoch milliseconds.
pub(crate) fn session_token(world: &World, account: &str, role: &str, session: &str, expires: u64) -> String {
    let text = format!("ecs-sim/{account}/{role}/{session}/{}{}", expires / 1_000, fraction(expires));
    let check = hash(key(world.seed, &[&text]), 0);
    format!("{text}/{check:016x}")
}

/// The milliseconds of an instant, if it has any, as they follow its seconds.
pub(crate) fn fraction(milliseconds: u64) -> String {
    match milliseconds % 1_000 {
        0 => String::new(),
        fraction => format!(".{fraction:03}"),
    }
}

/// The epoch milliseconds that a token tells.
fn instant(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    seconds.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(fraction.parse().ok()?)
}

/// The region of `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn region(authorization: Option<&str>) -> Result<String, Refusal> {
    let Some(text) = authorization else {
        return Err(Refusal::new(400, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let credential = text.split(['=', ',', ' ']).skip_while(|part| *part != "Credential").nth(1).unwrap_or_default();
    match credential.split('/').collect::<Vec<_>>()[..] {
        [_, _, region, "ecs" | "sts", "aws4_request"] if is_region(region) => Ok(region.to_owned()),
        _ => Err(Refusal::new(
            400,
            "IncompleteSignatureException",
            "the Authorization header has no scope of ecs or sts",
        )),
    }
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn caller(world: &World, service: Service, token: Option<&str>, now: u64) -> Result<Caller, Refusal> {
    let invalid = || match service {
        Service::Ecs => Refusal::unrecognized_client(),
        Service::Sts => {
            Refusal::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        }
    };
    let Some(token) = token.filter(|token| world.base_session_token.as_deref() != Some(token)) else {
        return Ok(Caller { account: world.base_account.clone(), session: None });
    };
    let ["ecs-sim", account, role, session, expires, _] = token.split('/').collect::<Vec<_>>()[..] else {
        return Err(invalid());
    };
    let issued = |expires: &u64| session_token(world, account, role, session, *expires) == token;
    let expires = instant(expires).filter(issued).ok_or_else(invalid)?;
    if expires <= now {
        let (status, code) =
            if service == Service::Ecs { (400, "ExpiredTokenException") } else { (403, "ExpiredToken") };
        return Err(Refusal::new(status, code, "The security token included in the request is expired"));
    }
    Ok(Caller { account: account.to_owned(), session: Some((role.to_owned(), session.to_owned())) })
}

/// Reads `application/x-www-form-urlencoded`.
fn read_form(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text as XML shows it.
pub(crate) fn xml_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Writing to a String cannot fail.
            '<' | '>' | '&' | '"' | '\'' => _ = write!(escaped, "&#{};", u32::from(character)),
            _ => escaped.push(character),
        }
    }
    escaped
}
