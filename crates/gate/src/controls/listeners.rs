//! Where the gate listens and what is spoken there, as a control.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::falls;
use crate::stages::redirect::REDIRECT;

/// `[[listen]]`: TLS, and the way to it.
#[derive(Clone, Copy, Debug)]
pub struct Listeners;

const KEYS: &[Key] = &[
    Key {
        path: "[[listen]] address",
        takes: "address and port",
        default: "required",
        about: "Where to listen; port 0 asks the system for one.",
    },
    Key {
        path: "[[listen]] tls.certificate",
        takes: "file",
        default: "none",
        about: "Certificate and chain in PEM form, leaf first; read again when it changes.",
    },
    Key {
        path: "[[listen]] tls.key",
        takes: "reference",
        default: "none",
        about: "Its private key in PEM form.",
    },
    Key {
        path: "[[listen]] tls.self_signed",
        takes: "true or false",
        default: "false",
        about: "Whether the gate makes a certificate itself instead, in the data folder, for machines that only you look at.",
    },
    Key {
        path: "[[listen]] tls.certificates",
        takes: "list of { certificate, key }",
        default: "none",
        about: "Several of them. Each name is shown its own, whoever names nobody the first, and for other names the handshake is refused.",
    },
    Key {
        path: "[[listen]] tls.acme.terms_agreed",
        takes: "true",
        default: "required",
        about: "That you agree to the terms of the authority that certificates are ordered from.",
    },
    Key {
        path: "[[listen]] tls.acme.directory",
        takes: "https URL",
        default: "Let's Encrypt",
        about: "Where the authority begins (ACME, RFC 8555).",
    },
    Key {
        path: "[[listen]] tls.acme.names",
        takes: "list of names",
        default: "public_url and hosts",
        about: "Names that the certificate is for.",
    },
    Key {
        path: "[[listen]] tls.acme.email",
        takes: "mail address",
        default: "none",
        about: "Where the authority writes to.",
    },
    Key {
        path: "[[listen]] tls.acme.challenge",
        takes: "\"http-01\" or \"tls-alpn-01\"",
        default: "\"http-01\"",
        about: "How the authority sees that names are ours: by a file on port 80, or by a handshake on port 443.",
    },
    Key {
        path: "[[listen]] tls.acme.roots",
        takes: "file",
        default: "public roots",
        about: "Roots of an authority of your own, PEM.",
    },
    Key {
        path: "[[listen]] tls.clients.roots",
        takes: "file",
        default: "none",
        about: "Authorities whose certificates clients may show, PEM.",
    },
    Key {
        path: "[[listen]] tls.clients.required",
        takes: "true or false",
        default: "false",
        about: "Whether a connection without a certificate is refused.",
    },
    Key {
        path: "[[listen]] tls.clients.revoked",
        takes: "file",
        default: "none",
        about: "What these authorities have revoked, lists in PEM form. One that has ended refuses everybody.",
    },
    Key {
        path: "[[listen]] tls.minimum",
        takes: "\"1.2\" or \"1.3\"",
        default: "\"1.2\"",
        about: "The oldest version of TLS that is spoken.",
    },
    Key {
        path: "[[listen]] tls.http2",
        takes: "true or false",
        default: "true",
        about: "Whether HTTP/2 is offered beside HTTP/1.1.",
    },
    Key {
        path: "[[listen]] redirect",
        takes: "true or false",
        default: "false",
        about: "Whether the listener, which then speaks no TLS, only sends people to HTTPS: what reads with 308, everything else is refused with 403.",
    },
];

fn redirects(listen: &Value) -> bool {
    listen.get("redirect").and_then(Value::as_bool) == Some(true)
}

fn offers_http2(listen: &Value) -> bool {
    let tls = listen.get("tls");
    tls.is_some_and(|tls| tls.get("http2").and_then(Value::as_bool) != Some(false))
}

fn address(listen: &Value) -> &str {
    let address = listen.get("address").and_then(Value::as_str);
    address.unwrap_or("a listener")
}

fn no_tls() -> Fit {
    falls(
        "no listener speaks TLS",
        "[[listen]]\ntls = { self_signed = true }\n",
    )
}

impl Control for Listeners {
    fn card(&self) -> &'static Card {
        &Card {
            id: REDIRECT,
            title: "TLS, and nothing without it",
            summary: "Listeners speak TLS 1.2 and 1.3, or 1.3 alone. One without TLS can do nothing but \
                      send people there: what it is asked reaches no app.",
            promises: &[
                "transport.https",
                "transport.tls12",
                "transport.tls13",
                "transport.http2",
                "transport.redirect",
            ],
            keys: KEYS,
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let all = || {
            configuration
                .get("listen")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let secure = |listen: &&Value| listen.get("tls").is_some();
        match asked.promise.as_str() {
            "transport.https" => match all().find(|it| !secure(it) && !redirects(it)) {
                Some(listen) => falls(
                    format!("{} serves without TLS", address(listen)),
                    "[[listen]]\nredirect = true\n",
                ),
                None if !all().any(|it| secure(&it)) => no_tls(),
                None => Fit::Fits,
            },
            "transport.redirect" if !all().any(redirects) => falls(
                "no listener sends anybody to HTTPS",
                "[[listen]]\naddress = \"0.0.0.0:80\"\nredirect = true\n",
            ),
            "transport.redirect" => Fit::Fits,
            _ if !all().any(|it| secure(&it)) => no_tls(),
            "transport.http2" if !all().any(offers_http2) => falls(
                "no listener offers HTTP/2",
                "[[listen]]\ntls = { self_signed = true, http2 = true }\n",
            ),
            "transport.tls13" => {
                let newest = |listen: &Value| {
                    let minimum = listen.pointer("/tls/minimum");
                    minimum.and_then(Value::as_str) == Some("1.3")
                };
                match all().filter(secure).find(|it| !newest(it)) {
                    Some(listen) => falls(
                        format!("{} speaks TLS 1.2 as well", address(listen)),
                        "[[listen]]\ntls = { minimum = \"1.3\" }\n",
                    ),
                    None => Fit::Fits,
                }
            }
            _ => Fit::Fits,
        }
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let listeners = configuration
            .get_mut("listen")
            .and_then(Value::as_array_mut);
        let Some(listeners) = listeners else {
            return Weakening::Configured("there is no listener to weaken".to_owned());
        };
        match asked.promise.as_str() {
            "transport.https" => {
                listeners.push(json!({ "address": "127.0.0.1:0" }));
                Weakening::Configured("another listener serves without TLS".to_owned())
            }
            "transport.redirect" => {
                for listen in listeners.iter_mut().filter_map(Value::as_object_mut) {
                    if listen.contains_key("redirect") {
                        listen.insert("redirect".to_owned(), false.into());
                    }
                }
                Weakening::Configured("no listener sends people to HTTPS".to_owned())
            }
            "transport.tls13" => {
                let tables = listeners.iter_mut().filter_map(|it| it.get_mut("tls"));
                for tls in tables.filter_map(Value::as_object_mut) {
                    tls.insert("minimum".to_owned(), "1.2".into());
                }
                Weakening::Configured("TLS 1.2 is spoken as well".to_owned())
            }
            "transport.http2" => {
                let tables = listeners.iter_mut().filter_map(|it| it.get_mut("tls"));
                for tls in tables.filter_map(Value::as_object_mut) {
                    tls.insert("http2".to_owned(), false.into());
                }
                Weakening::Configured("HTTP/2 is not offered".to_owned())
            }
            _ => Weakening::Sham("tls-old"),
        }
    }
}
