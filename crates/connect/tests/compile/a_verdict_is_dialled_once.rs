//! A verdict is about one connection: what was dialled is judged again before it is dialled again.

use std::time::Duration;

use connect::Judged;

async fn reach(judged: Judged) {
    let _first = connect::dial::dial(judged, Duration::from_secs(1)).await;
    let _second = connect::dial::dial(judged, Duration::from_secs(1)).await;
}

fn main() {
    let _reach = reach;
}
