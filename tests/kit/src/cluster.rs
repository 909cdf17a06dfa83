//! Three Kafka nodes, each broker and controller in one, of which every one can be stopped, killed, paused and started again.
//!
//! Topics have a copy on each of them, or as many as a test asks for, and two must have a record before it is acknowledged.

use std::fs;
use std::io::Result as IoResult;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::MetadataPartition;
use tempfile::TempDir;

use crate::broker::{ARCHIVE, WAY_OUT, distribution, server_properties, spawn, wait_until_started};
use crate::folders;
use crate::server::{self, new_folder, run};
use crate::wait::{PATIENCE, wait_until};

/// Nodes of a cluster.
pub const NODES: usize = 3;

/// Three nodes. Dropping them ends them.
pub struct Cluster {
    distribution: PathBuf,
    nodes: Vec<Node>,
    /// Where the data of nodes are that do not run.
    shelf: TempDir,
}

struct Node {
    ports: [u16; 2],
    running: Option<Running>,
}

struct Running {
    process: Child,
    /// Its properties, log and data. The watcher of the process removes it.
    folder: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.wait();
    }
}

impl Cluster {
    /// Starts the nodes at once, and returns when they know each other: five seconds, and 350 MB of memory each.
    ///
    /// # Errors
    /// One line: what is missing, or how a node's log ends, and the way out.
    pub fn start() -> Result<Cluster, String> {
        let started = server::on_free_ports("BindException", Cluster::try_start);
        started.map_err(|why| format!("no Kafka cluster for this test: {why}; {WAY_OUT}"))
    }

    fn try_start() -> IoResult<Cluster> {
        let distribution = distribution()?;
        let shelf = tempfile::tempdir_in(folders::temporary()?)?;
        let mut ports = Ports::new();
        let nodes = (0..NODES).map(|_| Node { ports: [ports.next(), ports.next()], running: None }).collect();
        let mut cluster = Cluster { distribution, nodes, shelf };
        for node in 0..NODES {
            format(&cluster.distribution, node, &cluster.on_shelf(node))?;
            cluster.spawn(node)?;
        }
        (0..NODES).try_for_each(|node| cluster.wait_until_started(node))?;
        let known = |cluster: &Cluster| cluster.client().fetch_metadata(None, PATIENCE).unwrap().brokers().len();
        wait_until("the nodes know each other", || known(&cluster) == NODES);
        Ok(cluster)
    }

