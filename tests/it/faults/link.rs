//! Cells on a bad network between the producer and one broker.

use std::time::Duration;

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::report::Outcome::Completed;
use kit::broker::Broker;
use kit::toxic::{FaultProxy, Toxics};
use kit::wait::wait_until;

use super::judgement::Allowed;
use super::scene::Scene;
use super::{Cell, Line, lasts};

pub(super) const CELLS: &[Cell<Link>] =
    &[("late answers", late), ("slow link", slow), ("connections reset", reset), ("black hole", black_hole)];

/// A broker, and the proxy through which alone the producer reaches it.
pub(super) struct Link {
    proxy: FaultProxy,
    broker: Broker,
}

impl Link {
    pub(super) fn start() -> Self {
        let proxy = FaultProxy::start();
        let broker = Broker::start_behind(proxy.port()).unwrap();
        proxy.lead_to(broker.second());
        Self { proxy, broker }
    }

    /// The product is led through the proxy, and readers are not.
    fn scene(&self, cell: &'static str, adjust: impl FnOnce(&mut Config)) -> Scene {
        Scene::new(cell, &format!("127.0.0.1:{}", self.proxy.port()), adjust).read_from(self.broker.bootstrap_servers())
    }
}

fn late(link: &mut Link, cell: &'static str) -> Line {
    let mut scene = link.scene(cell, |_| {});
    scene.sync_amid(|_, flow| {
        flow.flood();
        link.proxy.set(Toxics { latency: Duration::from_millis(150), ..Toxics::default() });
        lasts(2);
        link.proxy.set(Toxics::default());
    });
    complete(scene)
}

/// Slower than the account is read: Describe calls wait.
fn slow(link: &mut Link, cell: &'static str) -> Line {
    let mut scene = link.scene(cell, |_| {});
    scene.sync_amid(|scene, flow| {
        link.proxy.set(Toxics { bytes_per_second: Some(8_000), ..Toxics::default() });
        flow.flood();
        lasts(3);
        scene.wait_stalled(flow);
        link.proxy.set(Toxics::default());
    });
    complete(scene)
}

fn reset(link: &mut Link, cell: &'static str) -> Line {
    let mut scene = link.scene(cell, |_| {});
    scene.sync_amid(|scene, flow| {
        for _ in 0..5 {
            let before = scene.on_topic("EcsTask");
            wait_until("there is a connection to reset", || link.proxy.reset() > 0);
            scene.wait_for_more(before);
        }
        flow.flood();
        link.proxy.reset();
    });
    complete(scene)
}

/// Nothing is noticed before librdkafka's socket.timeout.ms, which a broker without a fault must keep.
fn black_hole(link: &mut Link, cell: &'static str) -> Line {
    let mut scene = link.scene(cell, |config| {
        config.kafka.properties.0.insert("socket.timeout.ms".to_owned(), "5000".to_owned());
    });
    scene.sync_amid(|scene, flow| {
        flow.flood();
        link.proxy.set(Toxics { black_hole: true, ..Toxics::default() });
        scene.wait_stalled(flow);
        lasts(7);
        link.proxy.set(Toxics::default());
    });
    complete(scene)
}

/// What the product promises where the network comes back: nothing is lost, and nothing comes twice.
fn complete(mut scene: Scene) -> Line {
    scene.sync();
    scene.judge(&Allowed { outcomes: vec![Completed, Completed], ..Allowed::default() })
}
