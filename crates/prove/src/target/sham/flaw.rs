//! The named faults.
//!
//! Owns their names, which controls use in `Weakening::Sham`, and what each of them can touch.

use serde_json::Value;

/// One way in which a peer can fall short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Requests whose framing two parsers could read differently are answered as if they were fine.
    FramingLenient,
    /// Any host name is served.
    AnyHost,
    /// Identity fields of the client reach the app.
    HeadersKept,
    /// The client's word for its own address reaches the app.
    ForwardedBelieved,
    /// Behind a proxy, whatever a client says of its address counts as that.
    ForwardedLeftmost,
    /// The app answers on other interfaces.
    AppExposed,
    /// Paths below the health check are the health check.
    HealthByPrefix,
    /// Fields by which a client has its method taken for another reach the app.
    MethodOverridden,
    /// A ticket that was used opens again.
    TicketTwice,
    /// A key or a session of a proof opens without a ticket.
    KeyWithoutTicket,
    /// A key in the query opens what it opens in a header.
    KeyInQuery,
    /// Whoever shows the id of a request is let in.
    IdTrusted,
    /// A token opens whatever its signature.
    TokenForged,
    /// A token opens however old it is.
    TokenEndless,
    /// Whoever signs in is told that nobody has the name.
    NamesTold,
    /// A password that stands in the documentation can be chosen.
    DocumentedTaken,
    /// Refused sign-ins are not in the ledger.
    SignInDropped,
    /// Whoever asks is given a key.
    KeysForAnybody,
    /// A session shows the app the person of another.
    SessionMixed,
    /// Cookies of ours can be read by scripts.
    CookieReadable,
    /// The cookie of a session reaches the app.
    CookieKept,
    /// A session counts wherever a request comes from.
    CsrfIgnored,
    /// Whatever origin a page has, it may read the answer.
    OriginRepeated,
    /// A file may be called anything.
    UploadNamed,
    /// Whoever sends a file that cannot be read sees what a program says of it.
    UploadTraced,
    /// What a link in a folder of files leads to is served.
    LinksFollowed,
    /// A list of files shows what is in them.
    ListWithContents,
    /// A refused login is one.
    LoginForged,
    /// Logins and logouts are not in the ledger.
    LoginEventDropped,
    /// A key opens everything.
    ScopeIgnored,
    /// A role may do what none of its rules allows.
    RoleIgnored,
    /// A revoked key goes on working.
    RevocationIgnored,
    /// A revoked token goes on working.
    TokenRevocationIgnored,
    /// Keys are stored as they are.
    KeyStoredRaw,
    /// The first characters of a key's secret stand in the log.
    KeyInLog,
    /// The list of keys shows most of each secret.
    KeyShownWhole,
    /// There are more keys that open everything than anybody promised.
    KeysUnrestricted,
    /// Old versions of TLS and weak ciphers are spoken.
    TlsOld,
    /// Bodies stand in the log.
    CanaryInLog,
    /// One event of many is not in the ledger.
    EventDropped,
    /// Refused credentials are not in the ledger.
    AuthEventDropped,
    /// The verifier calls everything whole.
    VerifyBlind,
    /// The inspection after a start calls everything whole.
    InspectionBlind,
    /// A delivery that comes twice is forwarded twice.
    ReplayForwarded,
    /// A webhook without a secret is served.
    UnsignedWithoutSecret,
    /// An open route without a reason is served.
    OpenWithoutReason,
    /// A route that names no credential is served.
    AuthOptional,
}

/// What a probe uses of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sense {
    /// Bytes to the listener.
    Send,
    /// Bytes outside of TLS, and handshakes.
    Dial,
    /// Dialling an app.
    Reach,
    /// Canary keys.
    Mint,
    /// Their revocation.
    Revoke,
    /// The list of keys.
    List,
    /// A copy of the ledger.
    Ledger,
    /// The verifier.
    Verify,
    /// The files.
    Storage,
    /// The observers.
    Observe,
    /// Another child.
    Child,
}

/// A control names a fault that no sham has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no sham has a flaw called {0}")]
pub struct UnknownFlaw(pub String);

