//! Several nodes on one store.

use control::Clock as _;
use identity::SessionRefusal;

use crate::{ask_on, bench, good, new, node, refused, wait};

#[test]
fn a_session_ended_by_another_node_is_refused_within_five_seconds() {
    let bench = bench();
    let other = node(&bench.path, &bench.clock);
    for ticks in [false, true] {
        let begun = bench.begin(new("p_a"));
        let id = begun.id.expose().as_bytes();
        assert_eq!(bench.ask(&begun), good("p_a", true));
        assert_eq!(ask_on(&other, id, bench.clock.now()), good("p_a", true));
        assert_eq!(wait(other.end(id)), Ok(true));
        let unknown = refused(SessionRefusal::Unknown, true);
        assert_eq!(ask_on(&other, id, bench.clock.now()), unknown);
        bench.pass(3);
        assert_eq!(
            bench.ask(&begun),
            good("p_a", false),
            "it is still believed"
        );
        if ticks {
            bench.tick();
        } else {
            bench.pass(2);
        }
        assert_eq!(bench.ask(&begun), unknown);
    }
}

#[test]
fn a_use_on_one_node_counts_on_another() {
    let bench = bench();
    let other = node(&bench.path, &bench.clock);
    let begun = bench.begin(new("p_a"));
    let id = begun.id.expose().as_bytes();
    assert_eq!(ask_on(&other, id, bench.clock.now()), good("p_a", true));
    bench.pass(1700);
    assert_eq!(bench.ask(&begun), good("p_a", true));
    bench.pass(30);
    bench.tick();
    bench.pass(1000);
    assert_eq!(ask_on(&other, id, bench.clock.now()), good("p_a", true));
}
