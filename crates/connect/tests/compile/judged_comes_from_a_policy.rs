//! What a connection does: a text, a policy, a resolver, and the addresses that may be dialled; each
//! is dialled once.

use std::time::Duration;

use connect::{Judged, Policy, Resolve, Target, Unreached};
use control::Timestamp;

async fn judged(
    text: &str,
    policy: &Policy,
    names: &dyn Resolve,
    now: Timestamp,
) -> Result<Vec<Judged>, Unreached> {
    let target = Target::parse(text).map_err(connect::Refused::from)?;
    policy.admit(target.destination(), now)?.addresses(names).await
}

async fn reach(judged: Judged) {
    let _stream = connect::dial::dial(judged, Duration::from_secs(1)).await;
}

pub(crate) fn main() {
    let _ = judged;
    let _reach = reach;
}
