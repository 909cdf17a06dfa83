//! Which cluster an action is asked in, and what it means that one denies it. Pure.
//!
//! A policy may be limited to some clusters. There is a request or two to spare, so that not every cluster can be asked: what is denied
//! at home, in the first cluster, is asked again elsewhere as far as that goes. If the home allows nothing at all, the last action
//! tells by a cluster that was not asked yet whether the policy is limited, or lacks these actions.

/// The clusters of one role in one region.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    /// As listed. The first is the home, where actions are asked.
    all: Vec<String>,
    /// Whether the home allows any action on what is in it.
    home_allows: bool,
    /// A cluster that allows what the home denies, or is thought to deny.
    other: Option<String>,
    /// The clusters that denied something that no other one allowed.
    denied: Vec<String>,
}

impl Clusters {
    pub(super) fn of(all: Vec<String>) -> Self {
        Self { all, ..Self::default() }
    }

    /// The cluster in which the next action is asked; None if there are none. `is_last` says that no other action comes.
    pub(super) fn next(&self, is_last: bool) -> Option<&str> {
        if let Some(other) = &self.other {
            return Some(other);
        }
        let decides = is_last && !self.denied.is_empty() && !self.home_allows;
        let fresh = self.untried(&self.denied).filter(|_| decides);
        fresh.or(self.all.first().map(String::as_str))
    }

    /// Whether there is none, or one alone.
    pub(super) fn are_at_most(&self, count: usize) -> bool {
        self.all.len() <= count
    }

    /// A cluster beside these.
    pub(super) fn untried(&self, tried: &[String]) -> Option<&str> {
        self.all.iter().find(|cluster| !tried.contains(cluster)).map(String::as_str)
    }

    /// A cluster allows an action; `is_within` says that it is one on what is in it.
    pub(super) fn allow(&mut self, cluster: &str, is_within: bool) {
        if self.all.first().is_some_and(|home| home == cluster) {
            self.home_allows |= is_within;
        } else if self.all.iter().any(|other| other == cluster) {
            self.other = Some(cluster.to_owned());
        }
    }

    /// An action is denied in all these.
    pub(super) fn deny(&mut self, clusters: &[String]) {
        self.denied.extend_from_slice(clusters);
    }

    /// The cluster that shows that denials come of a policy that is limited to some clusters, if one does.
    pub(super) fn limit(&self) -> Option<&str> {
        self.other.as_deref().filter(|_| !self.home_allows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cluster-scoped actions in their order; the first is one on clusters themselves.
    const ACTIONS: usize = 5;

    /// Asks all actions with so many requests to spare. Gives what is said of each: allowed, denied, or not known.
    fn ask(count: usize, mut spare: usize, allows: impl Fn(usize, usize) -> bool) -> String {
        let name = |n: usize| format!("cluster-{n}");
        let number = |name: &str| name.trim_start_matches("cluster-").parse::<usize>().unwrap();
        let mut clusters = Clusters::of((0..count).map(name).collect());
        let (mut said, mut denied_in) = (Vec::new(), Vec::new());
        for action in 0..ACTIONS {
            let mut at = clusters.next(action + 1 == ACTIONS).unwrap().to_owned();
            let mut tried = Vec::new();
            loop {
                if allows(action, number(&at)) {
                    clusters.allow(&at, action > 0);
                    said.push('a');
                    denied_in.push(Vec::new());
                    break;
                }
                tried.push(at);
                match clusters.untried(&tried).filter(|_| spare > 0) {
                    Some(next) => at = next.to_owned(),
                    None => {
                        clusters.deny(&tried);
                        said.push('d');
                        denied_in.push(tried);
                        break;
                    }
                }
                spare -= 1;
            }
        }
        let is_elsewhere =
            |tried: &Vec<String>| clusters.limit().is_some_and(|limit| tried.iter().all(|one| one != limit));
        let said = said.iter().zip(&denied_in);
        said.map(|(one, tried)| if *one == 'd' && is_elsewhere(tried) { '?' } else { *one }).collect()
    }

    #[test]
    fn actions_that_no_cluster_allows_are_denied_however_many_clusters_there_are() {
        for count in [1, 2, 3, 4, 50] {
            for spare in [0, 1, 2] {
                // Every set of actions that a policy may lack.
                for lacks in 0..1_u32 << ACTIONS {
                    let expected: String =
                        (0..ACTIONS).map(|action| if lacks >> action & 1 == 1 { 'd' } else { 'a' }).collect();
                    let said = ask(count, spare, |action, _| lacks >> action & 1 == 0);
                    // Where all but the last are denied, the last could be allowed for another reason.
                    let is_ambiguous = count > spare + 1 && [0b01110, 0b01111].contains(&lacks);
                    if is_ambiguous {
                        assert!(!said.contains('d') && said.ends_with('a'), "{count} {spare} {lacks:b}: {said}");
                    } else {
                        assert_eq!(said, expected, "{count} clusters, {spare} to spare, {lacks:b}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_action_that_a_limited_policy_lacks_too_is_denied() {
        for count in [2, 3, 8] {
            for lacks in 1..ACTIONS {
                // With a request to spare the second cluster is found at once.
                let said = ask(count, 1, |action, cluster| cluster == 1 && action != lacks);
                assert_eq!(said.matches('d').count(), 1, "{count} clusters, {lacks}: {said}");
                assert_eq!(said.chars().nth(lacks), Some('d'), "{count} clusters, {lacks}: {said}");
            }
        }
    }

    #[test]
    fn a_policy_that_is_limited_to_one_cluster_is_no_denial() {
        for count in [2, 3, 4, 50] {
            for spare in [0, 1, 2] {
                for allowed in 0..count {
                    let said = ask(count, spare, |_, cluster| cluster == allowed);
                    // The last action asks the first cluster that was not tried. Another one beyond it is not found.
                    let is_found = allowed <= spare + 1;
                    assert_eq!(said.contains('d'), !is_found, "{count} clusters, {spare} to spare, {allowed}: {said}");
                    // DescribeClusters may be allowed for all.
                    let said = ask(count, spare, |action, cluster| action == 0 || cluster == allowed);
                    assert_eq!(said.contains('d'), !is_found, "{count} clusters, {spare} to spare, {allowed}: {said}");
                }
            }
        }
    }
}
