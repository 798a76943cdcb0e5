//! Tunnels: two connections joined after a switch of protocols.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::Instant,
};
use wire::tunnel::{TunnelEnd, tunnel};

use super::{pipes, read_until};

/// Joins both connections for at most ten idle minutes. What the far ends do is up to the test, so
/// they may have been taken out.
macro_rules! joined {
    ($pipes:ident, $allowed:expr) => {
        tunnel(
            &mut $pipes.client,
            &mut $pipes.upstream,
            &mut $pipes.deadline,
            Duration::from_secs(600),
            $allowed,
        )
    };
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_carries_both_ways_what_was_buffered_first() {
    let mut pipes = pipes(16);
    pipes.client.output.begin().extend_from_slice(b"101 head ");
    pipes.upstream.input.extend(b"frame");
    let (mut far_client, mut far_upstream) = (pipes.far_client, pipes.far_upstream);
    let peers = async {
        assert_eq!(
            read_until(&mut far_client, b"frame").await,
            b"101 head frame"
        );
        far_client.write_all(b"ping").await.unwrap();
        assert_eq!(read_until(&mut far_upstream, b"ping").await, b"ping");
        far_upstream.write_all(b"pong!").await.unwrap();
        assert_eq!(read_until(&mut far_client, b"pong!").await, b"pong!");
        drop((far_client, far_upstream));
    };
    let joined = joined!(pipes, || true);
    let (report, ()) = tokio::join!(joined, peers);
    assert_eq!(report.end, TunnelEnd::Closed);
    assert_eq!((report.up, report.down), (4, 10));
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_ends_when_idle_or_no_longer_allowed() {
    for (allowed_for, end, after) in [
        (u64::MAX, TunnelEnd::Idle, 600_000..=601_000),
        (3, TunnelEnd::Revoked, 3_000..=3_500),
    ] {
        let mut pipes = pipes(64);
        let start = Instant::now();
        let report = joined!(pipes, || start.elapsed().as_secs() < allowed_for).await;
        assert_eq!(report.end, end);
        assert!(after.contains(&start.elapsed().as_millis()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_passes_on_that_one_side_sends_no_more() {
    let mut pipes = pipes(64);
    let (mut far_client, mut far_upstream) = (pipes.far_client, pipes.far_upstream);
    let peers = async {
        far_client.write_all(b"last").await.unwrap();
        far_client.shutdown().await.unwrap();
        let mut seen = Vec::new();
        far_upstream.read_to_end(&mut seen).await.unwrap();
        far_upstream.write_all(b"reply").await.unwrap();
        far_upstream.shutdown().await.unwrap();
        let mut reply = Vec::new();
        far_client.read_to_end(&mut reply).await.unwrap();
        (seen, reply)
    };
    let joined = joined!(pipes, || true);
    let (report, (seen, reply)) = tokio::join!(joined, peers);
    assert_eq!(report.end, TunnelEnd::Closed);
    assert_eq!((&seen[..], &reply[..]), (&b"last"[..], &b"reply"[..]));
}
