//! What every answer tells a browser.
//!
//! Owns `[headers]` and the overrides of a route: no sniffing, no framing by another site, referrer
//! within the origin, TLS only (under TLS). Refuses an override without a reason. Trusts the app
//! only where it is stricter than we are.

use std::time::Duration;

use config::{Fault, Table};
use wire::Name;

use super::{
    inside::Inside,
    scripts::{self, Scripts},
};

/// Who may put an answer into a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Nobody.
    Deny,
    /// Pages of the same origin; the default, because plain apps frame their own parts.
    SameOrigin,
    /// Nothing is said; the app's own word stands.
    Off,
}

/// What a browser tells other sites about where a visitor came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referrer {
    /// Nothing, not even to ourselves.
    NoReferrer,
    /// Only within the same origin; the default.
    SameOrigin,
    /// The origin alone, and only over TLS.
    StrictOrigin,
    /// Nothing is said; the app's own word stands.
    Off,
}

/// The settings, and the bytes they come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHeaders {
    /// Whether sniffing of content types is forbidden.
    pub nosniff: bool,
    /// Who may frame.
    pub frame: Frame,
    /// What referrers say.
    pub referrer: Referrer,
    /// How long browsers insist on TLS, sub-domains included; `None` says nothing.
    pub hsts: Option<Duration>,
    /// Fields of an app that are taken out because they tell of it.
    pub inside: Inside,
    /// Whether browsers may ship with that, for whoever comes for the first time.
    pub preload: bool,
    /// What a page may run.
    pub scripts: Scripts,
    /// The policy where the app says nothing of scripts that would do, and where it does.
    policy: Box<[u8]>,
    policy_beside: Box<[u8]>,
    /// Fields that do not depend on the app's answer, as bytes, each line ended.
    fixed: Box<[u8]>,
    /// The field that is added under TLS alone.
    strict_transport: Box<[u8]>,
}

/// One year, the default of [`ResponseHeaders::hsts`].
pub const ONE_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Default for ResponseHeaders {
    fn default() -> Self {
        Self::new(
            true,
            Frame::SameOrigin,
            Referrer::SameOrigin,
            Some(ONE_YEAR),
            false,
        )
    }
}

impl ResponseHeaders {
    /// Renders the settings once, so that an answer copies bytes.
    #[must_use]
    pub fn new(
        nosniff: bool,
        frame: Frame,
        referrer: Referrer,
        hsts: Option<Duration>,
        preload: bool,
    ) -> Self {
        let mut fixed = Vec::with_capacity(96);
        if nosniff {
            fixed.extend_from_slice(b"X-Content-Type-Options: nosniff\r\n");
        }
        let strict_transport = hsts.map_or_else(Vec::new, |age| {
            format!(
                "Strict-Transport-Security: max-age={}; includeSubDomains{}\r\n",
                age.as_secs(),
                if preload { "; preload" } else { "" }
            )
            .into_bytes()
        });
        Self {
            nosniff,
            frame,
            referrer,
            hsts,
            inside: Inside::default(),
            preload,
            scripts: Scripts::Off,
            policy: policy(frame, Scripts::Off),
            policy_beside: policy(frame, Scripts::Off),
            fixed: fixed.into(),
            strict_transport: strict_transport.into(),
        }
    }

    /// The same, with pages that may run this.
    #[must_use]
    pub fn with_scripts(self, scripts: Scripts) -> Self {
        Self {
            scripts,
            policy: policy(self.frame, scripts),
            ..self
        }
    }

