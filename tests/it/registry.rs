//! The registry that tests have of their own.

use kit::registry::{Registry, answers, native_url, url};

#[test]
fn a_registry_of_ones_own_serves_both_apis_until_it_is_dropped() {
    let registry = Registry::start().unwrap();
    let both = [format!("{}/subjects", registry.url()), format!("{}/system/info", native_url(&registry.url()))];
    assert!(both.iter().all(|url| answers(url)));
    drop(registry);
    assert!(!both.iter().any(|url| answers(url)));
    assert!(answers(&format!("{}/subjects", url().unwrap())), "the shared one is another");
}
