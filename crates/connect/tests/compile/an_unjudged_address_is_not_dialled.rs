//! An address that nobody judged has no way into a connection.

use std::{net::SocketAddr, time::Duration};

async fn reach(address: SocketAddr) {
    let _stream = connect::dial::dial(address, Duration::from_secs(1)).await;
}

fn main() {
    let _reach = reach;
}
