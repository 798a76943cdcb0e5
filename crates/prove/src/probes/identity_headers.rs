//! Fields by which a client could say who it is or where it comes from.

use std::net::IpAddr;

use control::{Asked, Probe, Sheet, Target, probe::TargetError, sheet::Met};

use super::{
    draft::{Echo, canary},
    passing,
};

/// Attacks `identity.headers-stripped`: sends such fields in many spellings and reads from the
/// echo what the app would have received.
pub(super) struct Stripped;

/// Names of fields about who asks, from where and by which method, that apps are known to believe, and
/// their spellings.
const NAMES: &[&str] = &[
    "X-Forwarded-User",
    "X_Forwarded_User",
    "x-forwarded-email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Remote-User",
    "Remote-User",
    "X-Auth-Request-User",
    "X-Vouchsafe-Assertion",
    "X_Vouchsafe_Assertion",
    "X-Vouchsafe-Delivery",
    "X-Request-Id",
    "X-Real-IP",
    "X_Real_IP",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Uri",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Forwarded",
    "X-HTTP-Method-Override",
    "X_HTTP_Method_Override",
    "X-Method-Override",
    "X-HTTP-Method",
];

impl Probe for Stripped {
    fn promise(&self) -> &'static str {
        "identity.headers-stripped"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(draft) = passing(at, sheet)? else {
            return Ok(());
        };
        for name in NAMES {
            let (spoofed, ordinary) = (canary(at)?, canary(at)?);
            let reply = draft
                .clone()
                .field(name, &spoofed)
                .field("X-Ordinary", &ordinary)
                .ticketed(at)?
                .send(at)?;
            let echo = Echo::of(&reply);
            sheet.pair(
                format!("{name} from the client"),
                absent(&echo, &spoofed),
                carried(&echo, &ordinary),
            );
        }
        // A client may not have our own fields removed by naming them in Connection, nor keep its
        // copy alive that way.
        let (spoofed, ordinary) = (canary(at)?, canary(at)?);
        let bytes = draft
            .field("X-Forwarded-User", &spoofed)
            .field("X-Ordinary", &ordinary)
            .ticketed(at)?
            .bytes();
        let text = String::from_utf8_lossy(&bytes).replace(
            "Connection: close",
            "Connection: close, X-Forwarded-User, X-Request-Id",
        );
        let echo = Echo::of(&at.send(text.as_bytes())?);
        sheet.pair(
            "an identity field named in Connection",
            absent(&echo, &spoofed),
            carried(&echo, &ordinary),
        );
        let ours = echo
            .as_ref()
            .and_then(|echo| echo.field("X-Request-Id"))
            .is_some();
        sheet.pair(
            "our own field named in Connection",
            Met::when(ours, if ours { "set all the same" } else { "missing" }),
            carried(&echo, &ordinary),
        );
        Ok(())
    }
}

/// Attacks `proxy.trusted`: claims another address, scheme and host from outside the trusted
/// proxies.
pub(super) struct TrustedProxies;

const CLAIMED: &str = "203.0.113.77";

impl Probe for TrustedProxies {
    fn promise(&self) -> &'static str {
        "proxy.trusted"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(draft) = passing(at, sheet)? else {
            return Ok(());
        };
        let from = at.facts().gate.first().map(|address| address.ip());
        if let Some(network) = from.and_then(|from| trusting(&at.facts().trusted_proxies, from)) {
            sheet.unproven(format!("we dial from inside the trusted network {network}"));
            return Ok(());
        }
        for (name, value) in [
            ("X-Forwarded-For", CLAIMED.to_owned()),
            (
                "Forwarded",
                format!("for={CLAIMED};proto=https;host=other.invalid"),
            ),
            ("X-Real-IP", CLAIMED.to_owned()),
            ("X-Forwarded-Host", "other.invalid".to_owned()),
            ("X-Forwarded-Proto", "gopher".to_owned()),
        ] {
            let ordinary = canary(at)?;
            let reply = draft
                .clone()
                .field(name, &value)
                .field("X-Ordinary", &ordinary)
                .ticketed(at)?
                .send(at)?;
            let echo = Echo::of(&reply);
            let claim = value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim_start_matches("for=");
            sheet.pair(
                format!("{name} claims {claim}"),
                absent(&echo, claim),
                carried(&echo, &ordinary),
            );
        }
        Ok(())
    }
}

/// The trusted network that `from` lies in, by the plain rule that a prefix covers an address.
fn trusting(networks: &[String], from: IpAddr) -> Option<&String> {
    networks
        .iter()
        .find(|network| match network.split_once('/') {
            Some((base, bits)) => match (base.parse(), bits.parse::<u32>(), from) {
                (Ok(IpAddr::V4(base)), Ok(bits), IpAddr::V4(from)) => {
                    let mask = u32::MAX
                        .checked_shl(32_u32.saturating_sub(bits))
                        .unwrap_or(0);
                    u32::from(base) & mask == u32::from(from) & mask
                }
                (Ok(IpAddr::V6(base)), Ok(bits), IpAddr::V6(from)) => {
                    let mask = u128::MAX
                        .checked_shl(128_u32.saturating_sub(bits))
                        .unwrap_or(0);
                    u128::from(base) & mask == u128::from(from) & mask
                }
                _ => false,
            },
            None => network.parse() == Ok(from),
        })
}

fn absent(echo: &Option<Echo>, canary: &str) -> Met {
    match echo {
        Some(echo) => match echo.carrying(canary).first() {
            Some(name) => Met::when(false, format!("reached the app in {name}")),
            None => Met::when(true, "did not reach the app"),
        },
        None => Met::inconclusive("no echo"),
    }
}

fn carried(echo: &Option<Echo>, canary: &str) -> Met {
    let held = echo
        .as_ref()
        .is_some_and(|echo| !echo.carrying(canary).is_empty());
    Met::when(
        held,
        if held {
            "an ordinary field passed"
        } else {
            "an ordinary field was lost"
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_trusts_the_addresses_under_its_prefix_and_no_other() {
        let networks = [
            "10.0.0.0/8".to_owned(),
            "::1".to_owned(),
            "0.0.0.0/0".to_owned(),
        ];
        let in_first_two = |text: &str| trusting(&networks[..2], text.parse().unwrap()).is_some();
        assert!(in_first_two("10.255.0.1"));
        assert!(!in_first_two("11.0.0.1"));
        assert!(in_first_two("::1"));
        assert!(!in_first_two("::2"));
        assert!(trusting(&networks, "127.0.0.1".parse().unwrap()).is_some());
    }
}
