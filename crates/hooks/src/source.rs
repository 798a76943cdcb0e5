//! A webhook route's configuration.
//!
//! Owns the sub-table `webhook = { scheme = "twilio", secret = ["name"] }` and the [`Source`] it
//! becomes. Refuses unknown schemes, sources without a secret, names that are not under `[secrets]`
//! and secrets that do not decode under the scheme's rule, and shows none of them.

use std::collections::BTreeMap;

use config::{Fault, Found, Table};
use control::{Refusal, Secret};

use crate::{
    delivery::Delivery,
    handshake::{self, Answer},
    key::{Key, KeyFault},
    load::options::{self, Options},
    refusal::SignatureRefusal,
    scheme::Scheme,
    verify::{MAX_SECRETS, Signature, Verified, verify_keys},
};

/// The sub-table as written.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The scheme it names.
    pub scheme: &'static Scheme,
    /// Names under `[secrets]`; any of them may verify a delivery. Never empty.
    pub secrets: Vec<Found<String>>,
    /// Names under `[secrets]` of tokens that the provider shows when it asks something.
    pub tokens: Vec<Found<String>>,
}

/// The secrets of a configuration by name. `None` is a name whose secret was not read: its fault
/// was told where it stands, or this process reads no secrets.
pub type Secrets = BTreeMap<String, Option<Secret>>;

impl Setting {
    /// Reads the `webhook` table of a route. `None` if it cannot be used; the document then holds
    /// the faults.
    #[must_use]
    pub fn read(mut table: Table<'_>) -> Option<Self> {
        let names: Vec<&'static str> = Scheme::built_in()
            .iter()
            .map(|scheme| scheme.name.as_str())
            .collect();
        let scheme = if table.has("scheme") {
            table.optional_one_of("scheme", &names)
        } else {
            table.required_text("scheme");
            None
        };
        let place = table.span_of("secret").or_else(|| table.span());
        let secrets = table.one_or_more("secret");
        if secrets.as_ref().is_none_or(Vec::is_empty) {
            table.fault(
                Fault::new("hooks.no-secret", "a webhook without a secret would refuse every delivery")
                    .at(place)
                    .label("no secret")
                    .hint("name the provider's signing secret, as in `secret = [\"twilio\"]`, and put `twilio = \"env:TWILIO_AUTH_TOKEN\"` under [secrets]"),
            );
        }
        let secrets = secrets.filter(|names| !names.is_empty())?;
        if secrets.len() > MAX_SECRETS {
            table.fault(
                Fault::new(
                    "hooks.too-many-secrets",
                    format!("a webhook takes at most {MAX_SECRETS} secrets"),
                )
                .at(place)
                .hint("keep the secrets that the provider signs with today"),
            );
            return None;
        }
        let base = Scheme::find(scheme?.value)?;
        let tokens = tokens(&mut table, base)?;
        Some(Self {
            scheme: chosen(&mut table, base)?,
            secrets,
            tokens,
        })
    }

    /// The source for the route at `path`, or everything that is wrong with its secrets.
    pub fn source(&self, path: &str, secrets: &Secrets) -> Result<Source, Vec<Fault>> {
        let mut keys = Vec::new();
        let mut faults = Vec::new();
        for name in &self.secrets {
            match secrets.get(&name.value) {
                None => faults.push(unknown(name, secrets)),
                Some(None) => {}
                Some(Some(secret)) => match Key::verifying(self.scheme, secret) {
                    Ok(key) => keys.push(key),
                    Err(cause) => faults.push(undecodable(name, self.scheme, &cause)),
                },
            }
        }
        let mut tokens = Vec::new();
        for name in &self.tokens {
            match secrets.get(&name.value) {
                None => faults.push(unknown(name, secrets)),
                Some(None) => {}
                Some(Some(secret)) if secret.expose().len() < LEAST_TOKEN => {
                    faults.push(short(name));
                }
                Some(Some(secret)) => tokens.push(secret.clone()),
            }
        }
        if faults.is_empty() {
            Ok(Source {
                id: path.to_owned(),
                scheme: self.scheme,
                keys,
                tokens,
            })
        } else {
            Err(faults)
        }
    }
}

