//! What uploads routes take, as a control.
//!
//! Owns whether the rules of a route keep a sentence, and what is taken away for a self-test.

use config::quantity;
use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Map, Value, json};

use super::{falls, path_of, routes, routes_mut, texts};

/// What stands in an uploaded file is judged before the app sees a byte of it.
#[derive(Clone, Copy, Debug)]
pub struct Uploads;

const fn key(
    path: &'static str,
    takes: &'static str,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key {
        path,
        takes,
        default,
        about,
    }
}

const KEYS: &[Key] = &[
    key(
        "[uploads] quota",
        "a size",
        "2GiB",
        "What all uploads together may take on disk while they are judged; a full one is 507.",
    ),
    key(
        "[[route]] uploads.file",
        "a size",
        "-",
        "Most bytes of one file. The whole body follows from it, unless the route has `body`.",
    ),
    key(
        "[[route]] uploads.files",
        "a number",
        "1",
        "Files in one upload.",
    ),
    key(
        "[[route]] uploads.file_fields",
        "a list of names",
        "any",
        "Form fields that carry files.",
    ),
    key(
        "[[route]] uploads.fields",
        "a table of numbers",
        "{}",
        "Form fields that are no files, each with the most bytes of it; others are refused.",
    ),
    key(
        "[[route]] uploads.required",
        "a list of names",
        "[]",
        "Those of them that must be there.",
    ),
    key(
        "[[route]] uploads.bare",
        "true or false",
        "true",
        "Whether a body may be the file itself instead of a form.",
    ),
    key(
        "[[route]] uploads.csv.rows",
        "a number",
        "100000",
        "Most rows of a table, its header not counted.",
    ),
    key(
        "[[route]] uploads.csv.fewest_rows",
        "a number",
        "1",
        "Fewest rows of a table.",
    ),
    key(
        "[[route]] uploads.csv.columns",
        "a number",
        "256",
        "Most columns of a table.",
    ),
    key(
        "[[route]] uploads.csv.cell",
        "a number",
        "4096",
        "Most bytes of one cell.",
    ),
    key(
        "[[route]] uploads.csv.delimiters",
        "a list of characters",
        "[\",\", \";\", \"\\t\"]",
        "What may stand between cells: one of them throughout a file.",
    ),
    key(
        "[[route]] uploads.csv.layouts",
        "a list of tables",
        "any header",
        "Known headers: each with `name`, `columns`, `optional` ones, and whether they are `ordered`.",
    ),
    key(
        "[[route]] uploads.audio.kinds",
        "a list of kinds",
        "all",
        "Of wav, mp3, flac, m4a and ogg.",
    ),
    key(
        "[[route]] uploads.audio.lowest_rate",
        "a number",
        "8000",
        "Fewest samples a second.",
    ),
    key(
        "[[route]] uploads.audio.highest_rate",
        "a number",
        "48000",
        "Most samples a second.",
    ),
    key(
        "[[route]] uploads.audio.channels",
        "a number",
        "2",
        "Most channels.",
    ),
    key(
        "[[route]] uploads.audio.shortest",
        "a duration",
        "0s",
        "How long it lasts at least.",
    ),
    key(
        "[[route]] uploads.audio.longest",
        "a duration",
        "24h",
        "How long it lasts at most.",
    ),
    key(
        "[[route]] uploads.image.kinds",
        "a list of kinds",
        "all",
        "Of png, jpeg, gif and webp.",
    ),
    key(
        "[[route]] uploads.image.side",
        "a number",
        "10000",
        "Most pixels of a side.",
    ),
    key(
        "[[route]] uploads.image.pixels",
        "a number",
        "50000000",
        "Most pixels in all.",
    ),
    key(
        "[[route]] uploads.pdf",
        "true or false",
        "false",
        "Whether PDF documents are taken, if nothing in them acts by itself.",
    ),
];

const MEND: &str = "uploads = { file = \"10MiB\", csv = { rows = 50000 } }";

impl Control for Uploads {
    fn card(&self) -> &'static Card {
        &Card {
            id: crate::stages::upload::UPLOAD,
            title: "What stands in an uploaded file",
            summary: "A route that takes uploads takes nothing else. Each file is judged while it comes: its size, its name, its kind by its content, the columns and rows of a table, the rate of sound, what acts in a document. It waits sealed and without a name on disk until all of it was judged; of one that is refused nothing reaches the app and nothing is left.",
            promises: &[
                "upload.size",
                "upload.type",
                "upload.names",
                "upload.rows",
                "upload.schema",
                "upload.audio",
                "upload.friendly",
            ],
            keys: KEYS,
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let on = asked.value("on").unwrap_or_default();
        let uploads = routes(configuration)
            .find(|route| path_of(route) == on)
            .and_then(|route| route.get("uploads"));
        let Some(uploads) = uploads else {
            return falls(format!("{on} takes no uploads"), MEND);
        };
        let wrong = match asked.promise.as_str() {
            "upload.size" => size(uploads, asked),
            "upload.type" => other_kinds(uploads, asked),
            "upload.rows" => rows(uploads, asked),
            "upload.schema" => {
                let layouts = uploads.pointer("/csv/layouts").and_then(Value::as_array);
                let known = layouts.is_some_and(|layouts| !layouts.is_empty());
                (!known).then(|| format!("tables on {on} may have any columns"))
            }
            "upload.audio" => rates(uploads, asked),
            _ => None,
        };
        wrong.map_or(Fit::Fits, |wrong| falls(wrong, MEND))
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let promise = asked.promise.as_str();
        match promise {
            "upload.names" => return Weakening::Sham("upload-named"),
            "upload.friendly" => return Weakening::Sham("upload-traced"),
            _ => {}
        }
        let on = asked.value("on").unwrap_or_default().to_owned();
        let at = |route: &Map<String, Value>| {
            route.get("path").and_then(Value::as_str) == Some(on.as_str())
        };
        for route in routes_mut(configuration).filter(|route| at(route)) {
            if promise == "upload.size" {
                route.remove("body");
            }
            if let Some(uploads) = route.get_mut("uploads").and_then(Value::as_object_mut) {
                widen(uploads, promise);
            }
        }
        Weakening::Configured(match promise {
            "upload.size" => format!("files on {on} may be four times as long"),
            "upload.type" => format!("{on} takes every kind of file"),
            "upload.rows" => format!("tables on {on} may have twice as many rows"),
            "upload.schema" => format!("tables on {on} have any columns"),
            _ => format!("sound on {on} has any rate"),
        })
    }
}

