//! How full the channels of a sync are. Whoever looks holds none of them open.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::mpsc::Sender;

/// The fewest channels among which those that have ended are looked for.
const FEW: usize = 64;

/// The channels of a sync, each by what flows in it.
#[derive(Default)]
pub(super) struct Channels(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    channels: Vec<(&'static str, Probe)>,
    /// With so many, those that have ended are left out.
    clean_at: usize,
}

/// How many items wait in a channel, and how many may. None once it has ended.
type Probe = Box<dyn Fn() -> Option<ChannelDepth> + Send + Sync>;

/// How full channels of one kind are, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelDepth {
    /// Items that wait.
    pub depth: usize,
    /// Items that may wait.
    pub capacity: usize,
}

impl Channels {
    /// Looks at a channel from now on.
    pub(super) fn watch<T: Send + 'static>(&self, name: &'static str, sender: &Sender<T>) {
        let sender = sender.downgrade();
        let probe = move || {
            // It is open for this moment longer at most, since the receiver is woken by the last that lets go.
            let sender = sender.upgrade()?;
            let capacity = sender.max_capacity();
            Some(ChannelDepth { depth: capacity - sender.capacity(), capacity })
        };
        let mut watched = self.0.lock();
        if watched.channels.len() >= watched.clean_at.max(FEW) {
            watched.channels.retain(|(_, probe)| probe().is_some());
            watched.clean_at = 2 * watched.channels.len();
        }
        watched.channels.push((name, Box::new(probe)));
    }

    /// How full those that have not ended are, by name.
    pub(super) fn depths(&self) -> BTreeMap<&'static str, ChannelDepth> {
        let mut depths = BTreeMap::<_, ChannelDepth>::new();
        for (name, probe) in &self.0.lock().channels {
            if let Some(ChannelDepth { depth, capacity }) = probe() {
                let sum = depths.entry(*name).or_default();
                sum.depth += depth;
                sum.capacity += capacity;
            }
        }
        depths
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_channel_is_seen_until_its_last_sender_has_gone() {
        let channels = Channels::default();
        let (sender, mut receiver) = mpsc::channel(4);
        channels.watch("pages", &sender);
        channels.watch("pages", &sender);
        sender.send(()).await.unwrap();
        let depth = |depth, capacity| BTreeMap::from([("pages", ChannelDepth { depth, capacity })]);
        assert_eq!(channels.depths(), depth(2, 8));
        drop(sender);
        assert_eq!(receiver.recv().await, Some(()));
        assert_eq!(receiver.recv().await, None, "nobody holds it open");
        assert!(channels.depths().is_empty());
        for _ in 0..10 * FEW {
            channels.watch("pages", &mpsc::channel::<()>(1).0);
        }
        assert!(channels.0.lock().channels.len() <= 2 * FEW, "what has ended is left out");
    }
}