/// Fewest bytes of a token.
const LEAST_TOKEN: usize = 16;

/// The names of tokens; `None` where the scheme takes none and some are named.
fn tokens(table: &mut Table<'_>, scheme: &Scheme) -> Option<Vec<Found<String>>> {
    let place = table.span_of("token");
    let tokens = table.one_or_more("token").unwrap_or_default();
    if !tokens.is_empty() && !scheme.takes_token() {
        table.fault(
            Fault::new(
                "hooks.no-token",
                format!("{} shows no token of yours", scheme.name),
            )
            .at(place)
            .hint("take `token` away"),
        );
        return None;
    }
    Some(tokens)
}

/// The scheme with what was chosen at the provider.
fn chosen(table: &mut Table<'_>, scheme: &'static Scheme) -> Option<&'static Scheme> {
    let mut options = Options::new();
    if let Some(mut chosen) = table.optional_table("options") {
        for key in chosen.keys() {
            if let Some(value) = chosen.text(&key.value) {
                options.insert(key.value, value.value);
            }
        }
    }
    let place = table.span_of("options");
    match options::choose(scheme, &options) {
        Ok(scheme) => Some(scheme),
        Err(fault) => {
            let (text, hint) = (fault.to_string(), fault.hint());
            table.fault(Fault::new("hooks.bad-option", text).at(place).hint(hint));
            None
        }
    }
}

fn short(name: &Found<String>) -> Fault {
    Fault::new(
        "hooks.short-token",
        format!(
            "the token `{}` is shorter than {LEAST_TOKEN} bytes",
            name.value
        ),
    )
    .at(name.span)
    .label("referred to here")
    .hint("make one with `openssl rand -hex 16` and give it to the provider as well")
}

fn unknown(name: &Found<String>, secrets: &Secrets) -> Fault {
    let known: Vec<&str> = secrets.keys().map(String::as_str).take(8).collect();
    let hint = if known.is_empty() {
        format!("add `{} = \"env:NAME\"` under [secrets]", name.value)
    } else {
        format!(
            "add `{} = \"env:NAME\"` under [secrets], or use one that is there: {}",
            name.value,
            known.join(", ")
        )
    };
    Fault::new(
        "hooks.unknown-secret",
        format!("there is no secret called `{}`", name.value),
    )
    .at(name.span)
    .label("not under [secrets]")
    .hint(hint)
}

fn undecodable(name: &Found<String>, scheme: &Scheme, cause: &KeyFault) -> Fault {
    Fault::new(
        "hooks.bad-secret",
        format!(
            "`{}` is not a secret of {}: {cause}",
            name.value, scheme.name
        ),
    )
    .at(name.span)
    .label("referred to here")
    .hint(cause.hint())
}

/// One provider's deliveries to one route.
#[derive(Clone, Debug)]
pub struct Source {
    id: String,
    scheme: &'static Scheme,
    keys: Vec<Key>,
    tokens: Vec<Secret>,
}

