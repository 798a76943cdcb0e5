use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc};

use control::Verdict;
use rustls::{
    ServerConfig, ServerConnection, SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;

use super::*;
use crate::target::double::Double;

const HELLO: &[u8] = &[22, 3, 3, 0, 4, 2, 0, 0, 0];
const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 70];

fn asked(promise: &str, values: &[(&str, &str)]) -> Asked {
    let values = values
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Asked {
        promise: promise.to_owned(),
        values: values.collect(),
        line: 1,
        sentence: String::new(),
    }
}

/// What a real server of these versions says to an offer.
fn real(versions: &[&'static SupportedProtocolVersion], offer: &Offer) -> Said {
    let made = rcgen::generate_simple_self_signed(vec!["coach.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_protocol_versions(versions)
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], key)
    .unwrap();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    server.read_tls(&mut &offer.bytes[..]).unwrap();
    let _ = server.process_new_packets();
    let mut written = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut written).unwrap();
    }
    Said::read(&written)
}

#[test]
fn a_real_server_agrees_on_what_it_speaks_and_refuses_everything_else() {
    let at = Double::new();
    let (both, newest): (&[&'static SupportedProtocolVersion], _) =
        (&[&TLS13, &TLS12], &[&TLS13][..]);
    let modern = Offer::modern(&at).unwrap();
    assert_eq!(real(both, &modern), Said::Hello);
    assert_eq!(real(newest, &modern), Said::Hello);
    let tls12 = Offer::tls12(&at).unwrap();
    assert_eq!(real(both, &tls12), Said::Hello);
    assert!(matches!(real(newest, &tls12), Said::Alert(_)));
    for offer in Offer::old(&at)
        .unwrap()
        .into_iter()
        .chain(Offer::weak(&at).unwrap())
    {
        assert!(
            matches!(real(both, &offer), Said::Alert(_)),
            "{}",
            offer.name
        );
    }
}

/// A target with these listeners, which answers offers as told.
fn speaking(listen: Value, hello: impl Fn(&[u8]) -> bool + 'static) -> Double {
    let mut at = Double::new();
    at.facts.configuration = json!({ "listen": listen });
    at.dialled = Box::new(move |_, bytes| if hello(bytes) { HELLO } else { ALERT }.to_vec());
    at
}

fn verdict(probe: &dyn Probe, asked: &Asked, at: &Double) -> Verdict {
    let mut sheet = Sheet::new();
    probe.run(asked, at, &mut sheet).unwrap();
    sheet.verdict()
}

#[test]
fn what_is_agreed_on_too_readily_breaks_the_promise() {
    let tls = json!([{ "tls": {} }]);
    let modern = |bytes: &[u8]| bytes.windows(2).any(|pair| pair == [0x13, 0x01]);
    let strong = |bytes: &[u8]| bytes.windows(2).any(|pair| pair == [0xc0, 0x2b]);
    let newest = asked("transport.tls13", &[]);
    let both = asked("transport.tls12", &[]);
    assert_eq!(
        verdict(&Newest, &newest, &speaking(tls.clone(), modern)),
        Verdict::Kept
    );
    assert_eq!(
        verdict(&Newest, &newest, &speaking(tls.clone(), strong)),
        Verdict::Broken
    );
    assert_eq!(
        verdict(&Modern, &both, &speaking(tls.clone(), strong)),
        Verdict::Kept
    );
    assert_eq!(
        verdict(&Modern, &both, &speaking(tls.clone(), |_| true)),
        Verdict::Broken
    );
    // Whoever refuses everything proves nothing.
    assert_eq!(
        verdict(&Modern, &both, &speaking(tls, |_| false)),
        Verdict::Error
    );
    let plain = speaking(json!([{}]), |_| true);
    assert_eq!(verdict(&Modern, &both, &plain), Verdict::Unproven);
}

#[test]
fn a_listener_that_sends_people_on_does_that_and_nothing_else() {
    let said = Rc::new(RefCell::new(Vec::new()));
    let at = |page: &'static str, change: &'static str| {
        let seen = Rc::clone(&said);
        let mut at = speaking(json!([{ "redirect": true }, { "tls": {} }]), |_| true);
        at.dialled = Box::new(move |number, bytes| {
            seen.borrow_mut().push(number);
            let answer = if bytes.starts_with(b"GET") {
                page
            } else {
                change
            };
            format!("HTTP/1.1 {answer}\r\n\r\n").into_bytes()
        });
        at
    };
    let asked = asked("transport.redirect", &[]);
    let good = "308 x\r\nLocation: https://coach.example/vsc";
    let kept = |page, change| verdict(&Redirect, &asked, &at(page, change));
    assert_eq!(kept(good, "403 x"), Verdict::Kept);
    assert_eq!(kept("200 x", "403 x"), Verdict::Broken);
    assert_eq!(
        kept("308 x\r\nLocation: https://other/vsc", "403 x"),
        Verdict::Broken
    );
    assert_eq!(kept(good, "200 x"), Verdict::Broken);
    assert_eq!(
        said.borrow().iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([&0])
    );
    // One that serves without TLS is asked as well.
    let mut serves = at("404 x", "404 x");
    serves.facts.configuration = json!({ "listen": [{ "tls": {} }, {}] });
    assert_eq!(verdict(&Redirect, &asked, &serves), Verdict::Broken);
    let none = speaking(json!([{ "tls": {} }]), |_| true);
    assert_eq!(verdict(&Redirect, &asked, &none), Verdict::Unproven);
}

#[test]
fn a_certificate_serves_its_name_for_as_long_as_was_promised() {
    let leaf = Leaf {
        names: ["coach.example".to_owned()].into(),
        emails: Default::default(),
        uris: Default::default(),
        begins: 100,
        ends: 1000,
    };
    let serves = |name, now, left| {
        let met = serves(Some(&leaf), name, now, Duration::from_secs(left));
        format!("{met:?}").contains("Kept")
            || met
                == Met::when(
                    true,
                    format!("good for {} more days", (1000 - now) / 86_400),
                )
    };
    assert!(serves("coach.example", 500, 500));
    assert!(!serves("coach.example", 500, 501));
    assert!(!serves("coach.example", 1001, 0));
    assert!(!serves("coach.example", 99, 0));
    assert!(!serves("other.example", 500, 0));
}

#[test]
fn plain_http_is_told_from_tls() {
    assert_eq!(
        status_of(b"HTTP/1.1 308 Permanent Redirect\r\n\r\n"),
        Some(308)
    );
    for none in [&b""[..], ALERT, b"HTTP/1.1 ", b"HTTP/2 200"] {
        assert_eq!(status_of(none), None);
    }
}
