//! End to end: the real binary, started as a process, in front of real peers.
//!
//! Owns the contracts that people and scripts outside rely on: what is refused at the start, what
//! each verb prints and how it exits, what a running gate does to requests, and that ordinary apps
//! work behind it. Refuses to know the inside: nothing here links a crate of the gate to look at
//! its state. Every port is 0, every process ends with the test that started it, every wait has an
//! end. One program, so that it is linked once.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod accounts;
mod accounts_proved;
mod acme;
mod alerts;
mod bad_input;
mod browser;
mod certificates;
mod cli;
#[path = "../../../store/tests/support/cluster.rs"]
#[expect(
    dead_code,
    reason = "tests of the store use all of it, and these a part"
)]
mod cluster;
mod contract;
mod demo;
mod disruptive;
mod documents;
mod egress;
mod faults;
mod files;
mod full_disk;
mod garbage;
mod guides;
#[path = "../../../store/tests/support/held_port.rs"]
mod held_port;
mod http2;
mod idle;
mod independent;
mod issuers;
mod keys;
mod killed;
mod ledger;
mod limits;
mod login;
mod login_certified;
#[path = "../../../identity/tests/login/peer.rs"]
#[expect(dead_code, reason = "tests of logins use all of it, and these a part")]
mod login_peer;
mod monitoring;
mod nodes;
mod observatory;
mod observe;
mod overload;
mod password_tokens;
mod python_apps;
#[path = "../../../store/tests/peers/redis_server.rs"]
#[expect(
    dead_code,
    reason = "tests of the store use all of it, and these a part"
)]
mod redis_server;
mod replicas;
mod retention;
mod roles;
mod rows;
mod serving;
mod sessions;
mod slow_clients;
mod streamlit_door;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "two programs share it, and each uses a part")]
mod support;
mod testssl;
mod tls;
mod tokens;
mod uploads;
mod webhooks;
mod websockets;
mod who_asks;