impl Source {
    /// A source called `id`, which is its route's path.
    pub fn new(
        id: impl Into<String>,
        scheme: &'static Scheme,
        secrets: &[Secret],
    ) -> Result<Self, KeyFault> {
        let keys = secrets
            .iter()
            .map(|secret| Key::verifying(scheme, secret))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: id.into(),
            scheme,
            keys,
            tokens: Vec::new(),
        })
    }

    /// The same source with `secret` in place of its own: for the one delivery whose ticket the
    /// secret was minted with.
    pub fn with_secret(&self, secret: &Secret) -> Result<Self, KeyFault> {
        Ok(Self {
            id: self.id.clone(),
            scheme: self.scheme,
            keys: vec![Key::minted(self.scheme, secret)?],
            tokens: Vec::new(),
        })
    }

    /// Its name: the path of its route.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its scheme.
    #[must_use]
    pub const fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    /// Whether a delivery that `other` held genuine could still be genuine here. When none could,
    /// what was remembered of `other` may be forgotten.
    #[must_use]
    pub fn shares_a_secret_with(&self, other: &Self) -> bool {
        self.keys
            .iter()
            .any(|key| other.keys.iter().any(|theirs| key.is_same_as(theirs)))
    }

    /// Whether a delivery meant for `other` could be genuine here as well: they share a secret, and this
    /// scheme does not sign where a delivery goes. Under another scheme's name too, for many providers
    /// sign alike.
    #[must_use]
    pub fn takes_deliveries_of(&self, other: &Self) -> bool {
        let known = |key: &Key| other.keys.iter().any(|theirs| key.has_secret_of(theirs));
        self.id != other.id && !self.scheme.signs_url() && self.keys.iter().any(known)
    }

    /// How a refusal of this source is answered: with the status that the provider asks for.
    #[must_use]
    pub fn refused(&self, refusal: SignatureRefusal) -> Refusal {
        let mut refusal = Refusal::from(refusal);
        refusal.status = self.scheme.ack.refused.unwrap_or(refusal.status);
        refusal
    }

    /// The answer to a question that the provider asks without a signature; `None` for a delivery.
    ///
    /// # Errors
    ///
    /// A token that is missing or wrong, or a value that is not sent back.
    pub fn greet(&self, delivery: &Delivery<'_>) -> Result<Option<Answer>, SignatureRefusal> {
        let questions = &self.scheme.handshake;
        handshake::answer(questions, false, &self.keys, &self.tokens, delivery)
    }

    /// The answer to a question that the provider signed as it signs deliveries; `None` for a
    /// delivery.
    ///
    /// # Errors
    ///
    /// A value that is not sent back.
    pub fn reply(
        &self,
        _genuine: &Verified<Signature>,
        delivery: &Delivery<'_>,
    ) -> Result<Option<Answer>, SignatureRefusal> {
        let questions = &self.scheme.handshake;
        handshake::answer(questions, true, &self.keys, &self.tokens, delivery)
    }

    /// Verifies a delivery to this source.
    pub fn verify(&self, delivery: &Delivery<'_>) -> Result<Verified<Signature>, SignatureRefusal> {
        verify_keys(&self.id, self.scheme, &self.keys, delivery)
    }
}

#[cfg(test)]
mod tests {
    use config::Document;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn read(text: &str) -> Result<Option<Setting>, Vec<String>> {
        let mut document = Document::parse("t.toml", text);
        let mut root = document.root();
        let setting = root.optional_table("webhook").and_then(Setting::read);
        root.done();
        document
            .finish()
            .map(|()| setting)
            .map_err(|faults| faults.list().iter().map(|f| f.hint.clone()).collect())
    }

    fn secrets(list: &[(&str, &str)]) -> Secrets {
        list.iter()
            .map(|(name, text)| {
                let secret = Secret::new(text.as_bytes().to_vec());
                ((*name).to_owned(), Some(secret))
            })
            .collect()
    }

    #[test]
    fn a_webhook_names_a_scheme_and_its_secrets() {
        let setting = read("webhook = { scheme = \"twilio\", secret = [\"a\", \"b\"] }");
        let setting = setting.unwrap().unwrap();
        assert_eq!(setting.scheme.name, "twilio");
        assert_eq!(setting.secrets.len(), 2);
        let one = read("webhook = { scheme = \"github\", secret = \"a\" }").unwrap();
        assert_eq!(one.unwrap().secrets.len(), 1);
    }

    #[test]
    fn a_misspelt_scheme_is_suggested() {
        let hints = read("webhook = { scheme = \"twillio\", secret = [\"a\"] }").unwrap_err();
        assert_eq!(hints, ["did you mean \"twilio\"?"]);
        assert_eq!(read("webhook = { secret = [\"a\"] }").unwrap_err().len(), 1);
    }

