//! Tables that people open in a spreadsheet, as a control.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use super::{falls, path_of, routes, routes_mut};
use crate::stages::output::EXPORTS;

/// `export.formulas`: cells that a spreadsheet would run are made text.
#[derive(Clone, Copy, Debug)]
pub struct Exports;

impl Control for Exports {
    fn card(&self) -> &'static Card {
        &Card {
            id: EXPORTS,
            title: "Tables without formulas",
            summary: "Cells of a table that begin as a formula does are put in quotes behind an apostrophe while the table streams, so that a spreadsheet shows them and runs nothing; numbers stay numbers. A table that is compressed, cut or in UTF-16 is not passed on, because no cell can be told in it.",
            promises: &["export.formulas"],
            keys: &[Key {
                path: "[[route]] csv",
                takes: "\"neutralise\" or \"always\"",
                default: "-",
                about: "Makes formulas text in answers that say they are tables, by their type or the name they are saved under; or in all that succeed.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let on = asked.value("on").unwrap_or_default();
        let route = routes(configuration).find(|route| path_of(route) == on);
        match route.and_then(|route| route.get("csv")) {
            Some(_) => Fit::Fits,
            None => falls(
                format!("tables from {on} pass as they are"),
                "csv = \"neutralise\"",
            ),
        }
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let on = asked.value("on").unwrap_or_default().to_owned();
        for route in routes_mut(configuration) {
            if route.get("path").and_then(Value::as_str) == Some(on.as_str()) {
                route.remove("csv");
            }
        }
        Weakening::Configured(format!("tables from {on} pass as they are"))
    }
}
