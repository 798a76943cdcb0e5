//! Under TLS: whom we believe.

use connect::client::{Fault, Request};
use rustls::CertificateError;

use crate::server::{Authority, Server, Setup, ok, redirect, self_signed, target};

async fn get(server: &Server, host: &str, authority: Option<&Authority>) -> Result<String, Fault> {
    let mut setup = Setup::of(&[(host, server)]);
    setup.roots = authority.map(|authority| authority.roots.clone());
    let url = format!("https://{host}:{}/", server.port());
    let response = setup.client().send(Request::get(target(&url))).await?;
    Ok(String::from_utf8(response.into_body()).unwrap())
}

#[track_caller]
fn refused(answer: Result<String, Fault>) -> CertificateError {
    match answer {
        Err(Fault::Certificate(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_of_the_operators_authority_for_the_typed_host_is_believed() {
    let authority = Authority::new("ours");
    let config = authority.certificate(&["id.example"], 2020, 2040);
    let server = Server::tls(config, |_| ok("keys")).await;
    assert_eq!(
        get(&server, "id.example", Some(&authority)).await.unwrap(),
        "keys"
    );
    assert!(server.seen()[0].contains(&format!("host: id.example:{}\r\n", server.port())));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("ours");
    let config = authority.certificate(&["other.example", "*.id.example"], 2020, 2040);
    let server = Server::tls(config, |_| ok("keys")).await;
    let cause = refused(get(&server, "id.example", Some(&authority)).await);
    assert!(
        matches!(cause, CertificateError::NotValidForNameContext { .. }),
        "{cause:?}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_that_has_ended_or_not_begun_is_refused() {
    let authority = Authority::new("ours");
    for (from, to, ended) in [(2020, 2025, true), (2030, 2040, false)] {
        let config = authority.certificate(&["id.example"], from, to);
        let server = Server::tls(config, |_| ok("keys")).await;
        let cause = refused(get(&server, "id.example", Some(&authority)).await);
        let fits = match cause {
            CertificateError::ExpiredContext { .. } => ended,
            CertificateError::NotValidYetContext { .. } => !ended,
            _ => false,
        };
        assert!(fits, "{cause:?}");
    }
}

#[tokio::test]
async fn a_certificate_nobody_we_believe_vouches_for_is_refused() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let config = theirs.certificate(&["id.example"], 2020, 2040);
    let server = Server::tls(config, |_| ok("keys")).await;
    for authority in [None, Some(&ours)] {
        let cause = refused(get(&server, "id.example", authority).await);
        assert_eq!(cause, CertificateError::UnknownIssuer);
    }
    // One that only has the name of ours.
    let forged = Authority::new("ours").certificate(&["id.example"], 2020, 2040);
    let server = Server::tls(forged, |_| ok("keys")).await;
    let cause = refused(get(&server, "id.example", Some(&ours)).await);
    assert_eq!(cause, CertificateError::BadSignature);
    let server = Server::tls(self_signed(&["id.example"]), |_| ok("keys")).await;
    let cause = refused(get(&server, "id.example", Some(&ours)).await);
    assert_eq!(cause, CertificateError::UnknownIssuer);
}

#[tokio::test]
async fn an_address_needs_a_certificate_for_that_address() {
    let authority = Authority::new("ours");
    let named = authority.certificate(&["id.example"], 2020, 2040);
    let server = Server::tls(named, |_| ok("keys")).await;
    let cause = refused(get_literal(&server, &authority).await);
    assert!(
        matches!(cause, CertificateError::NotValidForNameContext { .. }),
        "{cause:?}"
    );
    let addressed = authority.certificate(&["127.0.0.1"], 2020, 2040);
    let server = Server::tls(addressed, |_| ok("keys")).await;
    assert_eq!(get_literal(&server, &authority).await.unwrap(), "keys");
}

async fn get_literal(server: &Server, authority: &Authority) -> Result<String, Fault> {
    let mut setup = Setup::of(&[]);
    setup.exceptions = vec![crate::server::opens("127.0.0.1", server)];
    setup.roots = Some(authority.roots.clone());
    let url = format!("https://127.0.0.1:{}/", server.port());
    let response = setup.client().send(Request::get(target(&url))).await?;
    Ok(String::from_utf8(response.into_body()).unwrap())
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_no_answer() {
    let server = Server::plain(|_| ok("keys")).await;
    // What it reads is no request, so it waits; the client must not.
    let mut setup = Setup::of(&[("id.example", &server)]);
    setup.limits.total = std::time::Duration::from_millis(300);
    let url = format!("https://id.example:{}/", server.port());
    let fault = setup
        .client()
        .send(Request::get(target(&url)))
        .await
        .unwrap_err();
    assert!(
        matches!(fault, Fault::TimedOut | Fault::Handshake(_)),
        "{fault}"
    );
}

#[tokio::test]
async fn a_redirect_never_leaves_tls() {
    let plain = Server::plain(|_| ok("plain")).await;
    let authority = Authority::new("ours");
    let port = plain.port();
    let config = authority.certificate(&["id.example"], 2020, 2040);
    let server = Server::tls(config, move |_| {
        redirect(302, &format!("http://id.example:{port}/"))
    })
    .await;
    let mut setup = Setup::of(&[("id.example", &server)]);
    setup
        .exceptions
        .push(crate::server::opens("id.example", &plain));
    setup.roots = Some(authority.roots.clone());
    let url = format!("https://id.example:{}/", server.port());
    let fault = setup
        .client()
        .send(Request::get(target(&url)))
        .await
        .unwrap_err();
    assert!(matches!(fault, Fault::Downgrade), "{fault}");
    assert!(plain.seen().is_empty());
    // The twin: the same server over plain HTTP is reached when it is asked for.
    let url = format!("http://id.example:{port}/");
    assert_eq!(
        setup
            .client()
            .send(Request::get(target(&url)))
            .await
            .unwrap()
            .body(),
        b"plain"
    );
}