    #[test]
    fn a_webhook_without_a_secret_is_refused() {
        for text in [
            "webhook = { scheme = \"twilio\" }",
            "webhook = { scheme = \"twilio\", secret = [] }",
        ] {
            let hints = read(text).unwrap_err();
            assert!(
                hints.len() == 1 && hints[0].contains("signing secret"),
                "{hints:?}"
            );
        }
    }

    #[test]
    fn unknown_keys_and_too_many_secrets_are_refused() {
        assert!(
            read("webhook = { scheme = \"twilio\", secret = [\"a\"], verify = false }").is_err()
        );
        let nine = ["\"a\""; 9].join(", ");
        assert!(
            read(&format!(
                "webhook = {{ scheme = \"twilio\", secret = [{nine}] }}"
            ))
            .is_err()
        );
    }

    #[test]
    fn a_secret_that_does_not_decode_is_refused_and_not_shown() {
        let text = "webhook = { scheme = \"standard-webhooks\", secret = [\"a\"] }";
        let setting = read(text).unwrap().unwrap();
        assert!(setting.source("/hook", &secrets(&[("a", SECRET)])).is_ok());
        let faults = setting
            .source("/hook", &secrets(&[("a", "whsec_hunter2!")]))
            .unwrap_err();
        assert_eq!(faults[0].code, "hooks.bad-secret");
        assert!(!format!("{faults:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_that_is_not_declared_is_refused_with_those_that_are() {
        let setting = read("webhook = { scheme = \"twilio\", secret = [\"twilo\"] }");
        let setting = setting.unwrap().unwrap();
        let faults = setting
            .source("/hook", &secrets(&[("twilio", "x")]))
            .unwrap_err();
        assert_eq!(faults[0].code, "hooks.unknown-secret");
        assert!(faults[0].hint.ends_with("one that is there: twilio"));
    }

    #[test]
    fn a_source_whose_secrets_were_not_read_refuses_everything() {
        let setting = read("webhook = { scheme = \"github\", secret = [\"a\"] }");
        let unread = BTreeMap::from([("a".to_owned(), None)]);
        let source = setting.unwrap().unwrap().source("/hook", &unread).unwrap();
        let delivery = Delivery {
            method: "POST",
            public_url: "https://a.example",
            target: b"/hook",
            headers: &[(b"X-Hub-Signature-256", b"sha256=00")],
            body: b"",
            now: control::Timestamp::default(),
        };
        assert_eq!(
            source.verify(&delivery).err(),
            Some(SignatureRefusal::NoSecret)
        );
    }

    #[test]
    fn sources_share_a_secret_while_one_of_them_is_the_same() {
        let scheme = Scheme::find("github").unwrap();
        let source = |list: &[&str]| {
            let list: Vec<Secret> = list
                .iter()
                .map(|s| Secret::new(s.as_bytes().to_vec()))
                .collect();
            Source::new("/hook", scheme, &list).unwrap()
        };
        assert!(source(&["old", "new"]).shares_a_secret_with(&source(&["old"])));
        assert!(!source(&["new"]).shares_a_secret_with(&source(&["old"])));
    }
    #[test]
    fn only_a_scheme_that_signs_where_a_delivery_goes_may_share_a_secret_between_routes() {
        let at = |path: &str, scheme: &str, secret: &str| {
            let secret = Secret::new(secret.as_bytes().to_vec());
            Source::new(path, Scheme::find(scheme).unwrap(), &[secret]).unwrap()
        };
        let here = at("/a", "github", "one secret of sixteen bytes");
        assert!(here.takes_deliveries_of(&at("/b", "github", "one secret of sixteen bytes")));
        for other in [
            at("/b", "github", "another secret of sixteen"),
            at("/a", "github", "one secret of sixteen bytes"),
        ] {
            assert!(!here.takes_deliveries_of(&other));
        }
        let meta = at("/b", "meta", "one secret of sixteen bytes");
        assert!(here.takes_deliveries_of(&meta), "both sign alike");
        let signs_url = |path| at(path, "twilio", "0123456789abcdef0123456789abcdef");
        assert!(!signs_url("/a").takes_deliveries_of(&signs_url("/b")));
    }
}