    /// Reads `[headers]`, or the `headers` of a route over the site's. Whatever differs from the
    /// level above needs a `reason` beside it.
    pub(super) fn read(table: &mut Table<'_>, above: &Self) -> Self {
        let nosniff = table.flag("nosniff", above.nosniff);
        let frame = match table.optional_one_of("frame", &["deny", "same-origin", "off"]) {
            None => above.frame,
            Some(found) => match found.value {
                "deny" => Frame::Deny,
                "off" => Frame::Off,
                _ => Frame::SameOrigin,
            },
        };
        let choices = ["no-referrer", "same-origin", "strict-origin", "off"];
        let referrer = match table.optional_one_of("referrer", &choices) {
            None => above.referrer,
            Some(found) => match found.value {
                "no-referrer" => Referrer::NoReferrer,
                "strict-origin" => Referrer::StrictOrigin,
                "off" => Referrer::Off,
                _ => Referrer::SameOrigin,
            },
        };
        let hsts = match table.duration_in("hsts", Duration::ZERO..=ONE_YEAR * 10) {
            None => above.hsts,
            Some(found) => Some(found.value).filter(|age| !age.is_zero()),
        };
        let preload = table.flag("hsts_preload", above.preload);
        if preload && hsts.is_none_or(|age| age < ONE_YEAR) {
            table.fault(
                Fault::new(
                    "headers.preload-too-short",
                    "browsers ship with names that insist on TLS for a year at least",
                )
                .at(table.span())
                .hint("let hsts be \"365d\" or more, or leave hsts_preload out"),
            );
        }
        let scripts = match table.optional_one_of("scripts", &["same-origin", "off"]) {
            None => above.scripts,
            Some(found) if found.value == "off" => Scripts::Off,
            Some(_) => Scripts::SameOrigin,
        };
        let mut read = Self::new(nosniff, frame, referrer, hsts, preload).with_scripts(scripts);
        // To take out more, and to insist on more, needs no reason.
        let inside = Inside::read(table, &above.inside);
        let keeps_more = inside.keeps_more_than(&above.inside);
        let runs_more = above.scripts == Scripts::SameOrigin && scripts == Scripts::Off;
        let mut asked =
            Self::new(nosniff, frame, referrer, hsts, above.preload).with_scripts(above.scripts);
        asked.inside = above.inside.clone();
        let reason = table.text("reason");
        let insists_less = above.preload && !preload;
        if reason.is_none() && (keeps_more || insists_less || runs_more || asked != *above) {
            table.fault(
                Fault::new(
                    "headers.no-reason",
                    format!(
                        "{} changes what answers tell browsers without saying why",
                        table.title()
                    ),
                )
                .at(table.span())
                .hint("add reason = \"...\" beside it"),
            );
        }
        read.inside = inside;
        read
    }

    /// Writes the fields behind an app's own. `seen` is what the app said of the same things.
    pub fn write(&self, secure: bool, seen: AppSaid, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fixed);
        out.extend_from_slice(if seen.governs_scripts {
            &self.policy_beside
        } else {
            &self.policy
        });
        match (self.frame, seen.frame_deny) {
            (Frame::Off, _) => {}
            (Frame::Deny, _) | (Frame::SameOrigin, true) => {
                out.extend_from_slice(b"X-Frame-Options: DENY\r\n");
            }
            (Frame::SameOrigin, false) => {
                out.extend_from_slice(b"X-Frame-Options: SAMEORIGIN\r\n");
            }
        }
        match (self.referrer, seen.no_referrer) {
            (Referrer::Off, _) => {}
            (Referrer::NoReferrer, _) | (_, true) => {
                out.extend_from_slice(b"Referrer-Policy: no-referrer\r\n");
            }
            (Referrer::SameOrigin, false) => {
                out.extend_from_slice(b"Referrer-Policy: same-origin\r\n");
            }
            (Referrer::StrictOrigin, false) => {
                out.extend_from_slice(b"Referrer-Policy: strict-origin\r\n");
            }
        }
        if secure {
            out.extend_from_slice(&self.strict_transport);
        }
    }

    /// What to do with a field of the app's answer: `true` keeps it. A stricter word of the app is
    /// remembered in `seen` and written in its place.
    #[must_use]
    pub fn keeps(&self, name: Name, value: &[u8], seen: &mut AppSaid) -> bool {
        match name {
            Name::XFrameOptions => {
                seen.frame_deny |= value.trim_ascii().eq_ignore_ascii_case(b"deny");
                self.frame == Frame::Off
            }
            Name::ReferrerPolicy => {
                seen.no_referrer |= value.trim_ascii().eq_ignore_ascii_case(b"no-referrer");
                self.referrer == Referrer::Off
            }
            // Whatever it says, it narrows: ours goes beside it where it leaves scripts alone.
            Name::ContentSecurityPolicy => {
                seen.governs_scripts |=
                    self.scripts == Scripts::SameOrigin && scripts::governs(value);
                true
            }
            Name::XContentTypeOptions => !self.nosniff,
            Name::StrictTransportSecurity => self.hsts.is_none(),
            Name::Server => !self.inside.tells(b"server"),
            Name::Via => !self.inside.tells(b"via"),
            _ => true,
        }
    }
}

/// Where an app's answer was stricter than the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppSaid {
    frame_deny: bool,
    no_referrer: bool,
    governs_scripts: bool,
}