fn number(uploads: &Value, pointer: &str, otherwise: u64) -> u64 {
    let found = uploads.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or(otherwise)
}

/// A size as it stands in a configuration: a number of bytes, or a text.
fn bytes(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::String(text) => quantity::size(text),
        value => value.as_u64(),
    }
}

fn size(uploads: &Value, asked: &Asked) -> Option<String> {
    let most = asked.value("file").and_then(quantity::size);
    let file = bytes(uploads.get("file"));
    let keeps = file.is_some_and(|file| most.is_some_and(|most| file <= most));
    (!keeps).then(|| "files may be longer than that".to_owned())
}

fn rows(uploads: &Value, asked: &Asked) -> Option<String> {
    let most = asked.value("rows").and_then(|text| text.parse().ok());
    let rows = number(uploads, "/csv/rows", 100_000);
    if uploads.get("csv").is_none() {
        return Some("no tables are taken".to_owned());
    }
    (rows > most.unwrap_or(0)).then(|| format!("tables may have {rows} rows"))
}

fn rates(uploads: &Value, asked: &Asked) -> Option<String> {
    let promised = |key| asked.value(key).and_then(|text| text.parse::<u64>().ok());
    if uploads.get("audio").is_none() {
        return Some("no sound is taken".to_owned());
    }
    let lowest = number(uploads, "/audio/lowest_rate", 8000);
    let highest = number(uploads, "/audio/highest_rate", 48_000);
    let keeps = promised("lowest").is_some_and(|it| lowest >= it)
        && promised("highest").is_some_and(|it| highest <= it);
    (!keeps).then(|| format!("sound may have {lowest} to {highest} samples a second"))
}

/// A kind that is taken and was not promised.
fn other_kinds(uploads: &Value, asked: &Asked) -> Option<String> {
    let promised: Vec<&str> = asked
        .value("kinds")
        .unwrap_or_default()
        .split(',')
        .collect();
    let promised = |kind: &str| promised.iter().any(|it| it.trim() == kind);
    let of = |section: &str, all: &[&'static str]| -> Vec<String> {
        match uploads.get(section) {
            None => Vec::new(),
            Some(rules) if rules.get("kinds").is_some() => texts(rules.get("kinds"))
                .into_iter()
                .map(str::to_owned)
                .collect(),
            Some(_) => all.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    };
    let mut taken = of("csv", &["csv"]);
    taken.extend(of("audio", &["wav", "mp3", "flac", "m4a", "ogg"]));
    taken.extend(of("image", &["png", "jpeg", "gif", "webp"]));
    if uploads.get("pdf").and_then(Value::as_bool) == Some(true) {
        taken.push("pdf".to_owned());
    }
    let other = taken.into_iter().find(|kind| !promised(kind))?;
    Some(format!("{other} is taken as well"))
}

fn widen(uploads: &mut Map<String, Value>, promise: &str) {
    let section = |uploads: &mut Map<String, Value>, name: &str, key: &str, value: Value| {
        if let Some(rules) = uploads.get_mut(name).and_then(Value::as_object_mut) {
            rules.insert(key.to_owned(), value);
        }
    };
    match promise {
        "upload.size" => {
            let file = bytes(uploads.get("file")).unwrap_or(1);
            uploads.insert(
                "file".to_owned(),
                json!(format!("{}B", file.saturating_mul(4))),
            );
        }
        "upload.type" => {
            for kind in ["csv", "audio", "image"] {
                uploads.entry(kind).or_insert_with(|| json!({}));
            }
            uploads.insert("pdf".to_owned(), json!(true));
        }
        "upload.rows" => {
            let tables = Value::Object(uploads.clone());
            let rows = number(&tables, "/csv/rows", 100_000);
            section(uploads, "csv", "rows", json!(rows.saturating_mul(2)));
        }
        "upload.schema" => section(uploads, "csv", "layouts", json!([])),
        _ => {
            section(uploads, "audio", "lowest_rate", json!(1));
            section(uploads, "audio", "highest_rate", json!(768_000));
        }
    }
}
