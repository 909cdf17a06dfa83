#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::RoleConfig;

fn role(account: &str, name: &str, share: Option<f64>, regions: &[&str]) -> RoleConfig {
    let regions = regions.iter().map(|region| (*region).to_owned()).collect();
    let arn = format!("arn:aws:iam::{account}:role/{name}");
    RoleConfig { arn, api_share: share, regions, ..RoleConfig::default() }
}

#[test]
fn roles_into_one_account_share_a_limiter_and_the_smallest_share_counts() {
    let mut config = Config { api_share: 0.5, ..Config::default() };
    config.roles = vec![
        role("111111111111", "a", Some(0.9), &["r1", "r2"]),
        role("111111111111", "b", None, &["r1"]),
        role("222222222222", "c", Some(0.25), &[]),
    ];
    let limiters = RateLimiters::new(&config);
    let shares = [("111111111111", "r1"), ("111111111111", "r2"), ("222222222222", "r9"), ("333333333333", "r1")]
        .map(|(account, region)| limiters.share(account, region));
    assert_eq!(shares, [0.5, 0.9, 0.25, 0.5]);
    let one = limiters.of(Some("111111111111"), "r1");
    assert!(Arc::ptr_eq(&one, &limiters.of(Some("111111111111"), "r1")));
    assert!(!Arc::ptr_eq(&one, &limiters.of(Some("111111111111"), "r2")));
}

#[test]
fn of_many_regions_only_limiters_in_use_or_not_full_are_kept() {
    let limiters = RateLimiters::new(&Config::default());
    let used = limiters.of(None, "used");
    limiters.of(None, "drawn").limiter(Category::ClusterRead).take().unwrap();
    for n in 0..1_000 {
        limiters.of(None, &format!("r{n}"));
    }
    let kept = limiters.map.lock().by_region.len();
    assert!(kept <= KEEP, "{kept}");
    assert!(Arc::ptr_eq(&used, &limiters.of(None, "used")));
    assert!(limiters.of(None, "drawn").limiter(Category::ClusterRead).take().is_some());
    assert!(limiters.map.lock().by_region.contains_key(&(String::new(), "drawn".to_owned())));
}
