//! The program on a terminal: progress while a sync runs, lines above it, and nothing of it elsewhere.

use std::process::{Command, Stdio};

use ecs_sim::{Fault, Shape, Simulator, World};
use kit::broker::{self, Broker};
use kit::program::{code, program, text};
use kit::settings::{role, unique};
use kit::sync::SHAPE;
use kit::terminal::Terminal;
use kit::{OBJECTS, server};

const ESCAPE: u8 = 0x1b;

fn simulator(shape: Shape) -> Simulator {
    Simulator::start(World { shape, ..World::default() }).unwrap()
}

/// A sync to Kafka, on whatever it is shown.
fn sync(simulator: &Simulator, test: &str, broker: &str) -> Command {
    command("sync", simulator, test, broker)
}

fn command(name: &str, simulator: &Simulator, test: &str, broker: &str) -> Command {
    let mut command = program(Some(simulator));
    let prefix = format!("kafka.topic_prefix={}", unique(test));
    let broker = format!("kafka.bootstrap_servers={broker}");
    command.args([name, "--set", &prefix, "--set", &broker, "--set", "kafka.topics_create=if_missing"]);
    command.stdout(Stdio::null()).env("TERM", "xterm-256color");
    command
}

fn shared() -> &'static str {
    broker::bootstrap_servers().unwrap()
}

/// The lines of progress on a screen.
fn progress(screen: &str) -> Vec<&str> {
    let is_head = |line: &str| ["Starting: ", "Reading: ", "Delivering: "].iter().any(|head| line.starts_with(head));
    screen.lines().filter(|line| is_head(line) || line.starts_with("  Ecs") && line.contains('[')).collect()
}

#[test]
fn progress_fits_its_terminal_stands_below_the_logs_and_goes_with_the_sync() {
    for columns in [80, 200] {
        let simulator = simulator(SHAPE);
        let gate = simulator.fault(Fault::hold("DescribeTasks"));
        let mut terminal = Terminal::start(sync(&simulator, "terminal", shared()), columns);
        let held = terminal.wait_for("all but the tasks is done", |screen| screen.matches("done").count() == 3);
        let lines = progress(&held);
        assert_eq!(lines.len(), 1 + OBJECTS.len(), "{held}");
        assert!(lines[0].starts_with("Reading: 0 of 1 scopes read, "), "{held}");
        for (line, object) in lines[1..].iter().zip(OBJECTS) {
            assert!(line.contains(object) && line.chars().count() <= usize::from(columns), "{held}");
        }
        assert!(lines[2].contains("36 of 36") && lines[3].contains("0 of 330"), "{held}");
        let above = held.lines().position(|line| line.contains("INFO created topics"));
        assert!(above.is_some_and(|above| held.lines().nth(above).is_some()), "{held}");
        assert!(above < held.lines().position(|line| line.starts_with("Reading")), "{held}");
        gate.release();
        let (status, screen, _) = terminal.end();
        assert!(status.success(), "{screen}");
        assert_eq!(progress(&screen), Vec::<&str>::new(), "{screen}");
        assert!(screen.contains("INFO created topics") && screen.contains("\nCOMPLETED in "), "{screen}");
        // The summary fits too.
        let rows = screen.lines().filter(|line| line.starts_with("  Ecs")).count();
        assert_eq!(rows, OBJECTS.len(), "{screen}");
        assert!(
            screen.lines().any(|line| line.trim_start().starts_with("object ") && line.ends_with(" failed")),
            "{screen}"
        );
    }
}

/// Ctrl-C is shown by the terminal itself, in the midst of what is drawn.
#[test]
fn at_the_keyboard_one_ctrl_c_leaves_a_report_and_a_second_one_an_error_and_neither_a_running_sync() {
    for (columns, twice) in [(40, false), (80, false), (200, false), (80, true)] {
        let simulator = simulator(SHAPE);
        let gate = simulator.fault(Fault::hold("DescribeTasks"));
        let mut terminal = Terminal::start_with_keyboard(&sync(&simulator, "keyboard", shared()), columns);
        terminal.wait_for("all but the tasks is done", |screen| screen.matches("done").count() == 3);
        terminal.keys(b"\x03");
        if twice {
            // What is held keeps the stop waiting, as long as it may.
            terminal.wait_for("the first is heard", |screen| screen.contains("^C"));
            terminal.keys(b"\x03");
        }
        let (status, screen, _) = terminal.end();
        gate.release();
        assert_eq!(status.code(), Some(1), "{screen}");
        assert_eq!(progress(&screen), Vec::<&str>::new(), "{columns} columns: {screen}");
        let last = if twice { "error: ended at once by a second signal" } else { "ABORTED in " };
        assert!(screen.lines().any(|line| line.starts_with(last)), "{screen}");
    }
}

#[test]
fn a_terminal_that_is_too_narrow_for_bars_has_lines_that_fit() {
    let simulator = simulator(SHAPE);
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut terminal = Terminal::start(sync(&simulator, "narrow", shared()), 40);
    let screen = terminal.wait_for("all but the tasks is done", |screen| screen.matches("done").count() == 3);
    let types: Vec<&str> = screen.lines().filter(|line| line.starts_with("  Ecs")).collect();
    assert_eq!(types.len(), OBJECTS.len(), "{screen}");
    assert!(types[1].ends_with("36 of 36 done"), "{screen}");
    gate.release();
    assert!(terminal.end().0.success());
}

