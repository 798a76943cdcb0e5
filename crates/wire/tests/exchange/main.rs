//! Exchanges and tunnels over in-memory pipes, with time standing still until it is needed.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tunnels;

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::{Instant, sleep},
};
use wire::{
    Body, BodyFault, BodyFraming, BodyTimes, Deadline, Exchange, ExchangeFault, Heard, Link, Times,
};

const TIMES: Times = Times {
    body: BodyTimes {
        rate: 240,
        grace: Duration::from_secs(10),
        total: Duration::from_secs(600),
    },
    answer: Duration::from_secs(60),
    client: Duration::from_secs(60),
};

/// Both ends of the client's and of the upstream's connection.
struct Pipes {
    client: Link<DuplexStream>,
    upstream: Link<DuplexStream>,
    deadline: Deadline,
    far_client: DuplexStream,
    far_upstream: DuplexStream,
}

fn pipes(room: usize) -> Pipes {
    let (client, far_client) = duplex(room);
    let (upstream, far_upstream) = duplex(room);
    Pipes {
        client: Link::new(client),
        upstream: Link::new(upstream),
        deadline: Deadline::after(TIMES.answer),
        far_client,
        far_upstream,
    }
}

macro_rules! exchange {
    ($pipes:ident, $body:expr, $held:expr) => {
        exchange!($pipes, $body, $held, false)
    };
    ($pipes:ident, $body:expr, $held:expr, $kept:expr) => {
        Exchange::new(
            &mut $pipes.client,
            &mut $pipes.upstream,
            &mut $pipes.deadline,
            $body,
            TIMES,
            $held,
            $kept,
            Instant::now(),
        )
    };
}

fn length(bytes: u64) -> Body {
    Body::new(BodyFraming::Length(bytes), false, u64::MAX)
}

