//! The pool model: thousands of scripts through the gate's own engine.

use assay::pool::{Behaviour, Script, play};
use proptest::{collection::vec, prelude::*};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        max_shrink_iters: 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_client_ever_sees_what_was_meant_for_another(bytes in vec(any::<u8>(), 0..192)) {
        let script = Script::read(&bytes);
        let verdict = play(&script);
        prop_assert!(verdict.faults.is_empty(), "{:#?}\n{script:?}", verdict.faults);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        max_shrink_iters: 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn where_nobody_misbehaves_every_client_gets_its_answer(bytes in vec(any::<u8>(), 0..192)) {
        let script = Script::read(&bytes).made_sound();
        let verdict = play(&script);
        prop_assert!(verdict.faults.is_empty(), "{:#?}\n{script:?}", verdict.faults);
        prop_assert_eq!(verdict.answered, script.steps.len(), "{:?}\n{:?}", verdict, script);
    }
}

/// Steps of eight bytes: client and pause, how it asks, what the upstream does, the rest plain.
fn steps(steps: &[(u8, Behaviour)]) -> Script {
    let bytes: Vec<[u8; 8]> = steps
        .iter()
        .map(|(client, _)| [*client, 0, 0, 0, 0, 0, 0, 9])
        .collect();
    let mut script = Script::read(bytes.as_flattened());
    for (step, (_, behaviour)) in script.steps.iter_mut().zip(steps) {
        step.behaviour = *behaviour;
    }
    script
}

#[test]
fn connections_are_kept_and_used_again() {
    let verdict = play(&steps(&[(0, Behaviour::Length); 8]));
    assert_eq!((verdict.answered, verdict.connections), (8, 1));
}

#[test]
fn an_answer_nobody_asked_for_never_becomes_the_next_client_s() {
    for surplus in [
        Behaviour::LateSurplus,
        Behaviour::ChunkedSurplus,
        Behaviour::Surplus,
    ] {
        // The second client waits until the first has its answer and the upstream has said more.
        let script = steps(&[
            (0x60, surplus),
            (0xf1, Behaviour::Length),
            (0xf1, Behaviour::Length),
        ]);
        let verdict = play(&script);
        assert!(verdict.faults.is_empty(), "{surplus:?}: {verdict:?}");
        assert!(verdict.answered >= 2, "{surplus:?}: {verdict:?}");
        assert_eq!(verdict.connections, 2, "{surplus:?}: {verdict:?}");
    }
}
