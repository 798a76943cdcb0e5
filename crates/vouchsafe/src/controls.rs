//! The ordered list of controls.
//!
//! Owns the order in which a person meets them: the front door first, then who may pass, then what
//! is written down. References, first documents, `prove` and the tables of later pages follow it. A
//! test holds it against the catalogue and the probes, so that a promise without a control, a
//! control without a promise or a probe without either cannot be built.

use control::Control;

/// Every control of this build.
pub(crate) fn controls() -> Vec<&'static dyn Control> {
    [
        gate::controls::CONTROLS,
        identity::controls::CONTROLS,
        limits::controls::CONTROLS,
        hooks::controls::CONTROLS,
        &ledger::controls::CONTROLS,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use control::{Catalogue, catalogue::Kind};

    use super::*;

    #[test]
    fn every_promise_that_can_be_broken_has_one_control_and_one_probe() {
        let catalogue = Catalogue::built_in().unwrap();
        let probed: BTreeSet<&str> = prove::PROBES.iter().map(|probe| probe.promise()).collect();
        let mut kept: Vec<&str> = controls()
            .iter()
            .flat_map(|control| control.card().promises.iter().copied())
            .collect();
        kept.sort_unstable();
        for promise in catalogue.iter() {
            let id = promise.id.as_str();
            let controls = kept.iter().filter(|kept| **kept == id).count();
            match promise.kind {
                Kind::Probed => {
                    assert_eq!(controls, 1, "{id} has {controls} controls");
                    assert!(probed.contains(id), "{id} has no probe");
                }
                Kind::Constructed => assert_eq!(controls, 1, "{id} has {controls} controls"),
                Kind::Attested | Kind::Planned => {
                    assert_eq!(
                        controls, 0,
                        "{id} has a control: it is no longer {:?}",
                        promise.kind
                    );
                    assert!(!probed.contains(id), "{id} has a probe");
                }
            }
        }
        for id in kept.iter().chain(&probed) {
            assert!(catalogue.get(id).is_some(), "{id} is not in the catalogue");
        }
        assert_eq!(
            probed.len(),
            prove::PROBES.len(),
            "a promise has two probes"
        );
    }
}
