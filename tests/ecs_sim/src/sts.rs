//! The two actions of AWS STS: AssumeRole and GetCallerIdentity, query protocol in, XML out.

use std::time::Duration;

use crate::call::{Call, Caller, fraction, session_token, xml_escaped};
use crate::ecs::Answer;
use crate::refusal::Refusal;
use crate::seal::{hash, key};
use crate::world::{RoleRule, World};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers a call to STS that came in at `now`, in epoch milliseconds. The request id is added around the body.
pub(crate) fn answer(world: &World, call: &Call, now: u64) -> Answer {
    let mut breaches = Vec::new();
    let result = match (call.action.as_str(), &call.caller) {
        ("AssumeRole" | "GetCallerIdentity", Err(refusal)) => Err(refusal.clone()),
        ("AssumeRole" | "GetCallerIdentity", Ok(caller)) if world.disabled_regions.contains(&call.region) => {
            Err(region_disabled(caller))
        }
        ("AssumeRole", Ok(caller)) => assume_role(world, call, caller, now),
        ("GetCallerIdentity", Ok(caller)) => Ok(caller_identity(caller)),
        (action, _) => {
            breaches.push("an action that is neither AssumeRole nor GetCallerIdentity".to_owned());
            Err(Refusal::new(400, "InvalidAction", format!("Could not find operation {action} for version 2011-06-15")))
        }
    };
    Answer { breaches, ..Answer::of(result.map(String::into_bytes)) }
}

/// A whole answer around a result.
pub(crate) fn document(action: &str, result: &[u8], request_id: &str) -> Vec<u8> {
    let result = String::from_utf8_lossy(result);
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
    .into_bytes()
}

/// A whole error answer.
pub(crate) fn error_document(refusal: &Refusal, request_id: &str) -> Vec<u8> {
    let kind = if refusal.status < 500 { "Sender" } else { "Receiver" };
    let (code, message) = (xml_escaped(&refusal.code), xml_escaped(&refusal.message));
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    .into_bytes()
}

fn caller_identity(caller: &Caller) -> String {
    let (arn, account) = (caller_arn(caller), &caller.account);
    let id = if caller.session.is_some() { "AROAECSSIM0000000000:session" } else { "AIDAECSSIM0000000000" };
    format!("<Arn>{}</Arn><UserId>{id}</UserId><Account>{account}</Account>", xml_escaped(&arn))
}

fn caller_arn(caller: &Caller) -> String {
    let account = &caller.account;
    match &caller.session {
        Some((role, session)) => format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        None => format!("arn:aws:iam::{account}:user/ecs-sim"),
    }
}

