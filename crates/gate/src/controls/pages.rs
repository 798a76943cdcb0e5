//! What pages run, and what is never a page, as controls.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{
    falls,
    headers::{everywhere, everywhere_off},
    path_of, routes, routes_mut,
};

/// `page.scripts`: a page runs what its own origin serves.
#[derive(Clone, Copy, Debug)]
pub struct PageScripts;

/// `download.inert`: what people put there is stored and never shown.
#[derive(Clone, Copy, Debug)]
pub struct Downloads;

const STRICT: &str = "\"same-origin\"";

impl Control for PageScripts {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("headers.scripts"),
            title: "Scripts of this origin alone",
            summary: "Every answer says that a page runs scripts its own origin serves as files, and none that stand in it: what somebody wrote into a page stays text. Where an app says as much itself, with nonces for example, its own word stands; a softer one gets ours beside it.",
            promises: &["page.scripts"],
            keys: &[Key {
                path: "[headers] scripts",
                takes: "\"same-origin\" or \"off\"",
                default: "\"off\"; `init` writes \"same-origin\"",
                about: "Where the scripts of a page may come from. An app with scripts in its pages needs \"off\", or a policy of its own with nonces.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, _: &Asked) -> Fit {
        let scripts = configuration.pointer("/headers/scripts");
        if scripts.is_none() {
            return falls(
                "nothing says where the scripts of a page may come from",
                format!("[headers]\nscripts = {STRICT}\n"),
            );
        }
        everywhere(configuration, "scripts", STRICT, |value| {
            value.as_str() == Some("same-origin")
        })
    }

    fn weaken(&self, configuration: &mut Value, _: &Asked) -> Weakening {
        everywhere_off(configuration, "scripts", &json!("off"))
    }
}

impl Control for Downloads {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("answer.download"),
            title: "Stored, never shown",
            summary: "What an app hands out on a route is stored by whoever asks for it, under a name the app may choose, and runs nothing where a browser shows it all the same: a page that somebody uploaded is a file like any other.",
            promises: &["download.inert"],
            keys: &[Key {
                path: "[[route]] download",
                takes: "true or false",
                default: "false",
                about: "Whether answers that succeed are attachments, whatever the app says of them, and run nothing.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let on = asked.value("on").unwrap_or_default();
        let route = routes(configuration).find(|route| path_of(route) == on);
        let download = route.and_then(|route| route.get("download"));
        if download == Some(&json!(true)) {
            return Fit::Fits;
        }
        falls(
            format!("a browser shows what {on} hands out as a page"),
            format!("[[route]]\npath = \"{on}\"\ndownload = true\n"),
        )
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let on = asked.value("on").unwrap_or_default();
        for route in routes_mut(configuration) {
            if route.get("path").and_then(Value::as_str) == Some(on) {
                route.remove("download");
            }
        }
        Weakening::Configured(format!("what {on} hands out is shown"))
    }
}
