//! What uploads a route takes.
//!
//! Owns `uploads` of `[[route]]`, and how much all of them may take on disk (`[uploads]`). Refuses
//! rules that can never be met or that contradict each other, and webhook routes: their bodies are
//! signed and held in memory. What is read here is what `upload` judges by.

use std::{sync::Arc, time::Duration};

use config::{Fault, Span as Place, Table};
use schema::media::MediaType;
use upload::{
    Form, Kind, Rules,
    intake::Field,
    rules::{Accepts, Audio, Column, Csv, CsvLimits, Hold, Image, Layout, Limits, RuleFault, Span},
};

/// Largest file that is taken.
const LARGEST_FILE: u64 = 1 << 40;

/// Most bytes of a form field that is no file.
const LARGEST_FIELD: u64 = 64 << 10;

/// What the frame of one part may take.
const FRAME: u64 = 8 << 10;

const HOUR: u64 = 60 * 60;

/// What all uploads together may take on disk: `[uploads]`.
pub(super) fn quota(root: &mut Table<'_>) -> u64 {
    let quota = root.table("uploads").size_in("quota", 1 << 20..=1 << 44);
    quota.map_or(2 << 30, |found| found.value)
}

/// What a route takes.
#[derive(Debug)]
pub struct Uploads {
    /// What each body may hold.
    pub form: Arc<Form>,
    /// Longest body in bytes.
    pub largest: u64,
    /// Types of bodies that are the file itself.
    bare: Vec<MediaType>,
}

impl Uploads {
    /// Whether a body of this type is an upload, where the route takes other bodies as well.
    #[must_use]
    pub fn names(&self, content_type: Option<&[u8]>) -> bool {
        let essence = content_type.and_then(|value| value.split(|byte| *byte == b';').next());
        let form = b"multipart/form-data";
        essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(form))
            || MediaType::parse(content_type)
                .is_ok_and(|sent| self.bare.iter().any(|named| named.covers(&sent)))
    }

    /// Reads `uploads` of a route, if it is there. `body` is the route's own limit of bodies with its
    /// place; `webhook` says that its bodies are signed.
    pub(super) fn read(
        route: &mut Table<'_>,
        body: Option<(u64, Place)>,
        webhook: bool,
    ) -> Option<Self> {
        let mut table = route.optional_table("uploads")?;
        let span = table.span();
        if webhook {
            let fault = Fault::new("uploads.webhook", "a webhook route takes no uploads")
                .at(span)
                .hint("give uploads a route of their own");
            table.fault(fault);
        }
        if !table.has("file") {
            let fault = Fault::new("uploads.file", "an upload needs a size")
                .at(span)
                .hint("add file = \"10MiB\": the most bytes of one file");
            table.fault(fault);
        }
        let file = table.size_in("file", 1..=LARGEST_FILE)?;
        let files = table.count_in("files", 1..=100).map_or(1, |it| it.value);
        let bare = table.flag("bare", true);
        let carriers = table.texts("file_fields").unwrap_or_default();
        let carriers = carriers.into_iter().map(|it| it.value.into()).collect();
        let fields = read_fields(&mut table);
        let limits = Limits {
            file: file.value,
            files: u32::try_from(files).unwrap_or(1),
            fields: 0,
            field: 0,
        };
        let rules = kinds(&mut table).and_then(|kinds| Rules::new(limits, Hold::Whole, kinds));
        let rules = match rules {
            Ok(rules) => rules,
            Err(fault) => {
                let fault = Fault::new("uploads.rules", fault.to_string())
                    .at(span)
                    .hint("write csv = {}, audio = {}, image = {} or pdf = true, with limits that can be met");
                table.fault(fault);
                return None;
            }
        };
        let frames = (files + fields.len() as u64 + 1).saturating_mul(FRAME);
        let texts: u64 = fields.iter().map(|field| field.longest).sum();
        let whole = file.value.saturating_mul(files);
        let largest = match body {
            None => whole.saturating_add(texts).saturating_add(frames),
            Some((largest, span)) => {
                if largest < file.value {
                    let what = "the body may be shorter than a file in it";
                    let fault = Fault::new("uploads.body", what)
                        .at(span)
                        .label("this limit")
                        .hint("leave body out, or make it larger than file");
                    table.fault(fault);
                }
                largest
            }
        };
        let types = rules.kinds().iter().flat_map(Kind::media_types);
        let bare_types = types.copied().filter_map(|name| MediaType::new(name).ok());
        Some(Self {
            bare: if bare {
                bare_types.collect()
            } else {
                Vec::new()
            },
            form: Arc::new(Form::new(rules, carriers, fields, bare)),
            largest,
        })
    }
}