const NAMES: &[(Flaw, &str)] = &[
    (Flaw::FramingLenient, "framing-lenient"),
    (Flaw::AnyHost, "any-host"),
    (Flaw::HeadersKept, "headers-kept"),
    (Flaw::ForwardedBelieved, "forwarded-believed"),
    (Flaw::ForwardedLeftmost, "forwarded-leftmost"),
    (Flaw::AppExposed, "app-exposed"),
    (Flaw::HealthByPrefix, "health-by-prefix"),
    (Flaw::MethodOverridden, "method-overridden"),
    (Flaw::TicketTwice, "ticket-twice"),
    (Flaw::KeyWithoutTicket, "key-without-ticket"),
    (Flaw::KeyInQuery, "key-in-query"),
    (Flaw::IdTrusted, "id-trusted"),
    (Flaw::TokenForged, "token-forged"),
    (Flaw::TokenEndless, "token-endless"),
    (Flaw::NamesTold, "names-told"),
    (Flaw::DocumentedTaken, "documented-taken"),
    (Flaw::SignInDropped, "sign-in-dropped"),
    (Flaw::KeysForAnybody, "keys-for-anybody"),
    (Flaw::SessionMixed, "session-mixed"),
    (Flaw::CookieReadable, "cookie-readable"),
    (Flaw::CookieKept, "cookie-kept"),
    (Flaw::CsrfIgnored, "csrf-ignored"),
    (Flaw::OriginRepeated, "origin-repeated"),
    (Flaw::UploadNamed, "upload-named"),
    (Flaw::UploadTraced, "upload-traced"),
    (Flaw::LinksFollowed, "links-followed"),
    (Flaw::ListWithContents, "list-with-contents"),
    (Flaw::LoginForged, "login-forged"),
    (Flaw::LoginEventDropped, "login-event-dropped"),
    (Flaw::ScopeIgnored, "scope-ignored"),
    (Flaw::RoleIgnored, "role-ignored"),
    (Flaw::RevocationIgnored, "revocation-ignored"),
    (Flaw::TokenRevocationIgnored, "token-revocation-ignored"),
    (Flaw::KeyStoredRaw, "key-stored-raw"),
    (Flaw::KeyInLog, "key-in-log"),
    (Flaw::KeyShownWhole, "key-shown-whole"),
    (Flaw::KeysUnrestricted, "keys-unrestricted"),
    (Flaw::TlsOld, "tls-old"),
    (Flaw::CanaryInLog, "canary-in-log"),
    (Flaw::EventDropped, "event-dropped"),
    (Flaw::AuthEventDropped, "auth-event-dropped"),
    (Flaw::VerifyBlind, "verify-blind"),
    (Flaw::InspectionBlind, "inspection-blind"),
    (Flaw::ReplayForwarded, "replay-forwarded"),
    (Flaw::UnsignedWithoutSecret, "unsigned-without-secret"),
    (Flaw::OpenWithoutReason, "open-without-reason"),
    (Flaw::AuthOptional, "auth-optional"),
];

/// Faults of which a control names another, or that no control of its own stands against: with the
/// promise whose probe must notice each.
pub const FURTHER: &[(&str, Flaw)] = &[
    ("identity.headers-stripped", Flaw::MethodOverridden),
    ("auth.enforced", Flaw::TicketTwice),
    ("auth.enforced", Flaw::KeyWithoutTicket),
    ("session.cookie", Flaw::CookieKept),
    ("audit.tamper-evident", Flaw::InspectionBlind),
];

