//! What systemd is told (sd_notify(3)), by a socket that stands for systemd's.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use kit::program::{code, text};
use kit::wait::{PATIENCE, wait_until};
use tempfile::TempDir;

use super::*;

/// The socket of a service, and what came to it.
struct Systemd {
    socket: UnixDatagram,
    folder: TempDir,
    told: Vec<String>,
}

impl Systemd {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, folder, told: Vec::new() }
    }

    /// The program as systemd starts it, with a watchdog of so many microseconds.
    fn service(&self, simulator: &Simulator, watchdog: &str) -> Command {
        let mut command = program(Some(simulator));
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify")).env("WATCHDOG_USEC", watchdog);
        command
    }

    /// What was told until now.
    fn told(&mut self) -> &[String] {
        let mut message = [0; 4096];
        while let Ok(count) = self.socket.recv(&mut message) {
            self.told.extend(text(&message[..count]).lines().map(str::to_owned));
        }
        &self.told
    }

    fn count(&mut self, state: &str) -> usize {
        self.told().iter().filter(|told| *told == state).count()
    }
}

#[test]
fn it_is_told_when_the_service_is_ready_how_its_syncs_end_that_it_lives_and_that_it_stops() {
    let (simulator, mut systemd) = (simulator(), Systemd::new());
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut sidecar = Sidecar::on_shared_broker(systemd.service(&simulator, "200000"), "systemd", &[]);
    wait_until("it is ready", || systemd.count("READY=1") == 1);
    assert!(systemd.told.iter().all(|told| !told.starts_with("STATUS=")), "no sync has ended: {:?}", systemd.told);
    // A sync that hangs is no matter of the watchdog.
    wait_until("the watchdog is fed", || systemd.count("WATCHDOG=1") > 10);
    gate.release();
    let sync = sidecar.wait_for_reports(1)[0]["sync"].as_str().unwrap().to_owned();
    let status = format!("STATUS=the last sync, {sync}: COMPLETED");
    wait_until("the status is told", || systemd.count(&status) == 1);
    sidecar.signal("TERM");
    assert_eq!(sidecar.end(PATIENCE).status.code(), Some(0));
    wait_until("the stop is told", || systemd.count("STOPPING=1") == 1);
    assert_eq!(systemd.count("READY=1"), 1);
}

/// Nobody reads its socket, which takes a few messages and no more.
#[test]
fn one_that_does_not_listen_holds_nothing_up() {
    let (simulator, systemd) = (simulator(), Systemd::new());
    let mut sidecar = Sidecar::on_shared_broker(systemd.service(&simulator, "2000"), "deaf", &[("interval", "1s")]);
    sidecar.wait_for_reports(3);
    assert_eq!(sidecar.ask("GET", "/livez").0, 200);
    let left = sidecar.stop();
    assert_eq!(left.status.code(), Some(0), "{}", left.logs);
}

#[test]
fn it_is_not_told_of_a_service_whose_settings_are_wrong_or_whose_address_is_taken() {
    let (simulator, mut systemd) = (simulator(), Systemd::new());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("telemetry.listen={}", taken.local_addr().unwrap());
    for (setting, expected) in [("page_size=many", 64), (taken.as_str(), 2)] {
        let mut command = systemd.service(&simulator, "0");
        command.args(["run", "--set", "interval=1h", "--set", "kafka.bootstrap_servers=127.0.0.1:1", "--set", setting]);
        let output = command.output().unwrap();
        assert_eq!(code(&output), expected, "{}", text(&output.stderr));
        assert_eq!(systemd.told(), [""; 0], "{setting}");
    }
}
