//! The status page in each situation. With PAGE_BROWSER=1 a browser looks at each, too, and leaves pictures in the target folder.

use ecs_sim::Shape;
use kit::broker::Broker;
use kit::page::{Page, hash_source, look};
use kit::server::Closed;
use kit::settings::role;
use kit::wait::wait_until;

use super::*;

/// What the page says, once that has all of these words.
fn wait_for_words(sidecar: &Sidecar, words: &[&str]) -> Page {
    let mut page = None;
    wait_until(&format!("the page says {words:?}"), || {
        let read = page.insert(Page::of(sidecar, "/"));
        let text = read.text();
        words.iter().all(|word| text.contains(word))
    });
    page.unwrap()
}

/// How it is, as the page's style and its words have it.
fn verdict(page: &Page) -> (&str, &str) {
    (page.between("<div class=\"verdict ", "\""), page.between("\">\n<h2>", "</h2>"))
}

#[test]
fn before_the_first_sync_the_page_says_what_is_waited_for() {
    let (simulator, closed) = (simulator(), Closed::new().unwrap());
    let address = closed.address().unwrap().to_string();
    let settings = [("kafka.bootstrap_servers", address.as_str()), ("kafka.startup_timeout", "1s")];
    let sidecar = sidecar(&simulator, "page_never", &settings);
    let page = wait_for_words(&sidecar, &["No sync could begin", &address]);
    assert_eq!(verdict(&page).0, "bad");
    let text = page.text();
    assert!(text.contains("Last sync none has ended"), "{text}");
    assert!(!page.html.contains("<table"), "{text}");
    look(&sidecar, "never-run");
}

#[test]
fn a_sync_that_runs_shows_how_far_it_is() {
    let simulator = simulator();
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let sidecar = sidecar(&simulator, "page_runs", &[("name", "shown")]);
    let page = wait_for_words(&sidecar, &["Now a sync reads", "EcsService 1 of 1", "EcsTask 0 of 1", "330 330 0"]);
    assert_eq!(verdict(&page), ("plain", "The first sync runs"));
    let text = page.text();
    assert!(text.contains(&format!("ecs-sdm-producer {} shown", env!("CARGO_PKG_VERSION"))), "{text}");
    assert!(text.contains("0 of 330 under way"), "{text}");
    assert!(text.contains("Next sync in "), "{text}");
    assert_eq!(page.between("http-equiv=\"refresh\" content=\"", "\""), "10");
    look(&sidecar, "running");
    gate.release();
    let page = wait_for_words(&sidecar, &["no sync runs"]);
    assert_eq!(page.between("http-equiv=\"refresh\" content=\"", "\""), "30");
}

