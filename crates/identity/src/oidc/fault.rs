//! Every way a login ends without a session.
//!
//! Whoever tries learns that the login cannot be finished, and the ledger why. A provider that is
//! away is never the fault of whoever logs in: that is 503, with the cause named.

use control::{ControlId, Reason, Refusal, rng::NoRandomness};
use store::StoreError;

use crate::token::TokenRefusal;

/// Who may log in, and how.
pub const LOGIN: ControlId = ControlId("identity.login");

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefusal {
    /// What came back is not in the form of an answer.
    #[error("the answer does not read")]
    Form,
    /// The browser does not hold what it was given when it left.
    #[error("another browser began this login, or none")]
    Browser,
    /// Nobody was sent away with this state, or the answer came before, or too late.
    #[error("no login under way has this state")]
    State,
    /// The answer says it is of another provider.
    #[error("the answer is of another provider")]
    Issuer,
    /// The provider says no.
    #[error("the provider refused the login")]
    Denied,
    /// The provider does not take the code: it was used, or is not of this login.
    #[error("the provider refuses the code")]
    Code,
    /// The ID token is not believed.
    #[error("the ID token is not believed: {0}")]
    Token(#[from] TokenRefusal),
    /// The ID token is of another login.
    #[error("the ID token is of another login")]
    Nonce,
    /// The ID token was meant for another client.
    #[error("the ID token is for another client")]
    Party,
    /// The ID token does not say when it was issued.
    #[error("the ID token does not say when it was issued")]
    Undated,
    /// The ID token came with another access token.
    #[error("the ID token is not of this access token")]
    Hash,
    /// The person is of another domain, or of none that can be told.
    #[error("the person is not of an allowed domain")]
    Domain,
    /// What claims to be a logout is none.
    #[error("not a logout token")]
    Logout,
}

impl LoginRefusal {
    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Form => "login-malformed",
            Self::Browser => "login-other-browser",
            Self::State => "login-state",
            Self::Issuer => "login-issuer",
            Self::Denied => "login-denied",
            Self::Code => "login-code",
            Self::Token(_) => "login-token",
            Self::Nonce => "login-nonce",
            Self::Party => "login-party",
            Self::Undated => "login-undated",
            Self::Hash => "login-hash",
            Self::Domain => "login-domain",
            Self::Logout => "logout-token",
        })
    }
}

/// Why the provider could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// It cannot be reached, or hangs.
    #[error("the provider does not answer")]
    Away,
    /// It answers that it cannot now.
    #[error("the provider is busy or failing")]
    Busy,
    /// What it says of itself does not read, or is of another issuer.
    #[error("the provider's metadata is not usable")]
    Metadata,
    /// Its keys do not read, or there are too many.
    #[error("the provider's keys are not usable")]
    Keys,
    /// It does not know us.
    #[error("the provider refuses our client id or secret")]
    Client,
    /// Its answer to a code does not read.
    #[error("the provider's answer does not read")]
    Answer,
}

impl ProviderFault {
    const fn reason(self) -> Reason {
        Reason(match self {
            Self::Away => "provider-away",
            Self::Busy => "provider-busy",
            Self::Metadata => "provider-metadata",
            Self::Keys => "provider-keys",
            Self::Client => "provider-client",
            Self::Answer => "provider-answer",
        })
    }

    const fn public(self) -> &'static str {
        match self {
            Self::Away => "The login provider does not answer. Try again shortly.",
            Self::Busy => "The login provider is busy. Try again shortly.",
            Self::Client => "The login provider does not know this site. Tell its operator.",
            Self::Metadata | Self::Keys | Self::Answer => {
                "The login provider gives answers that cannot be used. Tell the operator of this site."
            }
        }
    }
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginFault {
    /// The login is refused.
    #[error(transparent)]
    Refused(#[from] LoginRefusal),
    /// The provider could not be asked.
    #[error(transparent)]
    Provider(#[from] ProviderFault),
    /// As many logins are under way as there may be.
    #[error("too many logins are under way")]
    Full,
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<&LoginFault> for Refusal {
    fn from(fault: &LoginFault) -> Self {
        const WAIT: &str = "Nobody can log in at this moment. Try again shortly.";
        let unavailable = |public, reason| Self::new(LOGIN, 503, public, reason).retry_after(5);
        match fault {
            LoginFault::Refused(refusal) => Self::new(
                LOGIN,
                403,
                match refusal {
                    LoginRefusal::Domain => "This account may not log in here.",
                    LoginRefusal::Denied => "The login provider refused the login.",
                    LoginRefusal::Logout => "This is no logout token of the login provider.",
                    _ => "This login cannot be finished. Begin again.",
                },
                refusal.reason(),
            ),
            LoginFault::Provider(fault) => unavailable(fault.public(), fault.reason()),
            LoginFault::Full => unavailable(WAIT, Reason("login-full")),
            LoginFault::Random(_) => unavailable(WAIT, Reason("no-randomness")),
            LoginFault::Store(_) => unavailable(WAIT, Reason("login-store-away")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_away_is_named_and_nobody_else_is_blamed() {
        let refusal = Refusal::from(&LoginFault::from(ProviderFault::Away));
        assert_eq!((refusal.status, refusal.control), (503, LOGIN));
        assert!(refusal.public.contains("provider"));
        let refusal = Refusal::from(&LoginFault::Store(StoreError::Lost));
        assert_eq!(refusal.status, 503);
    }

    #[test]
    fn whoever_forges_a_login_does_not_learn_what_was_wrong_with_it() {
        let public = |refusal: LoginRefusal| Refusal::from(&LoginFault::from(refusal));
        let first = public(LoginRefusal::State);
        for refusal in [
            LoginRefusal::Browser,
            LoginRefusal::Nonce,
            LoginRefusal::Code,
            LoginRefusal::Token(TokenRefusal::Signature),
        ] {
            let other = public(refusal);
            assert_eq!((other.status, other.public), (403, first.public));
        }
    }
}
