//! The core, asked as a client asks it, but without a socket.

mod data;
mod describes;
mod lists;
mod sts;

use std::collections::{BTreeMap, BTreeSet};

use hyper::Request;
use serde_json::{Value, json};

use crate::call::{Call, Service, session_token};
use crate::ecs::{self, Answer};
use crate::seal::hash;
use crate::site::TaskId;
use crate::{CANARY, Pages, Refusal, RoleRule, Shape, World};

pub(crate) const ACCOUNT: &str = "111111111111";
pub(crate) const REGION: &str = "eu-central-1";
/// 2026-11-23 20:50:00.123 UTC.
pub(crate) const NOW: u64 = 1_795_467_000_123;

pub(crate) fn call(world: &World, token: Option<&str>, target: Option<&str>, body: &str) -> Call {
    call_at(world, token, target, body, NOW)
}

fn call_at(world: &World, token: Option<&str>, target: Option<&str>, body: &str, now: u64) -> Call {
    let mut request = Request::builder().method("POST").uri("/").header(
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261123/{REGION}/ecs/aws4_request, SignedHeaders=host, Signature=00"
        ),
    );
    if let Some(action) = target {
        request = request.header("content-type", "application/x-amz-json-1.1");
        request = request.header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{action}"));
    }
    if let Some(token) = token {
        request = request.header("x-amz-security-token", token);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    Call::read(world, &parts, body.as_bytes(), now)
}

pub(crate) fn ecs(world: &World, action: &str, input: &Value) -> Answer {
    ecs::answer(world, &call(world, None, Some(action), &input.to_string()), false)
}

fn sts_call(world: &World, token: Option<&str>, form: &str) -> Answer {
    crate::sts::answer(world, &call(world, token, None, form), NOW)
}

pub(crate) fn body(answer: Answer) -> Value {
    serde_json::from_slice(&answer.result.expect("a result")).expect("JSON")
}

fn refusal(answer: Answer) -> (u16, String, String) {
    let refusal = answer.result.expect_err("an error answer");
    (refusal.status, refusal.code, refusal.message)
}

/// Lists to the end and gives the ARNs with the number of pages.
fn listed(world: &World, action: &str, mut input: Value) -> (Vec<String>, u64) {
    let (mut arns, mut pages) = (Vec::new(), 0);
    loop {
        let answer = ecs(world, action, &input);
        assert_eq!(answer.breaches, Vec::<String>::new());
        let page = body(answer);
        let (_, list) =
            page.as_object().and_then(|page| page.iter().find(|(_, value)| value.is_array())).expect("a list");
        arns.extend(list.as_array().into_iter().flatten().filter_map(|arn| arn.as_str().map(str::to_owned)));
        pages += 1;
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => return (arns, pages),
        }
    }
}

fn first_cluster(world: &World) -> String {
    world.site(ACCOUNT, REGION).cluster_arn(0)
}

fn one_cluster(shape: Shape) -> World {
    World { shape: Shape { clusters: 1, ..shape }, ..World::default() }
}

fn same(described: &Value, truth: impl Iterator<Item = Value>) {
    let truth: Vec<Value> = truth.collect();
    assert_eq!(described.as_array().map(Vec::len), Some(truth.len()));
    assert_eq!(described, &Value::Array(truth));
}
