//! Cells on three nodes: they are stopped, killed and paused.

use std::time::Duration;

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::report::Outcome::{Completed, Failed};
use kit::OBJECTS;
use kit::cluster::{Cluster, NODES};
use kit::wait::wait_until;

use super::judgement::Allowed;
use super::scene::Scene;
use super::{Cell, Line, lasts};

pub(super) const CELLS: &[Cell<Cluster>] = &[
    ("each node bounced", bounced),
    ("leader killed", leader_killed),
    ("not enough replicas", not_enough_replicas),
    ("request time-outs", request_timeouts),
    ("all nodes away", all_away),
    ("all nodes killed", all_killed),
    ("gone for good", gone),
];

/// One after the other, as an administrator restarts a cluster.
fn bounced(cluster: &mut Cluster, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, &cluster.bootstrap_servers(), |_| {});
    // So slowly that tasks come during all of it.
    scene.sync_slowly_amid(Duration::from_millis(160), |scene, _| {
        for node in 0..NODES {
            cluster.stop(node);
            cluster.start_again([node]);
            cluster.wait_in_step(&scene.topic("EcsTask"), NODES);
        }
    });
    complete(cluster, scene, NODES)
}

fn leader_killed(cluster: &mut Cluster, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, &cluster.bootstrap_servers(), |_| {});
    scene.sync_amid(|scene, flow| {
        let topic = scene.topic("EcsTask");
        let leader = cluster.wait_for_leader(&topic, 0);
        flow.flood();
        cluster.kill(leader);
        scene.wait_stalled(flow);
        wait_until("another node leads", || cluster.leader(&topic, 0).is_some_and(|node| node != leader));
        cluster.start_again([leader]);
    });
    complete(cluster, scene, NODES)
}

/// The leader is there and refuses: a record has to be on two nodes.
fn not_enough_replicas(cluster: &mut Cluster, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, &cluster.bootstrap_servers(), |config| config.kafka.replication_factor = Some(2));
    scene.sync_amid(|scene, flow| {
        let topic = scene.topic("EcsTask");
        let leader = cluster.wait_for_leader(&topic, 0);
        let other = cluster.holders(&topic, 0).into_iter().find(|node| *node != leader).unwrap();
        cluster.kill(other);
        cluster.wait_alone(&topic, 0);
        flow.flood();
        lasts(2);
        scene.wait_stalled(flow);
        cluster.start_again([other]);
    });
    complete(cluster, scene, 2)
}

/// The leader takes records and waits for the two others, which stand still.
fn request_timeouts(cluster: &mut Cluster, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, &cluster.bootstrap_servers(), |config| {
        let properties = [("request.timeout.ms", "1000"), ("socket.timeout.ms", "10000")];
        config.kafka.properties.0.extend(properties.map(|(name, value)| (name.to_owned(), value.to_owned())));
    });
    scene.sync_amid(|scene, flow| {
        let leader = cluster.wait_for_leader(&scene.topic("EcsTask"), 0);
        let others = (0..NODES).filter(|node| *node != leader);
        others.clone().for_each(|node| cluster.pause(node));
        flow.flood();
        lasts(4);
        scene.wait_stalled(flow);
        others.for_each(|node| cluster.resume(node));
    });
    complete(cluster, scene, NODES)
}

fn all_away(cluster: &mut Cluster, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, &cluster.bootstrap_servers(), |_| {});
    scene.sync_amid(|scene, flow| {
        flow.flood();
        (0..NODES).for_each(|node| cluster.pause(node));
        lasts(5);
        scene.wait_stalled(flow);
        (0..NODES).for_each(|node| cluster.resume(node));
    });
    complete(cluster, scene, NODES)
}

fn all_killed(cluster: &mut Cluster, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, &cluster.bootstrap_servers(), |_| {});
    scene.sync_amid(|scene, flow| {
        flow.flood();
        (0..NODES).for_each(|node| cluster.kill(node));
        scene.wait_stalled(flow);
        cluster.start_again(0..NODES);
    });
    complete(cluster, scene, NODES)
}

/// Until after the sync has ended. Nodes without a fault must keep the time-out, also those that have just started.
fn gone(cluster: &mut Cluster, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, &cluster.bootstrap_servers(), |config| {
        config.kafka.delivery_timeout = Duration::from_secs(10);
    });
    scene.sync_amid(|_, flow| {
        flow.flood();
        (0..NODES).for_each(|node| cluster.kill(node));
    });
    let failed = scene.reports[0].types.iter().map(|one| one.counts.failed).sum::<u64>();
    assert!(failed > 0, "{}", scene.reports[0].text());
    cluster.start_again(0..NODES);
    scene.config.kafka.delivery_timeout = Config::default().kafka.delivery_timeout;
    scene.new_engine();
    scene.sync();
    in_step(cluster, &scene, NODES);
    scene.judge(&Allowed { outcomes: vec![Failed, Completed], ..Allowed::default() })
}

/// What the product promises where brokers come back: nothing is lost, and nothing comes twice.
fn complete(cluster: &Cluster, mut scene: Scene, copies: usize) -> Line {
    scene.sync();
    in_step(cluster, &scene, copies);
    scene.judge(&Allowed { outcomes: vec![Completed, Completed], ..Allowed::default() })
}

/// The next cell, and whoever reads, finds a whole cluster.
fn in_step(cluster: &Cluster, scene: &Scene, copies: usize) {
    OBJECTS.iter().for_each(|object| cluster.wait_in_step(&scene.topic(object), copies));
}
