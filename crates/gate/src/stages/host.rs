//! Host allow-list: we answer to our own names and to no other.
//!
//! Owns the comparison of `Host`, and of what a trusted proxy forwards as such, with the names of
//! the deployment. Refuses every other name, so that no link, mail or cache key is ever built from
//! a name a stranger chose. The port is not compared: apps and tests move between ports.

use control::{ControlId, Reason, Refusal};
use wire::{Authority, Request, Single};

use super::client::Client;
use crate::site::deployment::Deployment;

/// The control that refuses foreign names.
pub const HOST: ControlId = ControlId("gate.host");

const FOREIGN: Refusal = Refusal::new(
    HOST,
    400,
    "this host name is not served here",
    Reason("host-foreign"),
);

const FORWARDED_FOREIGN: Refusal = Refusal::new(
    HOST,
    400,
    "this host name is not served here",
    Reason("forwarded-host-foreign"),
);

/// The host a request asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Its name, one of the deployment's, in the client's case.
    pub(crate) name: &'a str,
    /// Whether it is the one a trusted proxy forwarded.
    pub(crate) forwarded: bool,
}

/// The host the request is for: one of ours.
pub(crate) fn judge<'a>(
    deployment: &Deployment,
    client: &Client<'a>,
    request: &Request<'a>,
) -> Result<Asked<'a>, Refusal> {
    let received = request.authority().ok_or(FOREIGN)?;
    let name = ours(deployment, &received).ok_or(FOREIGN)?;
    match client.host {
        Single::Absent => Ok(Asked {
            name,
            forwarded: false,
        }),
        Single::One(forwarded) => {
            let authority = Authority::parse(forwarded).ok_or(FORWARDED_FOREIGN)?;
            let name = ours(deployment, &authority).ok_or(FORWARDED_FOREIGN)?;
            Ok(Asked {
                name,
                forwarded: true,
            })
        }
        Single::Many => Err(FORWARDED_FOREIGN),
    }
}

fn ours<'a>(deployment: &Deployment, authority: &Authority<'a>) -> Option<&'a str> {
    let name = std::str::from_utf8(authority.host).ok()?;
    deployment.answers_to(name).then_some(name)
}