/// The form fields that are no files: each name with the most bytes of it.
fn read_fields(table: &mut Table<'_>) -> Vec<Field> {
    let required = table.texts("required").unwrap_or_default();
    let mut lengths = table.table("fields");
    let mut fields = Vec::new();
    for name in lengths.keys() {
        if let Some(longest) = lengths.count_in(&name.value, 1..=LARGEST_FIELD) {
            fields.push(Field {
                required: required.iter().any(|it| it.value == name.value),
                name: name.value.into(),
                longest: longest.value,
            });
        }
    }
    for name in required {
        if !fields.iter().any(|field| *field.name == *name.value) {
            let fault = Fault::new("uploads.required", "this field has no length")
                .at(name.span)
                .hint("add it to fields, with the most bytes of it");
            table.fault(fault);
        }
    }
    fields
}

fn kinds(table: &mut Table<'_>) -> Result<Accepts, RuleFault> {
    let csv = table.optional_table("csv").map(|mut it| read_csv(&mut it));
    let audio = table
        .optional_table("audio")
        .map(|mut it| read_audio(&mut it));
    let image = table
        .optional_table("image")
        .map(|mut it| read_image(&mut it));
    Ok(Accepts {
        csv: csv.transpose()?,
        audio: audio.transpose()?,
        image: image.transpose()?,
        pdf: table.flag("pdf", false),
    })
}

