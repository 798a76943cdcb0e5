//! What a configuration may say and perhaps should not.
//!
//! Owns the warnings of `check`: settings that are weaker than the strictest default, each stated on
//! purpose and each worth a second look. Refuses nothing; what must not be said is a fault.

use std::net::SocketAddr;

use super::{
    Site,
    headers::{Frame, Referrer, ResponseHeaders},
    route::Guard,
};

/// One thing worth a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Stable code.
    pub code: &'static str,
    /// What is weaker than it could be, one sentence without a final period.
    pub message: String,
    /// What to do if it was not meant.
    pub hint: &'static str,
}

impl Site {
    /// Everything worth a second look.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |code, message, hint| {
            warnings.push(Warning {
                code,
                message,
                hint,
            });
        };
        let local = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
        let deployment = self.deployment();
        for listen in self.listeners() {
            if listen.tls.is_none()
                && !listen.redirects
                && !local(&listen.address)
                && deployment.trusted_proxies.is_empty()
            {
                warn(
                    "listen.plain",
                    format!("{} takes requests without TLS", listen.address),
                    "add tls = { certificate = ..., key = ... }, or listen on loopback behind a proxy",
                );
            }
        }
        if !deployment.public_url.secure && !self.listeners().iter().all(|l| local(&l.address)) {
            warn(
                "deployment.plain-url",
                format!("public_url is {}", deployment.public_url.text),
                "write https:// where browsers and providers come from outside",
            );
        }
        for app in self.apps() {
            if app.upstream.address.is_none_or(|address| !local(&address)) {
                warn(
                    "app.remote",
                    format!(
                        "requests to the app {} leave this machine unencrypted",
                        app.name
                    ),
                    "keep the app on loopback, or the network between the two to themselves",
                );
            }
        }
        if let Some(what) = weaker(self.headers()) {
            warn(
                "headers.weaker",
                format!("[headers] switches {what} off for every route"),
                "override it on the one route that needs it",
            );
        }
        for folder in self.routes().iter().filter_map(|it| it.files.as_ref()) {
            let root = folder.root.path().display();
            if folder.root.is_shared() {
                warn(
                    "files.shared-root",
                    format!("anybody on this machine may put files into {root}"),
                    "run chmod o-w on it",
                );
            }
            if folder.root.is_wide() {
                warn(
                    "files.wide-root",
                    format!("{root} is a wide root: it holds more than one thing"),
                    "give what is served a folder of its own",
                );
            }
        }
        for route in self.routes() {
            if let Guard::Open(_) = route.guard
                && route.methods.is_empty()
            {
                warn(
                    "route.open-to-every-method",
                    format!(
                        "the open route {} lists no methods and so takes all",
                        route.id
                    ),
                    "write methods = [\"GET\", \"HEAD\"] where nothing is sent to it",
                );
            }
        }
        for route in self.routes() {
            if let Some(source) = route.source()
                && source.scheme().experimental
            {
                warn(
                    "webhook.experimental",
                    format!(
                        "the scheme {} of {} was never checked against a signature that others published",
                        source.scheme().name,
                        route.id
                    ),
                    "send a test delivery from the provider before you rely on it",
                );
            }
        }
        warnings
    }
}

fn weaker(headers: &ResponseHeaders) -> Option<&'static str> {
    if !headers.nosniff {
        Some("nosniff")
    } else if headers.frame == Frame::Off {
        Some("frame")
    } else if headers.referrer == Referrer::Off {
        Some("referrer")
    } else if headers.hsts.is_none() {
        Some("hsts")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{read, text};

    const GUARDED: &str = "[[route]]\npath = \"/\"\napp = \"coach\"\nauth = [\"api-key\"]\n";

    fn codes(text: &str) -> Vec<&'static str> {
        let site = read(text).unwrap();
        site.warnings().iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn a_strict_configuration_gives_no_warning() {
        assert_eq!(codes(&text(GUARDED)), [""; 0]);
    }

    #[test]
    fn each_weaker_setting_gives_its_own() {
        let plain = text(GUARDED).replace("127.0.0.1:0", "0.0.0.0:80");
        assert_eq!(codes(&plain), ["listen.plain"]);
        let http = plain.replace("https://", "http://");
        assert_eq!(codes(&http), ["listen.plain", "deployment.plain-url"]);
        let remote = text(GUARDED).replace("127.0.0.1:8502", "app:8502");
        assert_eq!(codes(&remote), ["app.remote"]);
        let off = format!("{GUARDED}[headers]\nnosniff = false\nreason = \"legacy\"\n");
        assert_eq!(codes(&text(&off)), ["headers.weaker"]);
        assert_eq!(
            codes(&text(crate::testing::OPEN)),
            ["route.open-to-every-method"]
        );
    }

    #[test]
    fn a_scheme_that_nobody_else_vouches_for_is_announced() {
        let hook = |scheme: &str| {
            text(&format!(
                "[[route]]\npath = \"/hook\"\nmethods = [\"POST\"]\napp = \"coach\"\n\
                 webhook = {{ scheme = \"{scheme}\", secret = [\"hook\"] }}\n"
            ))
        };
        let experimental = hooks::Scheme::built_in().iter().find(|it| it.experimental);
        let warned = codes(&hook(&experimental.unwrap().name));
        assert!(warned.contains(&"webhook.experimental"), "{warned:?}");
        assert!(!codes(&hook("github")).contains(&"webhook.experimental"));
    }
}