#[test]
fn a_complete_sync_shows_what_was_read_and_loads_nothing() {
    let simulator = simulator();
    let sidecar = sidecar(&simulator, "page_complete", &[]);
    let page = wait_for_words(&sidecar, &["COMPLETED", "no sync runs"]);
    let (mood, title) = verdict(&page);
    assert!(mood == "good" && title.starts_with("The inventory is complete, as of "), "{mood} {title}");
    let text = page.text();
    assert!(text.contains("EcsTask 1 of 1 330 330 0 330 0"), "{text}");
    assert!(text.contains("111111111111 eu-west-1 base credentials"), "{text}");
    assert!(text.contains("330 complete") && !text.contains("What is missing"), "{text}");

    let header = |name: &str| {
        let found = page.head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
        found.unwrap_or_else(|| panic!("no {name}: {}", page.head)).1
    };
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    let style = hash_source(page.between("<style>", "</style>"));
    let policy = format!(
        "default-src 'none'; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    assert_eq!(header("content-security-policy"), policy);
    assert!(!page.html.contains("<script") && !page.html.contains("src=") && !page.html.contains(" style="));
    for link in page.html.split("href=\"").skip(1) {
        assert!(link.starts_with('/') || link.starts_with("data:"), "{link}");
    }

    let still = Page::of(&sidecar, "/?refresh=off");
    assert!(!still.html.contains("http-equiv") && still.html.contains("<a href=\"/\">Refresh again</a>"));
    assert_eq!(sidecar.ask("POST", "/").0, 405);
    look(&sidecar, "complete");
}

/// AWS's own words are text, whatever they hold.
#[test]
fn what_is_missing_comes_first_and_its_reason_stays_text() {
    let simulator = simulator();
    let words = "<script>alert('x')</script><img src=http://evil.example/x> & \"quoted\" \u{202e}desrever";
    drop(simulator.fault(Fault::refuse("AssumeRole", 403, "AccessDenied", words).role(&role(1))));
    let roles = [role(0), role(1), role(2)].join(",");
    let sidecar = sidecar(&simulator, "page_partial", &[("assume_role_arns", roles.as_str())]);
    let page = wait_for_words(&sidecar, &["PARTIAL", "no sync runs"]);
    let (mood, title) = verdict(&page);
    assert!(mood == "poor" && title.starts_with("The inventory is not complete"), "{mood} {title}");
    assert!(!page.html.contains("<script") && !page.html.contains("<img"), "{}", page.html);
    assert!(page.html.contains("&#60;script&#62;alert(&#39;x&#39;)"), "{}", page.html);
    assert!(!page.html.contains('\u{202e}'), "it would turn what follows");
    let text = page.text();
    assert!(text.contains("Not complete: 4."), "{text}");
    let denied = format!(
        "EcsCluster, EcsService, EcsTask, EcsTaskDefinition denied {} eu-west-1 {}",
        kit::settings::account(1),
        role(1)
    );
    assert!(text.contains(&denied), "{text}");
    let scopes = page.between("<h3 id=\"scopes\"", "</table>");
    let place = |n| scopes.find(&role(n)).unwrap_or_else(|| panic!("{n}: {scopes}"));
    assert!(place(1) < place(0) && place(0) < place(2), "{scopes}");
    look(&sidecar, "partial");
}

#[test]
fn a_broker_that_goes_away_after_a_sync_is_told() {
    let (simulator, broker) = (simulator(), Broker::start().unwrap());
    let settings = [
        ("kafka.bootstrap_servers", broker.bootstrap_servers()),
        ("kafka.startup_timeout", "1s"),
        ("kafka.delivery_timeout", "2s"),
    ];
    let sidecar = sidecar(&simulator, "page_broker", &settings);
    wait_for_words(&sidecar, &["COMPLETED", "no sync runs"]);
    broker.pause();
    assert_eq!(sidecar.ask("POST", "/sync").0, 202);
    let page = wait_for_words(&sidecar, &["No sync could begin", "Last sync COMPLETED"]);
    assert_eq!(verdict(&page).0, "bad");
    assert!(page.text().contains("EcsTask 1 of 1 330"), "what was read last is still there: {}", page.text());
    look(&sidecar, "broker-away");
    broker.resume();
    wait_for_words(&sidecar, &["The inventory is complete"]);
}

#[test]
fn five_hundred_scopes_stay_readable() {
    let simulator = Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    for denied in [3, 499] {
        drop(simulator.fault(Fault::access_denied("AssumeRole").role(&role(denied))));
    }
    let mut command = program(Some(&simulator));
    command.env("ECS_SDM_ASSUME_ROLE_ARNS", (0..500).map(role).collect::<Vec<_>>().join(","));
    let mut sidecar = Sidecar::on_shared_broker(command, "page_scopes", &[("parallel_requests", "64")]);
    sidecar.wait_for_reports(1);
    let page = wait_for_words(&sidecar, &["no sync runs"]);
    let scopes = page.between("<h3 id=\"scopes\"", "</table>");
    assert_eq!(scopes.matches("<tr>").count(), 501);
    let first: Vec<&str> = scopes.split("<tr>").skip(2).take(3).collect();
    for (row, n) in first.iter().zip([3, 499, 0]) {
        assert!(row.contains(&role(n)), "{row}");
    }
    assert!(page.text().contains("Not complete: 8."), "{}", page.text());
    look(&sidecar, "scopes");
}