async fn read_until(stream: &mut DuplexStream, end: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    while !seen.ends_with(end) {
        seen.push(stream.read_u8().await.unwrap());
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn head_and_body_that_came_together_leave_together() {
    let mut pipes = pipes(4096);
    pipes.client.input.extend(b"bodyNEXT");
    pipes
        .upstream
        .output
        .begin()
        .extend_from_slice(b"POST / HTTP/1.1\r\n\r\n");
    pipes.far_upstream.write_all(b"answer").await.unwrap();
    let mut exchange = exchange!(pipes, length(4), false);
    exchange.answer_bytes(4096, None).await.unwrap();
    assert!(exchange.request_sent());
    assert_eq!(exchange.request_bytes(), 4);
    let mut seen = [0; 64];
    let count = pipes.far_upstream.read(&mut seen).await.unwrap();
    assert_eq!(&seen[..count], b"POST / HTTP/1.1\r\n\r\nbody");
    assert_eq!(pipes.client.input.unread(), b"NEXT");
}

#[tokio::test(start_paused = true)]
async fn request_and_answer_stream_at_once() {
    let mut pipes = pipes(16);
    let sent: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (mut client_in, mut client_out) = tokio::io::split(pipes.far_client);
    let (mut origin_in, mut origin_out) = tokio::io::split(pipes.far_upstream);
    // The origin gives back each byte as it comes: neither side can finish before the other.
    let origin = async {
        let mut bytes = [0; 7];
        let mut left = 50_000;
        while left > 0 {
            let count = origin_in.read(&mut bytes).await.unwrap();
            origin_out.write_all(&bytes[..count]).await.unwrap();
            left -= count;
        }
    };
    let upload = async { client_out.write_all(&sent).await.unwrap() };
    let download = async {
        let mut seen = vec![0; 50_000];
        client_in.read_exact(&mut seen).await.unwrap();
        seen
    };
    let gate = async {
        let mut exchange = exchange!(pipes, length(50_000), false);
        exchange.answer_bytes(4096, None).await.unwrap();
        let mut answer = length(50_000);
        exchange
            .relay(&mut answer, TIMES.answer, false, None)
            .await
            .unwrap();
        assert!(exchange.request_sent());
    };
    let ((), (), seen, ()) = tokio::join!(origin, upload, download, gate);
    assert_eq!(seen, sent);
}

#[tokio::test(start_paused = true)]
async fn a_body_slower_than_its_pace_is_refused_and_one_that_keeps_it_is_not() {
    for (every, kept) in [(2, false), (1, true)] {
        let mut pipes = pipes(4096);
        let mut far = pipes.far_client;
        let start = Instant::now();
        let trickle = async {
            // 300 bytes a tick: above 240 a second, or well below it.
            for _ in 0..60 {
                sleep(Duration::from_secs(every)).await;
                if far.write_all(&[7; 300]).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut sink = pipes.far_upstream;
        let origin = async {
            let mut bytes = vec![0; 60 * 300];
            let _ = sink.read_exact(&mut bytes).await;
            let _ = sink.write_all(b"done").await;
            std::future::pending::<()>().await;
        };
        let mut exchange = exchange!(pipes, length(60 * 300), false);
        let outcome = tokio::select! {
            outcome = exchange.answer_bytes(4096, None) => outcome,
            () = trickle => unreachable!(),
            () = origin => unreachable!(),
        };
        if kept {
            assert_eq!(outcome.unwrap(), Heard::WholeRequest);
            assert_eq!(start.elapsed().as_secs(), 60);
        } else {
            assert!(matches!(outcome, Err(ExchangeFault::SlowBody)));
            assert_eq!(start.elapsed().as_secs(), 10);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_came_quickly_earn_no_right_to_stall() {
    let mut pipes = pipes(1 << 20);
    let start = Instant::now();
    pipes.far_client.write_all(&vec![7; 900_000]).await.unwrap();
    let mut exchange = exchange!(pipes, length(1_000_000), false);
    let outcome = exchange.answer_bytes(4096, None).await;
    assert!(matches!(outcome, Err(ExchangeFault::SlowBody)));
    assert_eq!(start.elapsed(), TIMES.body.grace);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_refused_after_its_whole_time_however_steady_it_is() {
    let mut pipes = pipes(4096);
    let (mut far, mut sink) = (pipes.far_client, pipes.far_upstream);
    let start = Instant::now();
    let steady = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            if far.write_all(&[7; 1000]).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let drained = async {
        let mut bytes = [0; 4096];
        while sink.read(&mut bytes).await.unwrap() > 0 {}
    };
    let mut exchange = exchange!(pipes, length(u64::MAX), false);
    let outcome = tokio::select! {
        outcome = exchange.answer_bytes(4096, None) => outcome,
        () = async { tokio::join!(steady, drained); } => unreachable!(),
    };
    assert!(matches!(outcome, Err(ExchangeFault::SlowBody)));
    assert_eq!(start.elapsed(), TIMES.body.total);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_is_no_longer_allowed_ends_in_each_of_its_waits() {
    // Before the answer, within it, and within the request's body.
    for (body, within) in [(0, false), (0, true), (100, false)] {
        let mut pipes = pipes(4096);
        let start = Instant::now();
        let mut exchange = exchange!(pipes, length(body), false);
        let allowed: &dyn Fn() -> bool = &|| start.elapsed().as_secs() < 3;
        let outcome = if within {
            let mut answer = Body::new(BodyFraming::Chunked, true, u64::MAX);
            exchange
                .relay(&mut answer, TIMES.answer, true, Some(allowed))
                .await
        } else {
            exchange.answer_bytes(64, Some(allowed)).await.map(|_| ())
        };
        assert!(
            matches!(outcome, Err(ExchangeFault::Revoked)),
            "{outcome:?}"
        );
        assert!((3000..=3500).contains(&start.elapsed().as_millis()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_an_answer_is_awaited_ends_the_exchange() {
    for kept in [true, false] {
        let mut pipes = pipes(64);
        let start = Instant::now();
        drop(pipes.far_client);
        let mut exchange = exchange!(pipes, length(0), false, kept);
        let outcome = exchange.answer_bytes(64, None).await;
        if kept {
            assert!(matches!(outcome, Err(ExchangeFault::ClientGone)));
            assert_eq!(start.elapsed(), Duration::ZERO);
        } else {
            // It may have closed its sending side alone: the answer is awaited.
            assert!(matches!(outcome, Err(ExchangeFault::UpstreamSilent)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_with_another_request_behind_may_close_its_sending_side() {
    let mut pipes = pipes(64);
    pipes.far_client.write_all(b"GET /next").await.unwrap();
    pipes.far_client.shutdown().await.unwrap();
    pipes.far_upstream.write_all(b"answer").await.unwrap();
    let mut exchange = exchange!(pipes, length(0), false, true);
    assert_eq!(
        exchange.answer_bytes(64, None).await.unwrap(),
        Heard::Answer
    );
    exchange.upstream.input.consume(usize::MAX);
    let outcome = exchange.answer_bytes(64, None).await;
    assert!(matches!(outcome, Err(ExchangeFault::UpstreamSilent)));
    assert_eq!(pipes.client.input.unread(), b"GET /next");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_blamed_while_the_upstream_takes_nothing() {
    let mut pipes = pipes(64);
    let start = Instant::now();
    pipes.client.input.extend(&[7; 500]);
    let mut exchange = exchange!(pipes, length(500), false);
    let outcome = exchange.answer_bytes(4096, None).await;
    assert!(matches!(outcome, Err(ExchangeFault::UpstreamSilent)));
    assert_eq!(start.elapsed(), TIMES.answer);
}

#[tokio::test(start_paused = true)]
async fn a_silent_upstream_ends_the_wait_and_a_slow_one_does_not() {
    let mut pipes = pipes(64);
    let start = Instant::now();
    let mut exchange = exchange!(pipes, length(0), false);
    let far = &mut pipes.far_upstream;
    let late = async {
        sleep(Duration::from_secs(59)).await;
        far.write_all(b"x").await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = exchange.answer_bytes(64, None) => {
            outcome.unwrap();
        }
        () = late => unreachable!(),
    }
    assert_eq!(start.elapsed().as_secs(), 59);
    let outcome = exchange.answer_bytes(64, None).await;
    assert!(matches!(outcome, Err(ExchangeFault::UpstreamSilent)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_is_not_too_slow() {
    let mut pipes = pipes(64);
    let start = Instant::now();
    let mut exchange = exchange!(pipes, length(4), true);
    let far = &mut pipes.far_upstream;
    let late = async {
        sleep(Duration::from_secs(30)).await;
        far.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = exchange.answer_bytes(64, None) => {
            outcome.unwrap();
        }
        () = late => unreachable!(),
    }
    exchange.upstream.input.consume(usize::MAX);
    exchange.release();
    let outcome = exchange.answer_bytes(64, None).await;
    assert!(matches!(outcome, Err(ExchangeFault::SlowBody)));
    assert_eq!(start.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_within_its_body_ends_the_exchange() {
    let mut pipes = pipes(64);
    pipes.client.input.extend(b"ab");
    drop(pipes.far_client);
    let mut exchange = exchange!(pipes, length(4), false);
    let outcome = exchange.answer_bytes(64, None).await;
    assert!(matches!(
        outcome,
        Err(ExchangeFault::Request(BodyFault::Truncated))
    ));
}

#[tokio::test(start_paused = true)]
async fn an_answer_cut_short_is_a_fault_unless_it_ends_at_close() {
    for (framing, whole) in [
        (BodyFraming::Length(10), false),
        (BodyFraming::Chunked, false),
        (BodyFraming::UntilClose, true),
    ] {
        let mut pipes = pipes(64);
        pipes.upstream.input.extend(b"5\r\nab");
        drop(pipes.far_upstream);
        let mut exchange = exchange!(pipes, length(0), false);
        let mut answer = Body::new(framing, true, u64::MAX);
        let outcome = exchange.relay(&mut answer, TIMES.answer, false, None).await;
        assert_eq!(outcome.is_ok(), whole, "{framing:?}");
        drop(pipes.client);
        let mut seen = Vec::new();
        pipes.far_client.read_to_end(&mut seen).await.unwrap();
        // What looks whole is whole: a broken answer never gets its last chunk.
        assert_eq!(seen.ends_with(b"0\r\n\r\n"), whole, "{framing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_early_answer_is_relayed_while_the_request_is_unfinished() {
    let mut pipes = pipes(4096);
    pipes.client.input.extend(b"ab");
    pipes.far_upstream.write_all(b"sorry").await.unwrap();
    let mut exchange = exchange!(pipes, length(1000), false);
    exchange.answer_bytes(64, None).await.unwrap();
    let mut answer = length(5);
    exchange
        .relay(&mut answer, TIMES.answer, false, None)
        .await
        .unwrap();
    assert!(!exchange.request_sent());
    assert_eq!(read_until(&mut pipes.far_client, b"sorry").await, b"sorry");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_client_leaves() {
    let mut pipes = pipes(4096);
    let mut exchange = exchange!(pipes, length(0), false);
    drop(pipes.far_client);
    let mut answer = Body::new(BodyFraming::Chunked, true, u64::MAX);
    let start = Instant::now();
    let outcome = exchange
        .relay(&mut answer, Duration::from_secs(600), true, None)
        .await;
    assert!(matches!(outcome, Err(ExchangeFault::ClientGone)));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_closes_without_a_byte_says_so() -> io::Result<()> {
    let mut pipes = pipes(64);
    drop(pipes.far_upstream);
    let mut exchange = exchange!(pipes, length(0), false);
    let outcome = exchange.answer_bytes(64, None).await;
    assert!(matches!(outcome, Err(ExchangeFault::UpstreamClosed(_))));
    Ok(())
}
