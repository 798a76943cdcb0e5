//! The control that ids of requests stand under.

use control::{Asked, Card, Control, ControlId, Fit, Weakening};
use serde_json::Value;

use super::{falls, path_of, routes, texts};

/// `correlation.no-authority`: ids name requests and open none.
#[derive(Clone, Copy, Debug)]
pub struct RequestIds;

impl Control for RequestIds {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.request-id"),
            title: "Ids name, and open nothing",
            summary: "Every request gets an id of the gate's own drawing, which the client and the app are \
                      told. What a client sends as one is dropped, and is looked at by no check.",
            promises: &["correlation.no-authority"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let wanted = asked.value("route").unwrap_or_default();
        let route = routes(configuration).find(|route| path_of(route) == wanted);
        let auth = route
            .map(|route| texts(route.get("auth")))
            .unwrap_or_default();
        if auth.iter().any(|way| ["api-key", "session"].contains(way)) {
            return Fit::Fits;
        }
        falls(
            format!("the route {wanted} takes neither a key nor a session"),
            format!("[[route]]\npath = \"{wanted}\"\nauth = [\"api-key\"]\n"),
        )
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("id-trusted")
    }
}