/// The field that says who may frame and what may run, its line ended; empty where nothing is said. A
/// second one only ever narrows the app's own (CSP level 3, section 8.1).
fn policy(frame: Frame, scripts: Scripts) -> Box<[u8]> {
    let scripts = match scripts {
        Scripts::SameOrigin => Some(scripts::SAME_ORIGIN),
        Scripts::Off => None,
    };
    let frame = match frame {
        Frame::Deny => Some("frame-ancestors 'none'"),
        Frame::SameOrigin => Some("frame-ancestors 'self'"),
        Frame::Off => None,
    };
    let said: Vec<&str> = scripts.into_iter().chain(frame).collect();
    if said.is_empty() {
        return Box::default();
    }
    format!("Content-Security-Policy: {}\r\n", said.join("; "))
        .into_bytes()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(headers: &ResponseHeaders, secure: bool, app: &[(&str, &str)]) -> String {
        let (mut out, mut seen) = (Vec::new(), AppSaid::default());
        for (name, value) in app {
            if headers.keeps(Name::of(name.as_bytes()), value.as_bytes(), &mut seen) {
                out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        headers.write(secure, seen, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_answer_without_any_gets_all_of_them() {
        assert_eq!(
            written(&ResponseHeaders::default(), true, &[]),
            "X-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: frame-ancestors 'self'\r\n\
             X-Frame-Options: SAMEORIGIN\r\n\
             Referrer-Policy: same-origin\r\n\
             Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
        );
    }

    #[test]
    fn names_that_browsers_may_ship_with_say_so() {
        let year = Some(ONE_YEAR);
        let (frame, referrer) = (Frame::SameOrigin, Referrer::SameOrigin);
        let headers = ResponseHeaders::new(true, frame, referrer, year, true);
        let field = "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n";
        assert!(written(&headers, true, &[]).contains(field));
        assert!(!written(&ResponseHeaders::default(), true, &[]).contains("preload"));
    }

    #[test]
    fn pages_run_what_their_origin_serves_and_an_apps_stricter_word_stands() {
        let headers = ResponseHeaders::default().with_scripts(Scripts::SameOrigin);
        let ours = format!(
            "Content-Security-Policy: {}; frame-ancestors 'self'\r\n",
            scripts::SAME_ORIGIN
        );
        assert!(written(&headers, true, &[]).contains(&ours));
        let policy = |value| [("Content-Security-Policy", value)];
        let beside = written(&headers, true, &policy("script-src 'nonce-a1'"));
        assert!(!beside.contains("default-src") && beside.contains("'nonce-a1'"));
        assert!(beside.contains("Content-Security-Policy: frame-ancestors 'self'\r\n"));
        let softer = written(&headers, true, &policy("default-src *"));
        assert!(softer.contains(&ours) && softer.contains("default-src *"));
    }

    #[test]
    fn strict_transport_is_said_under_tls_alone() {
        assert!(!written(&ResponseHeaders::default(), false, &[]).contains("Strict-Transport"));
    }

    #[test]
    fn a_weaker_word_of_the_app_is_replaced() {
        let text = written(
            &ResponseHeaders::default(),
            false,
            &[
                ("x-frame-options", "ALLOWALL"),
                ("Referrer-Policy", "unsafe-url"),
                ("X-CONTENT-TYPE-OPTIONS", "off"),
            ],
        );
        assert!(!text.contains("ALLOWALL") && !text.contains("unsafe-url"));
        assert_eq!(text.matches("X-Content-Type-Options").count(), 1);
        assert!(!text.contains("X-CONTENT-TYPE-OPTIONS"));
    }

    #[test]
    fn a_stricter_word_of_the_app_stands() {
        let text = written(
            &ResponseHeaders::default(),
            false,
            &[
                ("X-Frame-Options", "deny"),
                ("Referrer-Policy", "no-referrer"),
            ],
        );
        assert!(text.contains("X-Frame-Options: DENY\r\n"));
        assert!(text.contains("Referrer-Policy: no-referrer\r\n"));
        assert_eq!(text.matches("Referrer-Policy").count(), 1);
    }

    #[test]
    fn what_is_switched_off_is_left_to_the_app() {
        let headers = ResponseHeaders::new(false, Frame::Off, Referrer::Off, None, false);
        let app = [("X-Frame-Options", "ALLOW"), ("Referrer-Policy", "origin")];
        assert_eq!(
            written(&headers, true, &app),
            "X-Frame-Options: ALLOW\r\nReferrer-Policy: origin\r\n"
        );
    }
}
