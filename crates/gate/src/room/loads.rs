//! What each app has to do just now.
//!
//! Owns one pair of counts for each upstream, which a reload keeps for as long as the upstream is
//! configured, and one for all of them together. The limits stand in the configuration, so a reload
//! changes them at once.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::bound::Bound;
use crate::site::app::{App, Upstream};

/// What one upstream has to do.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Requests it has been sent whole and has not begun to answer.
    pub(crate) requests: Bound,
    /// Connections to it that are in use, whatever for.
    pub(crate) connections: Bound,
}

/// What all the apps of one configuration have to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loads {
    /// Requests of all of them together.
    pub(crate) all: Arc<Bound>,
    apps: Vec<Arc<Load>>,
}

impl Loads {
    /// The load of the app with this index.
    pub(crate) fn app(&self, index: usize) -> Option<&Load> {
        self.apps.get(index).map(Arc::as_ref)
    }
}

/// Every load that some configuration still speaks of.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    all: Arc<Bound>,
    known: Mutex<Vec<(Upstream, Weak<Load>)>>,
}

impl Registry {
    /// The loads of these apps, in their order. The same upstream has the same load, before and
    /// after a reload and under any name.
    pub(crate) fn of(&self, apps: &[App]) -> Loads {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_, load)| load.strong_count() > 0);
        let apps = apps
            .iter()
            .map(|app| {
                let before = known
                    .iter()
                    .find(|(upstream, _)| *upstream == app.upstream)
                    .and_then(|(_, load)| load.upgrade());
                before.unwrap_or_else(|| {
                    let load = Arc::<Load>::default();
                    known.push((app.upstream.clone(), Arc::downgrade(&load)));
                    load
                })
            })
            .collect();
        Loads {
            all: Arc::clone(&self.all),
            apps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, site};

    #[test]
    fn an_upstream_keeps_its_load_across_a_reload_and_under_another_name() {
        let registry = Registry::default();
        let before = site(OPEN);
        let loads = registry.of(before.apps());
        loads.app(0).unwrap().requests.count();
        let more = "[[app]]\nname = \"again\"\nupstream = \"http://127.0.0.1:8502\"\n\
                    [[app]]\nname = \"other\"\nupstream = \"http://127.0.0.1:8503\"\n";
        let after = site(&format!("{OPEN}{more}"));
        let loads = registry.of(after.apps());
        let busy = |index| loads.app(index).unwrap().requests.busy();
        assert_eq!((busy(0), busy(1), busy(2)), (1, 1, 0));
    }

    #[test]
    fn a_load_that_nobody_speaks_of_is_forgotten() {
        let registry = Registry::default();
        let gone = site(OPEN);
        drop(registry.of(gone.apps()));
        assert_eq!(registry.of(&[]).apps.len(), 0);
        assert!(registry.known.lock().unwrap().is_empty());
    }
}
