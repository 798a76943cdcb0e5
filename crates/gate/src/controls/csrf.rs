//! Requests that another site makes a browser send, as a control.
//!
//! Owns what a configuration must say for the sentence to mean anything: somebody logs in.

use control::{Asked, Card, Control, Fit, Weakening};
use serde_json::Value;

use super::{falls, routes, texts};
use crate::stages::session;

/// `csrf.refused`: a session counts from our own pages alone.
#[derive(Clone, Copy, Debug)]
pub struct SameSite;

impl Control for SameSite {
    fn card(&self) -> &'static Card {
        &Card {
            id: session::CSRF,
            title: "Requests of other sites",
            summary: "What may change something, and every WebSocket, counts with a session only where the browser says that a page of this site sent it, by Sec-Fetch-Site or Origin. No app needs a token of its own for that.",
            promises: &["csrf.refused"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        let takes_sessions = |route: &Value| texts(route.get("auth")).contains(&"session");
        if routes(configuration).any(takes_sessions) {
            return Fit::Fits;
        }
        falls(
            "no route takes sessions, so no browser sends one",
            "[[route]]\npath = \"/\"\nauth = [\"session\"]\n",
        )
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("csrf-ignored")
    }
}
