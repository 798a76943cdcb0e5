//! The command line's view: `webhook schemes`, `webhook sign`, `webhook verify`.
//!
//! Owns the step from what a person types (a whole URL, `Name: value` lines, secrets by file) to a
//! delivery, and the three answers a script can tell apart. Refuses questions that cannot be
//! asked, so that "not genuine" always means that everything was there to judge. Shows no secret.

use control::{Secret, Timestamp};
use serde::Serialize;

use crate::{
    delivery::Delivery,
    doctor::{self, Finding},
    key::{Key, KeyFault},
    load::options::{self, OptionFault, Options},
    refusal::SignatureRefusal,
    scheme::{Atom, Scheme},
    sign::{SignFault, Signed, Signing},
    verify::verify_keys,
};

/// What is asked of `webhook verify` and `webhook sign`.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Name of the scheme.
    pub scheme: &'a str,
    /// The secrets, any of which may fit; the first signs.
    pub secrets: &'a [Secret],
    /// The whole public URL of the delivery; needed where the scheme signs it.
    pub url: Option<&'a str>,
    /// The method.
    pub method: &'a str,
    /// Headers as `Name: value`.
    pub headers: &'a [String],
    /// The body.
    pub body: &'a [u8],
    /// The moment it is judged at, or signed for.
    pub now: Timestamp,
    /// What was chosen at the provider, as `name=value`.
    pub options: &'a [String],
}

/// What `webhook verify` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The provider sent it: exit 0.
    Genuine,
    /// It did not: exit 1, the reason on stderr.
    Refused(SignatureRefusal),
    /// The question cannot be asked: exit 2.
    Unusable(Unusable),
}

/// Why a question cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No such scheme.
    #[error("there is no scheme called `{0}`")]
    NoScheme(String),
    /// No secret was given.
    #[error("no secret was given")]
    NoSecret,
    /// A secret is not one of this scheme; counted from 1.
    #[error("secret {number}: {fault}")]
    Secret {
        /// Which of the secrets.
        number: usize,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// The scheme signs the URL.
    #[error("this scheme signs the URL, and none was given")]
    NoUrl,
    /// The URL is not one.
    #[error("the URL is not of the form https://host/path")]
    NotAUrl,
    /// A header is not one; counted from 1.
    #[error("header {0} is not of the form `Name: value`")]
    NotAHeader(usize),
    /// An option is not one.
    #[error("the option `{0}` is not of the form name=value")]
    NotAnOption(String),
    /// The scheme has no such option.
    #[error(transparent)]
    Option(#[from] OptionFault),
    /// The delivery cannot be signed.
    #[error(transparent)]
    Unsignable(#[from] SignFault),
}

impl Unusable {
    /// A stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoScheme(_) => "webhook.no-scheme",
            Self::NoSecret => "webhook.no-secret",
            Self::Secret { .. } => "webhook.bad-secret",
            Self::NoUrl => "webhook.no-url",
            Self::NotAUrl => "webhook.not-a-url",
            Self::NotAHeader(_) => "webhook.not-a-header",
            Self::NotAnOption(_) | Self::Option(_) => "webhook.bad-option",
            Self::Unsignable(_) => "webhook.unsignable",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoScheme(name) => {
                let names = Scheme::built_in().iter().map(|s| s.name.as_str());
                match config::nearest(name, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`vouchsafe webhook schemes` lists those there are".to_owned(),
                }
            }
            Self::NotAnOption(_) => "write --option signature-header=X-Signature".to_owned(),
            Self::Option(fault) => fault.hint(),
            Self::NoSecret => "give the provider's signing secret with --secret-file".to_owned(),
            Self::Secret { fault, .. } => fault.hint().to_owned(),
            Self::NoUrl => "give the URL the provider delivers to with --url".to_owned(),
            Self::NotAUrl => {
                "write scheme, host and path: https://coach.example/webhook".to_owned()
            }
            Self::NotAHeader(_) => "write --header 'X-Twilio-Signature: …'".to_owned(),
            Self::Unsignable(SignFault::Key(fault)) => fault.hint().to_owned(),
            Self::Unsignable(_) => {
                "see `vouchsafe webhook schemes` for what this scheme delivers".to_owned()
            }
        }
    }
}

/// One line of `webhook schemes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Name in the configuration.
    pub name: &'static str,
    /// Who signs this way.
    pub provider: &'static str,
    /// The shapes of delivery.
    pub variants: Vec<&'static str>,
    /// How much of a delivery is covered.
    pub integrity: &'static str,
    /// Seconds a delivery may be old; absent where no time is signed.
    pub freshness_seconds: Option<u32>,
    /// Whether a hash is used that is no longer recommended.
    pub legacy: bool,
    /// Whether it was never checked against a vector from elsewhere.
    pub experimental: bool,
    /// Where such a vector comes from.
    pub vector: Option<&'static str>,
    /// What an operator should know.
    pub caution: Option<&'static str>,
    /// The provider's own description.
    pub documentation: &'static str,
}