fn count(table: &mut Table<'_>, key: &str, most: u64, otherwise: u64) -> u64 {
    let found = table.count_in(key, 0..=most);
    found.map_or(otherwise, |found| found.value)
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn read_csv(table: &mut Table<'_>) -> Result<Csv, RuleFault> {
    let fewest = count(table, "fewest_rows", 1 << 40, 1);
    let rows = count(table, "rows", 1 << 40, 100_000);
    let limits = CsvLimits {
        rows: Span::new("rows", fewest, rows)?,
        columns: narrow(count(table, "columns", 65_536, 256)),
        cell: narrow(count(table, "cell", 1 << 24, 4096)),
    };
    let delimiters = table.parse_each("delimiters", "a delimiter such as ;", |text| {
        match text.as_bytes() {
            [one] => Ok(*one),
            _ => Err("is not one character"),
        }
    });
    let delimiters: Vec<u8> = match delimiters {
        Some(found) => found.into_iter().map(|it| it.value).collect(),
        None => vec![b',', b';', b'\t'],
    };
    let layouts = table.tables("layouts").into_iter().map(|mut layout| {
        let name = layout.required_text("name");
        let mut columns = |key: &str, required| -> Vec<Column> {
            let names = layout.texts(key).unwrap_or_default().into_iter();
            let column = |name: config::Found<String>| Column {
                name: name.value,
                required,
            };
            names.map(column).collect()
        };
        let mut all = columns("columns", true);
        all.extend(columns("optional", false));
        let ordered = layout.flag("ordered", false);
        let name = name.map(|name| name.value).unwrap_or_default();
        Layout::new(&name, all, ordered)
    });
    let layouts: Result<Vec<Layout>, RuleFault> = layouts.collect();
    Csv::new(&delimiters, layouts?, limits)
}

fn of_names(table: &mut Table<'_>, fits: fn(Kind) -> bool) -> upload::Kinds {
    let known = |name: &str| Kind::from_id(name).ok_or("is not a kind of file");
    match table.parse_each("kinds", "a kind of file such as wav", known) {
        Some(named) => named.into_iter().map(|found| found.value).collect(),
        None => Kind::ALL.into_iter().filter(|kind| fits(*kind)).collect(),
    }
}

fn read_audio(table: &mut Table<'_>) -> Result<Audio, RuleFault> {
    let kinds = of_names(table, Kind::is_audio);
    let rate =
        |table: &mut Table<'_>, key, otherwise| narrow(count(table, key, 768_000, otherwise));
    let lowest = rate(table, "lowest_rate", 8000);
    let highest = rate(table, "highest_rate", 48_000);
    let channels = count(table, "channels", 64, 2);
    let most = Duration::from_secs(24 * HOUR);
    let mut time = |key, otherwise| {
        let found = table.duration_in(key, Duration::ZERO..=most);
        found.map_or(otherwise, |found| found.value)
    };
    let shortest = time("shortest", Duration::ZERO);
    let longest = time("longest", most);
    Audio::new(
        kinds,
        Span::new("rate", lowest, highest)?,
        u16::try_from(channels).unwrap_or(u16::MAX),
        Span::new("shortest", shortest, longest)?,
    )
}

fn read_image(table: &mut Table<'_>) -> Result<Image, RuleFault> {
    let kinds = of_names(table, Kind::is_image);
    let side = narrow(count(table, "side", 1 << 20, 10_000));
    Image::new(kinds, side, count(table, "pixels", 1 << 40, 50_000_000))
}

#[cfg(test)]
mod tests {
    use crate::testing::{OPEN, read, site, text};

    fn with(uploads: &str) -> String {
        OPEN.replacen("[[route]]", &format!("[[route]]\n{uploads}"), 1)
    }

    #[test]
    fn rules_are_read_and_the_whole_body_follows_from_them() {
        let uploads = "uploads = { file = \"1MiB\", files = 2, fields = { practice = 100 }, \
            required = [\"practice\"], csv = { rows = 5, layouts = [{ name = \"a\", \
            columns = [\"sku\"], optional = [\"note\"], ordered = true }] }, \
            audio = { kinds = [\"wav\"], lowest_rate = 8000 }, pdf = true }";
        let site = site(&with(uploads));
        let uploads = site.routes()[0].uploads.as_ref().unwrap();
        assert_eq!(uploads.largest, (2 << 20) + 100 + 4 * 8192);
        let rules = uploads.form.rules();
        assert_eq!(rules.csv().unwrap().layouts()[0].columns().len(), 2);
        assert_eq!(rules.audio().unwrap().rate().high(), 48_000);
        for (content_type, is_one) in [
            ("multipart/form-data; boundary=a", true),
            ("text/csv; charset=utf-8", true),
            ("audio/wav", true),
            ("audio/mpeg", false),
            ("application/json", false),
        ] {
            assert_eq!(uploads.names(Some(content_type.as_bytes())), is_one);
        }
        assert!(!uploads.names(None));
    }

    #[test]
    fn a_routes_own_limit_of_bodies_holds_for_uploads_too() {
        let uploads = "body = \"2MiB\"\nuploads = { file = \"1MiB\", pdf = true }";
        let site = site(&with(uploads));
        assert_eq!(site.routes()[0].uploads.as_ref().unwrap().largest, 2 << 20);
    }

    #[test]
    fn rules_that_are_none_are_refused() {
        for bad in [
            "uploads = {}",
            "uploads = { pdf = true }",
            "uploads = { file = \"1MiB\" }",
            "uploads = { file = \"1MiB\", pdf = true, filse = 1 }",
            "uploads = { file = \"1MiB\", csv = { row = 1 } }",
            "uploads = { file = \"1MiB\", csv = { rows = 1, fewest_rows = 2 } }",
            "uploads = { file = \"1MiB\", csv = { delimiters = [\"xx\"] } }",
            "uploads = { file = \"1MiB\", csv = { layouts = [{ name = \"a\", columns = [] }] } }",
            "uploads = { file = \"1MiB\", audio = { kinds = [\"png\"] } }",
            "uploads = { file = \"1MiB\", audio = { kinds = [\"exe\"] } }",
            "uploads = { file = \"1MiB\", audio = { lowest_rate = 9, highest_rate = 8 } }",
            "uploads = { file = \"1MiB\", pdf = true, required = [\"a\"] }",
            "body = \"1KiB\"\nuploads = { file = \"1MiB\", pdf = true }",
        ] {
            assert!(read(&text(&with(bad))).is_err(), "{bad}");
        }
        assert!(read(&text(&format!("{OPEN}[uploads]\nquota = \"1KiB\"\n"))).is_err());
        assert!(read(&text(&format!("{OPEN}[uploads]\nquota = \"1GiB\"\n"))).is_ok());
    }
}
