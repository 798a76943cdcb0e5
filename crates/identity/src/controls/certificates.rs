//! Certificates of clients, as a control.

use control::{Asked, Card, Control, Fit, Mend, Weakening, card::Key};
use serde_json::Value;

use crate::refusal::CERTIFICATE;

/// `[[certificate]]`: whom certificates stand for.
#[derive(Clone, Copy, Debug)]
pub struct Certificates;

const KEYS: &[Key] = &[
    Key {
        path: "[[certificate]] name",
        takes: "1 to 14 lower-case letters, digits and -",
        default: "required",
        about: "Who it is for the ledger, for limits and for the app, whose assertions say certificate:NAME.",
    },
    Key {
        path: "[[certificate]] uri",
        takes: "URI, or a list",
        default: "none",
        about: "A URI that the certificate is for, such as a SPIFFE id. One of uri, dns, email and sha256 is needed.",
    },
    Key {
        path: "[[certificate]] dns",
        takes: "name, or a list",
        default: "none",
        about: "A DNS name that the certificate is for.",
    },
    Key {
        path: "[[certificate]] email",
        takes: "mail address, or a list",
        default: "none",
        about: "A mail address that the certificate is for.",
    },
    Key {
        path: "[[certificate]] sha256",
        takes: "64 hexadecimal digits, or a list",
        default: "none",
        about: "The fingerprint of one certificate. It must still come from an authority of the listener.",
    },
    Key {
        path: "[[certificate]] roles",
        takes: "list of roles",
        default: "[]",
        about: "Its roles.",
    },
    Key {
        path: "[[certificate]] scopes",
        takes: "list of scopes",
        default: "none",
        about: "Methods and paths it may use, as those of keys; without it, whatever routes and roles allow.",
    },
    Key {
        path: "[[certificate]] tenant",
        takes: "tenant",
        default: "\"default\"",
        about: "Its tenant.",
    },
];

impl Control for Certificates {
    fn card(&self) -> &'static Card {
        &Card {
            id: CERTIFICATE,
            title: "Programs with a certificate",
            summary: "A listener may ask for certificates of named authorities. Who asks is the entry \
                      that names the certificate of the connection, never what a field says.",
            promises: &["transport.clients"],
            keys: KEYS,
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        let listeners = configuration.get("listen").and_then(Value::as_array);
        let mut listeners = listeners.into_iter().flatten();
        let asks = listeners.any(|listen| listen.pointer("/tls/clients/roots").is_some());
        let named = configuration.get("certificate").is_some();
        if asks && named {
            return Fit::Fits;
        }
        Fit::Falls(Mend {
            wrong: "no listener asks for certificates, or nobody is known by one".to_owned(),
            write: "[[listen]]\ntls = { clients = { roots = \"ca.pem\" } }\n\n\
                    [[certificate]]\nname = \"billing\"\ndns = \"billing.internal\"\n"
                .to_owned(),
        })
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        // It is shown by tests of the build and never attacked.
        if let Some(root) = configuration.as_object_mut() {
            root.shift_remove("certificate");
        }
        Weakening::Configured("nobody is known by a certificate".to_owned())
    }
}
