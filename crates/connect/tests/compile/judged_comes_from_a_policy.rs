//! What a connection does: a text, a policy, a resolver, and the addresses that may be dialled.

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

pub(crate) fn main() {
    let _ = judged;
}
