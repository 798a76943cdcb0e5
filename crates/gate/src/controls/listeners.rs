//! Where the gate listens and what is spoken there, as a control.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use crate::stages::redirect::REDIRECT;

/// `[[listen]]`: TLS, and the way to it. No sentence of the catalogue speaks of it yet.
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
        about: "Certificate and chain in PEM form, leaf first; read again at a reload.",
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
        path: "[[listen]] tls.minimum",
        takes: "\"1.2\" or \"1.3\"",
        default: "\"1.2\"",
        about: "The oldest version of TLS that is spoken.",
    },
    Key {
        path: "[[listen]] redirect",
        takes: "true or false",
        default: "false",
        about: "Whether the listener, which then speaks no TLS, only sends people to HTTPS: what reads with 308, everything else is refused with 403.",
    },
];

impl Control for Listeners {
    fn card(&self) -> &'static Card {
        &Card {
            id: REDIRECT,
            title: "TLS, and nothing without it",
            summary: "Listeners speak TLS 1.2 and 1.3, or 1.3 alone. One without TLS can do nothing but \
                      send people there: what it is asked reaches no app.",
            promises: &[],
            keys: KEYS,
        }
    }

    fn fit(&self, _configuration: &Value, _asked: &Asked) -> Fit {
        Fit::Fits
    }

    /// No sentence asks for it, so nothing is weakened.
    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Configured("nothing: no promise speaks of listeners".to_owned())
    }
}