#[test]
fn a_denied_role_is_told_above_the_progress_and_shown_in_it() {
    let simulator = simulator(SHAPE);
    drop(simulator.fault(Fault::access_denied("ListTaskDefinitions")));
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut command = sync(&simulator, "terminal_denied", shared());
    command.args(["--set", &format!("assume_role_arns={}", role(0))]);
    let mut terminal = Terminal::start(command, 200);
    let held = terminal.wait_for("the denial is shown", |screen| screen.contains("incomplete"));
    let incomplete = held.lines().find(|line| line.contains("incomplete")).unwrap();
    assert!(incomplete.contains("EcsTaskDefinition") && incomplete.contains("incomplete in 1 of 1 scopes"), "{held}");
    assert!(held.contains("WARN a list did not end action=\"ListTaskDefinitions\""), "{held}");
    gate.release();
    let (status, screen, _) = terminal.end();
    assert_eq!(status.code(), Some(1), "{screen}");
    assert!(screen.contains("\nPARTIAL in ") && screen.contains("  denied: EcsTaskDefinition"), "{screen}");
    assert_eq!(progress(&screen), Vec::<&str>::new(), "{screen}");
}

#[test]
fn a_broker_that_stands_still_has_a_line_of_its_own() {
    let broker = Broker::start().unwrap();
    let simulator = simulator(SHAPE);
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut terminal = Terminal::start(sync(&simulator, "terminal_stalled", broker.bootstrap_servers()), 80);
    terminal.wait_for("the tasks are held", |screen| screen.matches("done").count() == 3);
    broker.pause();
    gate.release();
    terminal.wait_for("Kafka is slow", |screen| screen.contains("  Kafka has not acknowledged "));
    broker.resume();
    let (status, screen, _) = terminal.end();
    assert!(status.success(), "{screen}");
    assert!(!screen.contains("Kafka has not acknowledged") && screen.contains("\nCOMPLETED in "), "{screen}");
}

#[test]
fn a_throttled_type_says_for_how_long_it_has_waited() {
    let simulator = simulator(SHAPE);
    let mut command = sync(&simulator, "terminal_throttled", shared());
    // A token every two seconds, and five to begin with.
    command.args([
        "--set",
        "rates.task_definition_read.burst=10",
        "--set",
        "rates.task_definition_read.per_second=1",
        "--set",
        "api_share=0.5",
    ]);
    let mut terminal = Terminal::start(command, 80);
    let waiting = terminal.wait_for("it waits", |screen| screen.contains("waited "));
    let line = waiting.lines().find(|line| line.contains("waited")).unwrap();
    assert!(line.contains("EcsTaskDefinition"), "{waiting}");
    terminal.wait_for("it is told when that ends", |screen| screen.contains("ETA "));
    server::send(terminal.process(), "TERM").unwrap();
    let (status, screen, _) = terminal.end();
    assert_eq!(status.code(), Some(1), "{screen}");
    assert!(screen.contains("\nABORTED in "), "{screen}");
}

#[test]
fn nothing_of_it_is_seen_where_it_is_not_wanted() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);
    let cases: &[Case] = &[
        ("no colour", &[("NO_COLOR", "1")], &[]),
        ("dumb", &[("TERM", "dumb")], &[]),
        ("quiet", &[], &["-q"]),
        ("json", &[], &["--set", "telemetry.log_format=json"]),
    ];
    for (case, variables, arguments) in cases {
        let simulator = simulator(SHAPE);
        let mut command = sync(&simulator, "terminal_plain", shared());
        command.envs(variables.iter().copied()).args(*arguments);
        let (status, screen, written) = Terminal::start(command, 80).end();
        assert!(status.success() && screen.contains("COMPLETED in "), "{case}: {screen}");
        let drawn = written.windows(2).filter(|pair| *pair == [ESCAPE, b'[']).count();
        // In JSON colours would be wrong as well.
        assert_eq!(drawn, 0, "{case}: {}", text(&written));
    }
    let simulator = simulator(SHAPE);
    let piped = sync(&simulator, "terminal_piped", shared()).output().unwrap();
    assert_eq!(code(&piped), 0);
    assert!(!piped.stderr.contains(&ESCAPE), "{}", text(&piped.stderr));
}

#[test]
fn a_dry_run_shows_progress_only_where_its_records_go_elsewhere() {
    let simulator = simulator(SHAPE);
    let dry = || {
        let mut command = program(Some(&simulator));
        command.args(["sync", "--dry-run"]).env("TERM", "xterm");
        command
    };
    let mut to_a_file = dry();
    to_a_file.stdout(tempfile::tempfile().unwrap());
    let (status, screen, written) = Terminal::start(to_a_file, 80).end();
    assert!(status.success() && text(&written).contains("Starting: "), "{screen}");
    let mut to_a_pipe = dry();
    let (mut records, pipe) = std::io::pipe().unwrap();
    to_a_pipe.stdout(pipe);
    let terminal = Terminal::start(to_a_pipe, 80);
    std::io::copy(&mut records, &mut std::io::sink()).unwrap();
    let (status, screen, written) = terminal.end();
    assert!(status.success() && !text(&written).contains("Starting: "), "{screen}");
}

#[test]
fn a_sidecar_shows_each_sync_and_sums_it_up() {
    let simulator = simulator(SHAPE);
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut command = command("run", &simulator, "terminal_sidecar", shared());
    command.args(["--set", "interval=1h", "--set", "telemetry.listen=none"]);
    let mut terminal = Terminal::start(command, 120);
    terminal.wait_for("all but the tasks is done", |screen| screen.matches("done").count() == 3);
    gate.release();
    let screen = terminal.wait_for("the sync is summed up", |screen| screen.contains("COMPLETED in "));
    assert!(screen.contains("INFO COMPLETED sync="), "{screen}");
    server::send(terminal.process(), "TERM").unwrap();
    let (status, screen, _) = terminal.end();
    assert!(status.success() && progress(&screen).is_empty(), "{screen}");
}