/// Every scheme, in the order of their names.
#[must_use]
pub fn schemes() -> Vec<Listing> {
    Scheme::built_in()
        .iter()
        .map(|scheme| Listing {
            name: &scheme.name,
            provider: &scheme.provider,
            variants: scheme.variant.iter().map(|v| v.name.as_str()).collect(),
            integrity: scheme.integrity.label(),
            freshness_seconds: scheme.tolerance().map(|(past, _)| past),
            legacy: scheme.legacy.is_some(),
            experimental: scheme.experimental,
            vector: scheme.vector.as_deref(),
            caution: scheme.caution.as_deref(),
            documentation: &scheme.documentation,
        })
        .collect()
}

/// The secret in a file: its bytes, less one final newline.
#[must_use]
pub fn secret_of_file(mut bytes: Vec<u8>) -> Secret {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Secret::new(bytes)
}

/// Judges one delivery.
#[must_use]
pub fn verify(question: &Question<'_>) -> Judgement {
    match judge(question) {
        Ok(Ok(())) => Judgement::Genuine,
        Ok(Err(refusal)) => Judgement::Refused(refusal),
        Err(why) => Judgement::Unusable(why),
    }
}

fn judge(question: &Question<'_>) -> Result<Result<(), SignatureRefusal>, Unusable> {
    let scheme = scheme(question)?;
    let keys = keys(scheme, question)?;
    asked(question, |scheme, delivery| {
        verify_keys("", scheme, &keys, delivery).map(|_| ())
    })
}

/// Looks for the reason why a delivery does not verify. Secrets need not read as those of the scheme:
/// that may be the reason.
pub fn examine(question: &Question<'_>) -> Result<Finding, Unusable> {
    if question.secrets.is_empty() {
        return Err(Unusable::NoSecret);
    }
    asked(question, |scheme, delivery| {
        doctor::examine(scheme, question.secrets, delivery)
    })
}

fn keys(scheme: &Scheme, question: &Question<'_>) -> Result<Vec<Key>, Unusable> {
    let keys = question
        .secrets
        .iter()
        .enumerate()
        .map(|(at, secret)| {
            Key::verifying(scheme, secret).map_err(|fault| Unusable::Secret {
                number: at + 1,
                fault,
            })
        })
        .collect::<Result<Vec<Key>, _>>()?;
    if keys.is_empty() {
        return Err(Unusable::NoSecret);
    }
    Ok(keys)
}

