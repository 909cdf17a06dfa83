//! The AWS SDK alone, as plain as it gets: no time-out, no interceptor, no retry; the answers are dropped.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::types::{DesiredStatus, TaskField};
use ecs_sdm_producer::aws::http;
use ecs_sdm_producer::aws::trust::Trust;
use kit::bench::Result;
use kit::bench::meter::{Cost, Meter};
use kit::bench::sync::runtime;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::dropped::Dropped;
use super::region;
use crate::gate::Gate;

/// Calls in flight: the default of `parallel_requests`.
const PARALLEL: usize = 8;

/// ARNs that a List gives and a Describe takes.
const BATCH: i32 = 100;

/// Requests of which [`one_after_the_other`] takes the mean.
const SEQUENTIAL: u32 = 200;

/// What becomes of the bodies of Describe answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bodies {
    Parsed,
    Dropped,
}

/// What the SDK costs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Listing clusters and their tasks.
    pub(crate) lists: Cost,
    /// Describing the tasks.
    pub(crate) describes: Cost,
    /// Tasks described.
    pub(crate) tasks: u64,
}

/// Lists all tasks, and writes what that cost, then a line for each Describe: the cluster and its tasks.
///
/// Listing has a process of its own: a million ARNs, each on the heap, make every allocation of the describes that follow dearer
/// (measured: half as much CPU again), which a sync, holding few of them at a time, does not pay.
pub(crate) fn list(endpoint: &str) -> Result<()> {
    let client = client(endpoint);
    let (lists, batches) = runtime()?.block_on(listed(&client))?;
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "{}", serde_json::to_string(&lists)?)?;
    batches.iter().try_for_each(|batch| writeln!(out, "{batch}"))?;
    Ok(out.flush()?)
}

/// Describes what [`list`] wrote, from standard input.
pub(crate) fn describe_all(endpoint: &str, bodies: Bodies) -> Result<Figures> {
    // One piece of the heap, which lives as long as the process.
    let listed: &'static str = io::read_to_string(io::stdin().lock())?.leak();
    let mut lines = listed.lines();
    let lists = serde_json::from_str(lines.next().unwrap_or_default())?;
    let batches: Vec<&str> = lines.collect();
    let (describes, tasks) = runtime()?.block_on(described(&client(endpoint), batches, bodies))?;
    Ok(Figures { lists, describes, tasks })
}

/// Lists, then describes.
pub(crate) fn list_and_describe(endpoint: &str, gate: &Gate) -> Result<Figures> {
    let (client, runtime) = (client(endpoint), runtime()?);
    gate.wait()?;
    runtime.block_on(async {
        let (lists, batches) = listed(&client).await?;
        let (describes, tasks) = described(&client, batches, Bodies::Parsed).await?;
        Ok(Figures { lists, describes, tasks })
    })
}

/// The mean time of a request, in seconds, for a caller who waits for each before the next.
pub(crate) fn one_after_the_other(endpoint: &str) -> Result<f64> {
    let client = client(endpoint);
    runtime()?.block_on(async {
        // The first one also opens the connection.
        clusters(&client).await?;
        let meter = Meter::start();
        for _ in 0..SEQUENTIAL {
            clusters(&client).await?;
        }
        Ok(meter.read().wall / f64::from(SEQUENTIAL))
    })
}

/// With the product's HTTP client, so that both speak the same.
fn client(endpoint: &str) -> Client {
    let settings = aws_sdk_ecs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http::client(false, &Trust::default()))
        .endpoint_url(endpoint)
        .region(Region::new(region()))
        .credentials_provider(Credentials::new("simulated", "simulated", None, None, "bench"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(settings)
}

/// Works a list off with [`PARALLEL`] workers, for each of which a call is in flight all the time.
async fn side_by_side<T, R, F>(
    work: Vec<T>,
    client: &Client,
    call: impl Fn(Client, T) -> F + Clone + Send + 'static,
) -> Result<Vec<R>>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = Result<R>> + Send,
{
    let work = Arc::new(Mutex::new(work.into_iter()));
    let mut workers = JoinSet::new();
    for _ in 0..PARALLEL {
        let (work, client, call) = (Arc::clone(&work), client.clone(), call.clone());
        workers.spawn(async move {
            let mut results = Vec::new();
            loop {
                let next = held(&work).next();
                match next {
                    Some(next) => results.push(call(client.clone(), next).await?),
                    None => return Result::Ok(results),
                }
            }
        });
    }
    let mut results = Vec::new();
    while let Some(worker) = workers.join_next().await {
        results.extend(worker??);
    }
    Ok(results)
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cluster and the tasks of each Describe, and what listing them cost.
async fn listed(client: &Client) -> Result<(Cost, Vec<String>)> {
    let meter = Meter::start();
    let clusters = clusters(client).await?;
    let batches = side_by_side(clusters, client, |client, cluster| async move { batches(&client, cluster).await });
    let batches: Vec<String> = batches.await?.into_iter().flatten().collect();
    Ok((meter.read(), batches))
}

/// How many tasks were described, which must be all that `batches` name, and what that cost.
async fn described<T: AsRef<str> + Send + 'static>(
    client: &Client,
    batches: Vec<T>,
    bodies: Bodies,
) -> Result<(Cost, u64)> {
    let asked: usize = batches.iter().map(|batch| batch.as_ref().split(' ').count() - 1).sum();
    let meter = Meter::start();
    let described =
        side_by_side(
            batches,
            client,
            move |client, batch| async move { describe(&client, batch.as_ref(), bodies).await },
        );
    let tasks: usize = described.await?.into_iter().sum();
    let describes = meter.read();
    if tasks == asked {
        Ok((describes, tasks as u64))
    } else {
        Err(format!("{asked} tasks were asked for, but {tasks} described").into())
    }
}

async fn clusters(client: &Client) -> Result<Vec<String>> {
    let (mut clusters, mut token) = (Vec::new(), None);
    loop {
        let answer = client.list_clusters().max_results(BATCH).set_next_token(token).send().await?;
        clusters.extend(answer.cluster_arns.unwrap_or_default());
        token = answer.next_token;
        if token.is_none() {
            return Ok(clusters);
        }
    }
}

async fn batches(client: &Client, cluster: String) -> Result<Vec<String>> {
    let (mut batches, mut token) = (Vec::new(), None);
    loop {
        let request = client.list_tasks().cluster(&cluster).desired_status(DesiredStatus::Running);
        let answer = request.max_results(BATCH).set_next_token(token).send().await?;
        // The simulator's pages are full, so a page is what one Describe takes.
        if !answer.task_arns().is_empty() {
            batches.push(format!("{cluster} {}", answer.task_arns().join(" ")));
        }
        token = answer.next_token;
        if token.is_none() {
            return Ok(batches);
        }
    }
}

async fn describe(client: &Client, batch: &str, bodies: Bodies) -> Result<usize> {
    let mut arns = batch.split(' ').map(str::to_owned);
    let request = client.describe_tasks().set_cluster(arns.next()).set_tasks(Some(arns.collect()));
    let request = request.include(TaskField::Tags);
    match bodies {
        Bodies::Parsed => Ok(request.send().await?.tasks().len()),
        Bodies::Dropped => {
            request.customize().interceptor(Dropped).send().await?;
            // The simulator answers for every task: the parsed ones are counted.
            Ok(batch.split(' ').count() - 1)
        }
    }
}