    /// All of them.
    pub fn bootstrap_servers(&self) -> String {
        let servers: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.ports[0])).collect();
        servers.join(",")
    }

    /// Ends a node as an administrator does: it hands its partitions over first.
    pub fn stop(&mut self, node: usize) {
        self.end(node, "TERM");
    }

    /// Ends a node as a crash does.
    pub fn kill(&mut self, node: usize) {
        self.end(node, "KILL");
    }

    fn end(&mut self, node: usize, signal: &str) {
        let mut running = self.nodes[node].running.take().expect("a node that runs");
        // The watcher must not remove the data, nor forestall a clean end.
        let kept_open = running.process.stdin.take();
        server::send(&running.process, signal).unwrap();
        running.process.wait().unwrap();
        fs::rename(running.folder.join("data"), self.on_shelf(node)).unwrap();
        drop(kept_open);
    }

    /// Starts nodes that have ended, at once, with the data that they had.
    pub fn start_again(&mut self, nodes: impl IntoIterator<Item = usize>) {
        let nodes: Vec<usize> = nodes.into_iter().collect();
        for node in &nodes {
            self.spawn(*node).unwrap();
        }
        for node in &nodes {
            self.wait_until_started(*node).unwrap();
        }
    }

    /// Stops a node where it stands: connections stay open, nothing is answered.
    pub fn pause(&self, node: usize) {
        self.signal(node, "STOP");
    }

    /// Lets a paused node go on.
    pub fn resume(&self, node: usize) {
        self.signal(node, "CONT");
    }

    fn signal(&self, node: usize, signal: &str) {
        server::send(&self.nodes[node].running.as_ref().expect("a node that runs").process, signal).unwrap();
    }

    /// The node that leads a partition; none while another is elected.
    pub fn leader(&self, topic: &str, partition: usize) -> Option<usize> {
        self.partitions(topic, |partitions| node(partitions[partition].leader()))
    }

    /// The same, once there is one.
    pub fn wait_for_leader(&self, topic: &str, partition: usize) -> usize {
        let mut leader = None;
        wait_until("a node leads", || {
            leader = self.leader(topic, partition);
            leader.is_some()
        });
        leader.expect("it was waited for")
    }

    /// The nodes that have a copy of a partition.
    pub fn holders(&self, topic: &str, partition: usize) -> Vec<usize> {
        self.partitions(topic, |partitions| {
            partitions[partition].replicas().iter().filter_map(|id| node(*id)).collect()
        })
    }

    /// Waits until every partition of a topic has so many copies that are in step.
    pub fn wait_in_step(&self, topic: &str, copies: usize) {
        self.wait_for(&format!("{topic} has {copies} copies"), topic, |isrs| isrs.iter().all(|isr| *isr == copies));
    }

    /// Waits until a partition has a single copy.
    pub fn wait_alone(&self, topic: &str, partition: usize) {
        self.wait_for(&format!("{topic}-{partition} has one copy"), topic, |isrs| isrs[partition] == 1);
    }

    fn wait_for(&self, what: &str, topic: &str, is_so: impl Fn(&[usize]) -> bool) {
        let isrs = |partitions: &[MetadataPartition]| partitions.iter().map(|one| one.isr().len()).collect::<Vec<_>>();
        wait_until(what, || is_so(&self.partitions(topic, isrs)));
    }

    fn partitions<T>(&self, topic: &str, see: impl FnOnce(&[MetadataPartition]) -> T) -> T {
        see(self.client().fetch_metadata(Some(topic), PATIENCE).unwrap().topics()[0].partitions())
    }

    /// A client of its own each time: one that saw a node go away asks it again for a while.
    fn client(&self) -> BaseConsumer {
        ClientConfig::new().set("bootstrap.servers", self.bootstrap_servers()).create().unwrap()
    }

    fn spawn(&mut self, node: usize) -> IoResult<()> {
        let folder = new_folder("kafka-")?;
        let data = folder.join("data");
        fs::rename(self.on_shelf(node), &data)?;
        let properties = self.properties(node, &data);
        let process = spawn(&self.distribution, ARCHIVE, &folder, &properties)?;
        self.nodes[node].running = Some(Running { process, folder });
        Ok(())
    }

    fn wait_until_started(&mut self, node: usize) -> IoResult<()> {
        let running = self.nodes[node].running.as_mut().expect("a node that runs");
        wait_until_started(&mut running.process, &running.folder)
    }

    fn on_shelf(&self, node: usize) -> PathBuf {
        self.shelf.path().join(node.to_string())
    }

    fn properties(&self, node: usize, data: &Path) -> String {
        let voter = |(id, node): (usize, &Node)| format!("{id}@127.0.0.1:{}", node.ports[1]);
        let voters: Vec<String> = (1..).zip(&self.nodes).map(voter).collect();
        let [broker, controller] = self.nodes[node].ports;
        // Of a property that comes twice the last one counts.
        server_properties(broker, controller, data)
            + &format!(
                "node.id={}
controller.quorum.voters={}
default.replication.factor=3
min.insync.replicas=2
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=6000
replica.lag.time.max.ms=3000
",
                node + 1,
                voters.join(",")
            )
    }
}

/// Nodes are numbered from one in Kafka, and none has the number -1.
fn node(id: i32) -> Option<usize> {
    usize::try_from(id - 1).ok()
}

/// The data of a node that has never run: the distribution's, under a name of its own.
fn format(distribution: &Path, node: usize, data: &Path) -> IoResult<()> {
    run(Command::new("cp").arg("-R").arg(distribution.join("formatted")).arg(data))?;
    let meta = data.join("meta.properties");
    let renamed: Vec<String> = fs::read_to_string(&meta)?
        .lines()
        .map(|line| match line.split_once('=') {
            Some(("node.id", _)) => format!("node.id={}", node + 1),
            Some(("directory.id", id)) => format!("directory.id={}{}", ["A", "B", "C"][node], &id[1..]),
            _ => line.to_owned(),
        })
        .collect();
    fs::write(meta, renamed.join("\n"))
}

/// Ports that stay a node's own while it is away: below those that the system gives to whoever asks for any.
struct Ports(u16);

impl Ports {
    fn new() -> Self {
        Self(fastrand::u16(10_000..30_000))
    }

    fn next(&mut self) -> u16 {
        loop {
            self.0 += 1;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, self.0)).is_ok() {
                return self.0;
            }
        }
    }
}