/// What `judge` says of the delivery in question.
fn asked<T>(
    question: &Question<'_>,
    judge: impl FnOnce(&Scheme, &Delivery<'_>) -> T,
) -> Result<T, Unusable> {
    let scheme = scheme(question)?;
    let (public_url, target) = url(scheme, question)?;
    let headers = headers(question)?;
    let delivery = Delivery {
        method: question.method,
        public_url: &public_url,
        target: target.as_bytes(),
        headers: &headers,
        body: question.body,
        now: question.now,
    };
    Ok(judge(scheme, &delivery))
}

/// Signs one delivery with the first secret. `id` is the message's identity, for schemes that sign
/// one; the content type is taken from the headers.
pub fn sign(question: &Question<'_>, id: &str) -> Result<Signed, Unusable> {
    let scheme = scheme(question)?;
    let secret = question.secrets.first().ok_or(Unusable::NoSecret)?;
    let (public_url, target) = url(scheme, question)?;
    let headers = headers(question)?;
    let content_type = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"))
        .and_then(|(_, value)| std::str::from_utf8(value).ok());
    let signing = Signing {
        method: question.method,
        public_url: &public_url,
        target: &target,
        content_type,
        body: question.body,
        id,
        at: question.now,
    };
    Ok(crate::sign::sign(scheme, secret, &signing)?)
}

fn scheme(question: &Question<'_>) -> Result<&'static Scheme, Unusable> {
    let base = Scheme::find(question.scheme)
        .ok_or_else(|| Unusable::NoScheme(question.scheme.to_owned()))?;
    let mut chosen = Options::new();
    for option in question.options {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| Unusable::NotAnOption(option.clone()))?;
        chosen.insert(name.to_owned(), value.to_owned());
    }
    Ok(options::choose(base, &chosen)?)
}

/// The public URL and the target of a whole URL.
fn url(scheme: &Scheme, question: &Question<'_>) -> Result<(String, String), Unusable> {
    let of_variant = |variant: &crate::scheme::Variant| variant.message.contains(&Atom::Url);
    let signs_url = scheme.signs_url() || scheme.variant.iter().any(of_variant);
    let whole = match question.url {
        Some(url) => url,
        None if signs_url => return Err(Unusable::NoUrl),
        None => "https://localhost/",
    };
    let (protocol, rest) = whole.split_once("://").ok_or(Unusable::NotAUrl)?;
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if host.is_empty() || !(protocol == "https" || protocol == "http") {
        return Err(Unusable::NotAUrl);
    }
    let root = if target.starts_with('/') { "" } else { "/" };
    Ok((format!("{protocol}://{host}"), format!("{root}{target}")))
}

/// A header's name and value.
type Field<'a> = (&'a [u8], &'a [u8]);

fn headers<'a>(question: &Question<'a>) -> Result<Vec<Field<'a>>, Unusable> {
    question
        .headers
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let (name, value) = line.split_once(':').ok_or(Unusable::NotAHeader(at + 1))?;
            let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            token
                .then(|| (name.as_bytes(), value.trim_matches([' ', '\t']).as_bytes()))
                .ok_or(Unusable::NotAHeader(at + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(list: &[&str]) -> Vec<String> {
        list.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_question_has_three_answers() {
        let secrets = [secret_of_file(b"It's a Secret to Everybody\n".to_vec())];
        let good = "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = lines(&[good]);
        let mut question = Question {
            scheme: "github",
            secrets: &secrets,
            url: None,
            method: "POST",
            headers: &headers,
            body: b"Hello, World!",
            now: Timestamp::default(),
            options: &[],
        };
        assert_eq!(verify(&question), Judgement::Genuine);
        question.body = b"Hello";
        assert_eq!(
            verify(&question),
            Judgement::Refused(SignatureRefusal::Mismatch)
        );
        question.headers = &[];
        assert_eq!(
            verify(&question),
            Judgement::Refused(SignatureRefusal::Missing)
        );
        question.scheme = "githup";
        assert!(matches!(
            verify(&question),
            Judgement::Unusable(Unusable::NoScheme(_))
        ));
        question.scheme = "twilio";
        assert_eq!(verify(&question), Judgement::Unusable(Unusable::NoUrl));
        question.url = Some("coach.example/webhook");
        assert_eq!(verify(&question), Judgement::Unusable(Unusable::NotAUrl));
        question.url = Some("https://coach.example");
        let broken = lines(&["no colon"]);
        question.headers = &broken;
        assert_eq!(
            verify(&question),
            Judgement::Unusable(Unusable::NotAHeader(1))
        );
        question.secrets = &[];
        assert_eq!(verify(&question), Judgement::Unusable(Unusable::NoSecret));
    }

    #[test]
    fn what_sign_prints_verify_takes() {
        let secrets = [secret_of_file(b"token".to_vec())];
        let headers = lines(&["Content-Type: application/json"]);
        let mut question = Question {
            scheme: "twilio",
            secrets: &secrets,
            url: Some("https://coach.example/webhook?x=1"),
            method: "POST",
            headers: &headers,
            body: br#"{"a":1}"#,
            now: Timestamp::default(),
            options: &[],
        };
        let signed = sign(&question, "").unwrap();
        let printed: Vec<String> = signed
            .headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}"))
            .collect();
        let url = format!("https://coach.example{}", signed.target);
        assert!(url.contains("?x=1&bodySHA256="));
        question.headers = &printed;
        question.url = Some(&url);
        assert_eq!(verify(&question), Judgement::Genuine);
    }

    #[test]
    fn only_one_final_newline_is_not_part_of_a_secret() {
        assert_eq!(secret_of_file(b"a\n".to_vec()).expose(), b"a");
        assert_eq!(secret_of_file(b"a\n\n".to_vec()).expose(), b"a\n");
        assert_eq!(secret_of_file(b"a".to_vec()).expose(), b"a");
    }

    #[test]
    fn every_scheme_is_listed_with_its_label() {
        let listed: Vec<_> = schemes()
            .iter()
            .map(|l| (l.name, l.integrity, l.legacy, l.freshness_seconds))
            .collect();
        assert_eq!(listed.len(), Scheme::built_in().len());
        for line in [
            ("github", "body bytes", false, None),
            (
                "header-token",
                "authenticity without integrity",
                false,
                None,
            ),
            ("standard-webhooks", "body bytes", false, Some(300)),
            ("twilio", "URL and parameters", true, None),
        ] {
            assert!(listed.contains(&line), "{line:?}");
        }
    }
}
