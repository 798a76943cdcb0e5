//! One order, from its names to a certificate.

use std::{sync::Arc, time::Duration};

use connect::Client;
use control::Secret;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use seal::certificate::Leaf;

use crate::{Challenges, Files, Kind, Settings, challenges::Offer, files::FilesFault, http::Http};

/// How long the authority may take to look, and again to sign.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why an order came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderFault {
    /// The authority says no, or does not answer.
    #[error("{0}")]
    Authority(#[from] Error),
    /// It does not offer the way of showing that a name is ours.
    #[error("the authority does not offer this challenge")]
    NotOffered,
    /// What it asks for has no form that could be answered.
    #[error("the authority asks for an answer that cannot be given")]
    Strange,
    /// It saw something else than our answer.
    #[error("the authority did not find our answer: {0}")]
    Unseen(String),
    /// The certificate is not the one that was ordered.
    #[error("the authority gave a certificate for other names, another key or no time")]
    Other,
    /// It took too long.
    #[error("the order took too long")]
    TooLong,
    /// Its outcome cannot be kept.
    #[error(transparent)]
    Files(#[from] FilesFault),
    /// The provider of cryptography has no key.
    #[error("no key can be made")]
    NoKey,
}

/// Orders a certificate for `settings` and gives it with its key, PEM.
pub(crate) async fn order(
    settings: &Settings,
    files: &Files,
    client: &Arc<Client>,
    challenges: &Arc<Challenges>,
) -> Result<Secret, OrderFault> {
    let account = account(settings, files, client).await?;
    let names: Vec<Identifier> = settings
        .names
        .iter()
        .cloned()
        .map(Identifier::Dns)
        .collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    let offers = answer(settings, &mut order, challenges).await?;
    let patience = RetryPolicy::new().timeout(PATIENCE);
    let ready = order.poll_ready(&patience).await?;
    drop(offers);
    if ready != OrderStatus::Ready {
        return Err(OrderFault::Unseen(unseen(&mut order).await));
    }
    let (key, csr) = request(settings).ok_or(OrderFault::NoKey)?;
    order.finalize_csr(&csr).await?;
    let chain = order.poll_certificate(&patience).await?;
    let whole = Secret::new(format!("{}{chain}", key.serialize_pem()).into_bytes());
    if is_ordered(settings, &whole) {
        Ok(whole)
    } else {
        Err(OrderFault::Other)
    }
}

/// The account at this authority, made once.
async fn account(
    settings: &Settings,
    files: &Files,
    client: &Arc<Client>,
) -> Result<Account, OrderFault> {
    let builder = Account::builder_with_http(Box::new(Http(Arc::clone(client))));
    if let Some(text) = files.account(&settings.directory) {
        let credentials: AccountCredentials =
            serde_json::from_slice(text.expose()).map_err(Error::from)?;
        return Ok(builder.from_credentials(credentials).await?);
    }
    let contact = settings
        .email
        .as_ref()
        .map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let wanted = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let made = builder.create(&wanted, settings.directory.clone(), None);
    let (account, credentials) = made.await?;
    let text = Secret::new(serde_json::to_vec(&credentials).map_err(Error::from)?);
    files.store_account(&settings.directory, text.expose())?;
    Ok(account)
}

/// Puts an answer up for each name the authority does not know as ours yet, and says so.
async fn answer(
    settings: &Settings,
    order: &mut Order,
    challenges: &Arc<Challenges>,
) -> Result<Vec<Offer>, OrderFault> {
    let mut offers = Vec::new();
    let kind = match settings.challenge {
        Kind::Http01 => ChallengeType::Http01,
        Kind::TlsAlpn01 => ChallengeType::TlsAlpn01,
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(kind.clone());
        let mut challenge = challenge.ok_or(OrderFault::NotOffered)?;
        let name = challenge.identifier().to_string();
        if !settings.names.contains(&name) {
            return Err(OrderFault::Strange);
        }
        let authorised = challenge.key_authorization();
        offers.push(match settings.challenge {
            Kind::Http01 if is_token(&challenge.token) => {
                challenges.offer_answer(&challenge.token, authorised.as_str())
            }
            Kind::Http01 => return Err(OrderFault::Strange),
            Kind::TlsAlpn01 => {
                let key = shown(&name, authorised.digest().as_ref()).ok_or(OrderFault::NoKey)?;
                challenges.offer_certificate(&name, Arc::new(key))
            }
        });
        challenge.set_ready().await?;
    }
    Ok(offers)
}

/// What tokens consist of (RFC 8555, section 8.1).
fn is_token(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (22..=256).contains(&text.len()) && text.bytes().all(allowed)
}

/// The certificate that answers by itself (RFC 8737, section 3).
fn shown(name: &str, digest: &[u8]) -> Option<CertifiedKey> {
    let digest: &[u8; 32] = digest.try_into().ok()?;
    let mut params = CertificateParams::new([name.to_owned()]).ok()?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().ok()?;
    let made = params.self_signed(&key).ok()?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).ok()?;
    // Not by what checks that both fit: it knows no extension for authorities, which is critical.
    let key = aws_lc_rs::sign::any_supported_type(&key).ok()?;
    Some(CertifiedKey::new(vec![made.der().clone()], key))
}

/// What the authority saw instead, in its words.
async fn unseen(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let faults = state.challenges.iter().filter_map(|it| it.error.as_ref());
        if let Some(fault) = faults.map(ToString::to_string).next() {
            return fault;
        }
    }
    "it does not say what it saw".to_owned()
}

fn request(settings: &Settings) -> Option<(KeyPair, Vec<u8>)> {
    let names: Vec<String> = settings.names.iter().cloned().collect();
    let mut params = CertificateParams::new(names).ok()?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate().ok()?;
    let csr = params.serialize_request(&key).ok()?;
    let csr = csr.der().to_vec();
    Some((key, csr))
}

/// Whether a certificate is for these names and for the key beside it.
fn is_ordered(settings: &Settings, pem: &Secret) -> bool {
    let chain: Option<Vec<CertificateDer<'static>>> = CertificateDer::pem_slice_iter(pem.expose())
        .map(Result::ok)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(pem.expose());
    let (Some(chain), Ok(key)) = (chain, key) else {
        return false;
    };
    let leaf = chain.first().and_then(|first| Leaf::read(first));
    let fits = leaf.is_some_and(|leaf| leaf.names == settings.names && leaf.begins < leaf.ends);
    fits && CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).is_ok()
}
