//! More frames, broken streams and fields than a connection may send: it is ended, and others are
//! served. As many as it may, and it is served itself.

use crate::{
    peer::{
        CANCEL, CONTINUATION, DATA, ENHANCE_YOUR_CALM, End, FLOW_CONTROL_ERROR, GET, HEADERS, LAST,
        OK, PING, PRIORITY, PROTOCOL_ERROR, Peer, RESET, SETTINGS, Site, WHOLE, WINDOW_UPDATE,
        block, frame, number, open,
    },
    support::Origin,
};

/// Sends `piece` `times` over, then a request: what becomes of it.
fn flooded(site: &Site, piece: &[u8], times: usize) -> End {
    let mut peer = site.peer();
    peer.send(&piece.repeat(times));
    peer.headers(9001, true, &GET);
    peer.end(9001)
}

#[test]
fn idle_frames_are_bounded() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let floods: [(&str, Vec<u8>); 5] = [
        ("PING", frame(PING, 0, 0, &[0; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 16, 0])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 16])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown", frame(99, 0, 0, b"x")),
    ];
    for (name, piece) in floods {
        assert_eq!(flooded(&site, &piece, 200), End::Answered(OK), "{name}");
        let ended = flooded(&site, &piece, 5000);
        assert_eq!(ended, End::GoneAway(ENHANCE_YOUR_CALM), "{name}");
        assert!(site.serves(), "{name}");
    }
    site.gate.has_refused("gate.overload");
}

#[test]
fn empty_data_is_bounded() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    for (times, ended) in [
        (50, End::Answered(OK)),
        (5000, End::GoneAway(ENHANCE_YOUR_CALM)),
    ] {
        let mut peer = site.peer();
        let mut fields = GET;
        fields[0].1 = "POST";
        peer.headers(1, false, &fields);
        peer.send(&frame(DATA, 0, 1, b"").repeat(times));
        peer.frame(DATA, LAST, 1, b"x");
        assert_eq!(peer.end(1), ended, "{times}");
    }
    assert!(site.serves());
}

#[test]
fn streams_broken_off_are_bounded() {
    let origin = Origin::mirror();
    let site = open(origin.address, "[limits]\nstream_resets = 50\n");
    let broken = |count: u32| {
        let mut peer = site.peer();
        for id in (0..count).map(|number| 2 * number + 1) {
            // One at a time, so that each is a request already when it is broken off.
            peer.headers(id, true, &GET);
            if !peer.frame(RESET, 0, id, &CANCEL.to_be_bytes()) {
                break;
            }
        }
        peer.headers(9001, true, &GET);
        peer.end(9001)
    };
    assert_eq!(broken(10), End::Answered(OK));
    assert_eq!(broken(500), End::GoneAway(ENHANCE_YOUR_CALM));
    assert!(site.serves());
}

#[test]
fn streams_that_a_client_makes_us_break_off_are_bounded() {
    let origin = Origin::mirror();
    let site = open(origin.address, "[limits]\nstream_resets = 50\n");
    let broken = |count: u32| {
        let mut peer = site.peer();
        for id in (0..count).map(|number| 2 * number + 1) {
            peer.headers(id, false, &GET);
            // Its window would pass 2^31 (RFC 9113, section 6.9.1).
            if !peer.frame(WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes()) {
                break;
            }
        }
        peer.headers(9001, true, &GET);
        peer.end(9001)
    };
    assert_eq!(broken(10), End::Answered(OK));
    assert_eq!(broken(500), End::GoneAway(ENHANCE_YOUR_CALM));
    site.gate.has_refused("wire.framing");
    assert!(site.serves());
}

#[test]
fn the_window_of_a_connection_does_not_overflow() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let widened = |more: u32| {
        let piece = frame(WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        flooded(&site, &piece, 2)
    };
    assert_eq!(widened(0x1000), End::Answered(OK));
    assert_eq!(widened(0x7fff_ffff), End::GoneAway(FLOW_CONTROL_ERROR));
    assert!(site.serves());
}

#[test]
fn a_head_in_many_frames_ends() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let continued = |times: usize, more: &[u8]| {
        let mut peer = site.peer();
        peer.frame(HEADERS, LAST, 1, &block(&GET));
        peer.send(&frame(CONTINUATION, 0, 1, more).repeat(times));
        peer.frame(CONTINUATION, WHOLE, 1, b"");
        peer.end(1)
    };
    assert_eq!(continued(2, &block(&[("x-a", "b")])), End::Answered(OK));
    assert_eq!(continued(3000, b""), End::GoneAway(ENHANCE_YOUR_CALM));
    let large = block(&[("x-a", &"b".repeat(8000))]);
    let ended = continued(300, &large);
    assert!(matches!(ended, End::GoneAway(_) | End::Closed), "{ended:?}");
    assert!(site.serves());
}

