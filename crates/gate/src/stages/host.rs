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
    pub(crate) name: &'a [u8],
    /// Whether it is the one a trusted proxy forwarded.
    pub(crate) forwarded: bool,
}

/// The host the request is for: one of ours.
#[cfg_attr(feature = "profile", inline(never))]
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

fn ours<'a>(deployment: &Deployment, authority: &Authority<'a>) -> Option<&'a [u8]> {
    let name = authority.host();
    deployment.answers_to(name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, Received, site};

    fn judged(host: &str, forwarded: Single<'_>) -> Result<String, &'static str> {
        let site = site(OPEN);
        let line = format!("Host: {host}");
        let received = Received::of(&["GET / HTTP/1.1", &line]);
        let client = Client {
            address: [192, 0, 2, 1].into(),
            proxied: false,
            secure: false,
            host: forwarded,
        };
        judge(site.deployment(), &client, &received.request())
            .map(|asked| String::from_utf8(asked.name.to_vec()).unwrap())
            .map_err(|refusal| refusal.reason.0)
    }

    #[test]
    fn our_names_are_served_whatever_their_case_and_port() {
        for host in [
            "coach.school.example",
            "Coach.School.Example:8443",
            "coach.internal:1",
        ] {
            assert!(judged(host, Single::Absent).is_ok(), "{host}");
        }
    }

    #[test]
    fn every_other_name_is_refused() {
        for host in [
            "other.example",
            "coach.school.example.other.example",
            "xcoach.school.example",
            "coach.school.example.",
            "127.0.0.1",
            "[::1]",
        ] {
            assert_eq!(judged(host, Single::Absent), Err("host-foreign"), "{host}");
        }
    }

    #[test]
    fn a_forwarded_host_must_be_ours_too_and_then_counts() {
        let ours = "coach.internal";
        assert_eq!(
            judged(ours, Single::One(b"coach.school.example")).as_deref(),
            Ok("coach.school.example")
        );
        for forwarded in [
            Single::One(&b"other.example"[..]),
            Single::One(b"coach.school.example, other.example"),
            Single::One(b""),
            Single::Many,
        ] {
            assert_eq!(judged(ours, forwarded), Err("forwarded-host-foreign"));
        }
    }
}
