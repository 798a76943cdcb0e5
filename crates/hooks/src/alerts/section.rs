//! `[alerts]`: where alerts go.
//!
//! Owns the section. Refuses plain text to another machine, a secret that signs nothing, and to try
//! for ever.

use std::{ops::RangeInclusive, time::Duration};

use config::{Fault, Table, secret::Sources};
use connect::{
    Host, Target,
    target::{Scheme as Way, UrlFault},
};
use control::Secret;

use crate::{Key, Scheme};

/// The scheme that signs alerts.
pub const SCHEME: &str = "standard-webhooks";

/// How long an alert is tried, unless the section says otherwise.
pub const RETRY: Duration = Duration::from_secs(15 * 60);

const RETRY_BOUNDS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// What the section says.
#[derive(Clone)]
pub struct Settings {
    /// Where to.
    pub url: Target,
    /// What signs, in the form that [`SCHEME`] gives secrets.
    pub secret: Secret,
    /// How long an alert is tried.
    pub retry: Duration,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({:?})", self.url)
    }
}

/// Reads `[alerts]`, where it is there; faults go to the document. None as well where secrets are not
/// resolved.
pub fn read(root: &mut Table<'_>, sources: &Sources) -> Option<Settings> {
    let mut table = root.optional_table("alerts")?;
    let expected = "the URL of your receiver, such as https://hooks.example/vouchsafe";
    let url = table.required_parse("url", expected, target);
    let reference = table.required_secret("secret");
    let retry = table.duration_in("retry", RETRY_BOUNDS);
    let secret = reference.as_ref().and_then(|found| {
        let secret = table.resolve(found, sources)?;
        let scheme = Scheme::find(SCHEME)?;
        if let Err(fault) = Key::signing(scheme, &secret) {
            table.fault(
                Fault::new("alerts.secret", fault.to_string())
                    .at(found.span)
                    .label("referred to here")
                    .hint("make one: printf 'whsec_%s' \"$(openssl rand -base64 32)\""),
            );
        }
        Some(secret)
    });
    table.done();
    Some(Settings {
        url: url?.value,
        secret: secret?,
        retry: retry.map_or(RETRY, |found| found.value),
    })
}

fn target(text: &str) -> Result<Target, &'static str> {
    let target = Target::parse(text).map_err(UrlFault::rule)?;
    let destination = target.destination();
    let here = match destination.host() {
        Host::V4(address) => address.is_loopback(),
        Host::V6(address) => address.is_loopback(),
        Host::Name(_) => false,
    };
    if destination.scheme() == Way::Http && !here {
        return Err("goes in plain text to another machine: use https");
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[alerts]\nurl = \"https://hooks.example/x\"\nsecret = \"file:secret\"\n";

    fn codes(text: &str, secret: &str) -> Vec<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        config::files::create_secret(&folder.path().join("secret"), secret.as_bytes()).unwrap();
        let sources = Sources::of_process(&folder.path().join("vouchsafe.toml"));
        let mut document = config::Document::parse("vouchsafe.toml", text);
        let mut root = document.root();
        let read = read(&mut root, &sources);
        root.done();
        match document.finish() {
            Ok(()) => {
                assert!(read.is_some());
                Vec::new()
            }
            Err(faults) => faults.list().iter().map(|fault| fault.code).collect(),
        }
    }

    #[test]
    fn a_section_reads_and_one_slip_in_it_does_not() {
        const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(codes(GOOD, SECRET), [""; 0]);
        assert_eq!(codes(&format!("{GOOD}retry = \"1h\"\n"), SECRET), [""; 0]);
        let local = GOOD.replace("https://hooks.example", "http://127.0.0.1:9000");
        assert_eq!(codes(&local, SECRET), [""; 0]);
        for (text, secret, code) in [
            (GOOD.replace("https:", "http:"), SECRET, "config.value"),
            (
                GOOD.replace("https://hooks.example", "x"),
                SECRET,
                "config.value",
            ),
            (
                GOOD.replace("secret = \"file:secret\"\n", ""),
                SECRET,
                "config.missing-key",
            ),
            (format!("{GOOD}retries = 3\n"), SECRET, "config.unknown-key"),
            (format!("{GOOD}retry = \"2d\"\n"), SECRET, "config.value"),
            (GOOD.to_owned(), "whsec_c2hvcnQ=", "alerts.secret"),
            (GOOD.to_owned(), "not base64 at all", "alerts.secret"),
        ] {
            assert!(
                codes(&text, secret).contains(&code),
                "{text}: {:?}",
                codes(&text, secret)
            );
        }
    }
}