fn assume_role(world: &World, call: &Call, caller: &Caller, now: u64) -> Result<String, Refusal> {
    let role_arn = checked(call, "RoleArn", 20..=2048, |_| true)?.ok_or_else(|| missing("roleArn"))?;
    let session = checked(call, "RoleSessionName", 2..=64, |c| "_+=,.@-".contains(c))?;
    let session = session.ok_or_else(|| missing("roleSessionName"))?;
    let external_id = checked(call, "ExternalId", 2..=1224, |c| "_+=,.@:/-".contains(c))?;
    let seconds = duration(call.form("DurationSeconds"))?;
    let Some((account, role)) = account_and_role(role_arn) else {
        return Err(validation(format!("{role_arn} is invalid")));
    };

    let none = RoleRule::default();
    let rule = world.roles.get(role_arn).unwrap_or(&none);
    if let Some(refusal) = &rule.refusal {
        return Err(refusal.clone());
    }
    if rule.refused || (rule.external_id.is_some() && rule.external_id.as_deref() != external_id) {
        let who = caller_arn(caller);
        let message = format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {role_arn}");
        return Err(Refusal::new(403, "AccessDenied", message));
    }
    if (caller.session.is_some() || world.base_is_role_session) && seconds > 3_600 {
        let message =
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(validation(message));
    }
    if rule.max_session_duration.is_some_and(|most| seconds > most) {
        return Err(validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
    }

    let after = |life: Duration| now.saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
    // What DurationSeconds says ends with a whole second.
    let expires = world.session_life.map_or((now / 1_000 + seconds) * 1_000, after);
    let told = world.session_told.map_or(expires, after);
    let token = session_token(world, account, role, session, expires);
    let draw = hash(key(world.seed, &[&token]), 1);
    let arn = caller_arn(&Caller { account: account.to_owned(), session: Some((role.to_owned(), session.to_owned())) });
    Ok(format!(
        "<AssumedRoleUser><AssumedRoleId>AROA{:016X}:{session}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>ASIA{draw:016X}</AccessKeyId><SecretAccessKey>{:040x}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{}</Expiration></Credentials>",
        hash(key(world.seed, &[role_arn]), 1),
        u128::from(draw) * 0xFFFF_FFFF_FFFF,
        date_time(told),
    ))
}

/// A parameter by its length and characters: letters and digits beside those `allowed`. AWS names it in camel case.
fn checked<'c>(
    call: &'c Call,
    name: &str,
    length: std::ops::RangeInclusive<usize>,
    allowed: fn(char) -> bool,
) -> Result<Option<&'c str>, Refusal> {
    let Some(value) = call.form(name) else {
        return Ok(None);
    };
    let member = [&name[..1].to_ascii_lowercase(), &name[1..]].concat();
    let count = value.chars().count();
    let rule = if count < *length.start() {
        format!("Member must have length greater than or equal to {}", length.start())
    } else if count > *length.end() {
        format!("Member must have length less than or equal to {}", length.end())
    } else if !value.chars().all(|c| c.is_ascii_alphanumeric() || allowed(c)) {
        let more = if name == "ExternalId" { ":\\/" } else { "" };
        format!("Member must satisfy regular expression pattern: [\\w+=,.@{more}-]*")
    } else {
        return Ok(Some(value));
    };
    Err(constraint(&format!("'{value}'"), &member, &rule))
}

fn duration(text: Option<&str>) -> Result<u64, Refusal> {
    let Some(text) = text else { return Ok(3_600) };
    let rule = match text.parse::<u64>() {
        Ok(seconds @ 900..=43_200) => return Ok(seconds),
        Ok(0..900) => "greater than or equal to 900",
        Ok(_) => "less than or equal to 43200",
        Err(_) => {
            return Err(Refusal::new(400, "MalformedInput", "DurationSeconds is not an integer"));
        }
    };
    Err(constraint(&format!("'{text}'"), "durationSeconds", &format!("Member must have value {rule}")))
}

fn region_disabled(caller: &Caller) -> Refusal {
    let message = format!(
        "STS is not activated in this region for account:{}. Your account administrator can activate STS in this \
         region using the IAM Console.",
        caller.account
    );
    Refusal::new(403, "RegionDisabledException", message)
}

fn missing(member: &str) -> Refusal {
    constraint("null", member, "Member must not be null")
}

fn constraint(value: &str, member: &str, rule: &str) -> Refusal {
    validation(format!("1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {rule}"))
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

/// Account and name of `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
fn account_and_role(arn: &str) -> Option<(&str, &str)> {
    let ["arn", partition, "iam", "", account, resource] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    (partition.starts_with("aws") && is_account && is_name).then_some((account, name))
}

/// Epoch milliseconds as `2026-11-23T20:50:00.123Z`, whole seconds without the fraction; by the civil calendar: a
/// year begins in March, an era has 400 years.
fn date_time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year + month / 10, if month < 10 { month + 3 } else { month - 9 });
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}Z", fraction(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (1_795_467_000_000, "2026-11-23T20:50:00Z"),
            (1_795_467_000_012, "2026-11-23T20:50:00.012Z"),
        ] {
            assert_eq!(date_time(milliseconds), expected);
        }
    }
}
