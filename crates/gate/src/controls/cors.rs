//! Pages of other sites, as a control.
//!
//! Owns whether the file names no more origins than the sentence does.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use super::{falls, path_of, routes, texts};
use crate::stages::cors::CORS;

/// `cors.named`: answers are read by pages of named origins alone.
#[derive(Clone, Copy, Debug)]
pub struct NamedOrigins;

impl Control for NamedOrigins {
    fn card(&self) -> &'static Card {
        &Card {
            id: CORS,
            title: "Pages of other sites",
            summary: "A page of another site reads an answer only where the route names its origin, letter by letter. Preflights are answered here, for methods that the route lists. What an app says of origins is taken out, because many repeat any that they are sent; credentials that a browser adds by itself are never allowed.",
            promises: &["cors.named"],
            keys: &[
                Key {
                    path: "[[route]] cors.origins",
                    takes: "a list of origins",
                    default: "-",
                    about: "Whose pages may read the answers of this route.",
                },
                Key {
                    path: "[[route]] cors.headers",
                    takes: "a list of field names",
                    default: "[]",
                    about: "What they may send besides Authorization, X-API-Key and Content-Type.",
                },
                Key {
                    path: "[[route]] cors.max_age",
                    takes: "a duration",
                    default: "10m",
                    about: "How long a browser believes the answer to a preflight.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let Some(named) = asked.value("origins") else {
            return Fit::Fits;
        };
        let named: Vec<&str> = named.split(',').map(str::trim).collect();
        for route in routes(configuration) {
            let origins = texts(route.pointer("/cors/origins"));
            if let Some(origin) = origins.iter().find(|origin| !named.contains(origin)) {
                return falls(
                    format!(
                        "{} lets in {origin}, which the sentence does not name",
                        path_of(route)
                    ),
                    format!("cors = {{ origins = [\"{}\"] }}", named.join("\", \"")),
                );
            }
        }
        Fit::Fits
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("origin-repeated")
    }
}