impl Flaw {
    /// Every flaw.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(flaw, _)| *flaw)
    }

    /// The flaw called `name`.
    pub fn parse(name: &str) -> Result<Self, UnknownFlaw> {
        NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(flaw, _)| *flaw)
            .ok_or_else(|| UnknownFlaw(name.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(flaw, _)| *flaw == self)
            .map_or("", |(_, name)| name)
    }

    /// What of a target it alters. A probe that used none of it on the good child cannot meet it.
    #[must_use]
    pub const fn touches(self) -> Sense {
        match self {
            Self::FramingLenient
            | Self::AnyHost
            | Self::HeadersKept
            | Self::ForwardedBelieved
            | Self::HealthByPrefix
            | Self::MethodOverridden
            | Self::TicketTwice
            | Self::KeyWithoutTicket
            | Self::KeyInQuery
            | Self::IdTrusted
            | Self::TokenForged
            | Self::TokenEndless
            | Self::KeysForAnybody
            | Self::NamesTold
            | Self::DocumentedTaken
            | Self::SessionMixed
            | Self::CookieReadable
            | Self::CookieKept
            | Self::CsrfIgnored
            | Self::OriginRepeated
            | Self::UploadNamed
            | Self::UploadTraced
            | Self::ScopeIgnored
            | Self::RoleIgnored
            | Self::ReplayForwarded => Sense::Send,
            Self::AppExposed => Sense::Reach,
            Self::TlsOld => Sense::Dial,
            Self::RevocationIgnored | Self::TokenRevocationIgnored => Sense::Revoke,
            Self::KeyShownWhole | Self::KeysUnrestricted => Sense::List,
            Self::KeyStoredRaw | Self::KeyInLog | Self::CanaryInLog => Sense::Storage,
            Self::EventDropped | Self::AuthEventDropped | Self::SignInDropped => Sense::Ledger,
            Self::VerifyBlind => Sense::Verify,
            Self::UnsignedWithoutSecret
            | Self::OpenWithoutReason
            | Self::AuthOptional
            | Self::ForwardedLeftmost
            | Self::LinksFollowed
            | Self::ListWithContents
            | Self::LoginForged
            | Self::LoginEventDropped
            | Self::InspectionBlind => Sense::Child,
        }
    }

    /// Whether it shows on children of the peer as well: what a proof shows on a child alone.
    pub(super) const fn is_inherited(self) -> bool {
        matches!(
            self,
            Self::CookieReadable
                | Self::ForwardedLeftmost
                | Self::LoginForged
                | Self::LoginEventDropped
                | Self::LinksFollowed
                | Self::ListWithContents
        )
    }

    /// Whether a peer with this flaw starts under `after`, which a good one refuses.
    #[must_use]
    pub fn lets_start(self, before: &Value, after: &Value) -> bool {
        let routes = || {
            after
                .get("route")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        match self {
            Self::UnsignedWithoutSecret => {
                let secrets = |tree: &Value| tree.get("secrets").cloned();
                secrets(before) != secrets(after)
                    || routes().any(|route| {
                        route
                            .pointer("/webhook/secret")
                            .is_some_and(|secret| secret == &Value::Array(Vec::new()))
                    })
            }
            Self::OpenWithoutReason => routes().any(|route| {
                route.get("auth").and_then(Value::as_str) == Some("none")
                    && route.get("reason").is_none()
            }),
            Self::AuthOptional => {
                routes().any(|route| route.get("auth").is_none() && route.get("webhook").is_none())
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_flaw_is_found_by_its_own_name_and_no_other() {
        for flaw in Flaw::all() {
            assert_eq!(Flaw::parse(flaw.name()), Ok(flaw));
        }
        assert!(Flaw::parse("framing").is_err());
    }

    #[test]
    fn a_flaw_starts_only_under_the_change_it_overlooks() {
        let good = json!({
            "secrets": {"a": "env:A"},
            "route": [{"path": "/", "auth": "none", "reason": "x"}, {"path": "/w", "webhook": {"secret": ["a"]}}]
        });
        let changed = |pointer: &str, value: Option<Value>| {
            let mut tree = good.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let parent = tree.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match value {
                Some(value) => parent.insert(key.to_owned(), value),
                None => parent.remove(key),
            };
            tree
        };
        let unset = changed("/secrets/a", Some(json!("env:NONE")));
        let emptied = changed("/route/1/webhook/secret", Some(json!([])));
        let silent = changed("/route/0/reason", None);
        let nothing = changed("/route/0/auth", None);
        let lets = |flaw: Flaw, tree: &Value| flaw.lets_start(&good, tree);
        assert!(
            lets(Flaw::UnsignedWithoutSecret, &unset)
                && lets(Flaw::UnsignedWithoutSecret, &emptied)
        );
        assert!(!lets(Flaw::UnsignedWithoutSecret, &silent));
        assert!(lets(Flaw::OpenWithoutReason, &silent) && !lets(Flaw::OpenWithoutReason, &unset));
        assert!(lets(Flaw::AuthOptional, &nothing) && !lets(Flaw::AuthOptional, &silent));
        assert!(!lets(Flaw::FramingLenient, &nothing));
    }
}