#[test]
fn a_small_head_that_means_a_large_one_is_refused() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let bomb = |times: usize| {
        let mut peer = site.peer();
        let mut bytes = block(&GET);
        // A literal that is kept (RFC 7541, section 6.2.1), then said again by its number.
        bytes.extend_from_slice(&[0x40, 3]);
        bytes.extend_from_slice(b"x-a");
        number(&mut bytes, 3000);
        bytes.extend_from_slice(&[b'b'; 3000]);
        bytes.extend(std::iter::repeat_n(0xbe, times));
        peer.frame(HEADERS, WHOLE | LAST, 1, &bytes);
        peer.end(1)
    };
    assert_eq!(bomb(2), End::Answered(OK));
    let seen = origin.connections();
    for times in [60, 10_000] {
        assert_ne!(bomb(times), End::Answered(OK), "{times}");
    }
    assert!(site.serves());
    assert!(origin.connections() <= seen + 1);
}

#[test]
fn more_streams_than_may_be_are_refused() {
    const REFUSED_STREAM: u32 = 7;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering(move |head, _| {
        if head.starts_with("GET /wait") {
            let _ = wait.lock().unwrap().recv();
        }
        crate::support::ok(b"")
    });
    let site = open(origin.address, "[limits]\nstreams = 3\n");
    let mut peer = site.peer();
    let mut fields = GET;
    fields[3].1 = "/wait";
    for id in [1, 3, 5, 7] {
        peer.headers(id, true, &fields);
    }
    assert_eq!(peer.end(7), End::Reset(REFUSED_STREAM));
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    assert_eq!(peer.end(1), End::Answered(OK));
}

/// How each of `ids` ended: whole with so many bytes of a body, or broken off.
fn bodies<const N: usize>(peer: &mut Peer, ids: [u32; N]) -> [Option<usize>; N] {
    let mut bodies = ids.map(|_| Some(0));
    let mut open = N;
    while open > 0 {
        let frame = peer.next().unwrap();
        let at = ids.iter().position(|id| *id == frame.id);
        let Some(body) = at.map(|at| &mut bodies[at]) else {
            continue;
        };
        match frame.kind {
            DATA => *body = body.map(|length| length + frame.payload.len()),
            RESET => *body = None,
            _ => {}
        }
        let ends = frame.kind == RESET || (frame.kind == DATA && frame.flags & LAST != 0);
        open -= usize::from(ends);
    }
    bodies
}

#[test]
fn answers_for_which_a_client_leaves_no_room_are_broken_off() {
    const LENGTH: usize = 100_000;
    let origin = Origin::answering(|_, _| crate::support::ok(&[b'x'; LENGTH]));
    let site = open(origin.address, "[limits]\nanswer_stall = \"1s\"\n");
    let asked = |makes_room: bool| {
        let mut peer = site.peer();
        // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2) of nothing.
        peer.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        let ids = [1, 3, 5];
        for id in ids {
            peer.headers(id, true, &GET);
        }
        for id in [0].into_iter().chain(ids).filter(|_| makes_room) {
            let room = u32::try_from(ids.len() * LENGTH).unwrap();
            peer.frame(WINDOW_UPDATE, 0, id, &room.to_be_bytes());
        }
        let bodies = bodies(&mut peer, ids);
        // The connection itself is as good as before.
        peer.frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0x86, 0xa0]);
        peer.headers(7, true, &GET);
        (bodies, peer.end(7))
    };
    assert_eq!(asked(true).0, [Some(LENGTH); 3]);
    assert_eq!(asked(false).0, [None; 3]);
    assert!(matches!(asked(false).1, End::Answered(_)));
    assert!(site.serves());
}

#[test]
fn streams_are_numbered_as_they_must_be() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let asked = |ids: [u32; 2]| {
        let mut peer = site.peer();
        peer.headers(ids[0], true, &GET);
        peer.headers(ids[1], true, &GET);
        peer.end(ids[1])
    };
    assert!(matches!(asked([1, 3]), End::Answered(_)));
    assert_eq!(asked([1, 2]), End::GoneAway(PROTOCOL_ERROR));
    assert!(matches!(asked([5, 3]), End::GoneAway(_)));
    assert_eq!(asked([1, 0]), End::GoneAway(PROTOCOL_ERROR));
    site.gate.has_refused("wire.framing");
    assert!(site.serves());
}
