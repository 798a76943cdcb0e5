//! Files that no app should have to read.
//!
//! Each is made from the deployment's own rules of a good one, changed in one way; the twin is the good
//! one. Each pair is of somebody new, because how often one may upload is limited.

mod files;

use config::quantity;
use control::{
    Asked, Probe, Sheet, Target,
    probe::{Reply, RouteFact, TargetError},
    sheet::Met,
};
use serde_json::Value;

use self::files::{FORM, File, Rules, document, form, sound};
use super::{
    bodies,
    draft::{ANNOUNCED, Draft, canary},
    named_route,
    visitor::Visitor,
};

/// Attacks `upload.size`.
pub(super) struct Size;
/// Attacks `upload.type`.
pub(super) struct Type;
/// Attacks `upload.names`.
pub(super) struct Names;
/// Attacks `upload.rows`.
pub(super) struct Rows;
/// Attacks `upload.schema`.
pub(super) struct Schema;
/// Attacks `upload.audio`.
pub(super) struct Audio;
/// Attacks `upload.friendly`.
pub(super) struct Friendly;

/// Largest file that a proof sends; of a longer one it only says that it comes.
const LONGEST_SENT: u64 = 16 << 20;

/// What no answer to a person may hold.
const TRACES: &[&str] = &[
    "Traceback",
    "panicked",
    "Exception",
    "stack trace",
    "    at ",
    ".rs:",
    ".py\"",
    "::",
    "/usr/",
];

/// `draft` with a good upload, where its route takes uploads and a good one can be made.
pub(super) fn on(at: &dyn Target, draft: Draft) -> Draft {
    let Some(uploads) = bodies::entry(at, &draft.target).and_then(|it| it.get("uploads")) else {
        return draft;
    };
    let rules = Rules(uploads);
    match rules.good() {
        Some(file) => draft.body(FORM, &form(rules, &file)),
        None => draft,
    }
}

/// A route with what it says of uploads.
struct Stage<'t> {
    route: &'t RouteFact,
    rules: Rules<'t>,
    good: File,
}

impl<'t> Stage<'t> {
    fn new(asked: &Asked, at: &'t dyn Target) -> Result<Self, TargetError> {
        let route = named_route(at, asked, "on")?;
        let missing = |what: &str| TargetError::new("find a good upload", what);
        let uploads = bodies::entry(at, &route.path).and_then(|it| it.get("uploads"));
        let rules = Rules(uploads.ok_or_else(|| missing("the route takes none"))?);
        let good = rules.good();
        let good = good.ok_or_else(|| missing("its rules take no file that can be made here"))?;
        Ok(Self { route, rules, good })
    }

    fn somebody(&self, at: &dyn Target) -> Result<Visitor, TargetError> {
        Visitor::new(at, self.route, "POST")?.ok_or_else(|| {
            TargetError::new(
                "find a good upload",
                "nobody can be made who may use the route",
            )
        })
    }

    fn draft(&self, at: &dyn Target, file: &File) -> Draft {
        Draft::new(at, "POST", &self.route.path).body(FORM, &form(self.rules, file))
    }

    fn pair(
        &self,
        at: &dyn Target,
        attempt: &str,
        (bad, good): (&Draft, &File),
        met: impl Fn(&Reply) -> Met,
        sheet: &mut Sheet,
    ) -> Result<(), TargetError> {
        let somebody = self.somebody(at)?;
        let attack = somebody.sends(at, bad)?;
        let twin = somebody.sends(at, &self.draft(at, good))?;
        sheet.pair(
            format!("POST {} {attempt}", self.route.path),
            met(&attack),
            Met::status(&twin, &[200]),
        );
        Ok(())
    }

    /// A bad file beside the good one.
    fn file(
        &self,
        at: &dyn Target,
        attempt: &str,
        bad: &File,
        refused: &[u16],
        sheet: &mut Sheet,
    ) -> Result<(), TargetError> {
        let draft = self.draft(at, bad);
        let met = |reply: &Reply| Met::status(reply, refused);
        self.pair(at, attempt, (&draft, &self.good), met, sheet)
    }
}

impl Probe for Size {
    fn promise(&self) -> &'static str {
        "upload.size"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let most = asked.value("file").and_then(quantity::size);
        let most = most.ok_or_else(|| TargetError::new("read the anchor", "file is no size"))?;
        let stage = Stage::new(asked, at)?;
        let too_large = |reply: &Reply| Met::status(reply, &[413]);

        // Nothing of it is sent: what a length says is enough.
        let mut announced = Draft::new(at, "POST", &stage.route.path);
        announced.body = Vec::new();
        announced = announced.body(stage.good.content_type, b"");
        announced = announced
            .field("Expect", "100-continue")
            .field(ANNOUNCED, &(most + 1).to_string());
        stage.pair(
            at,
            "with a file that says it is a byte too long",
            (&announced, &stage.good),
            too_large,
            sheet,
        )?;
        if most > LONGEST_SENT {
            sheet.note(
                "files that are really sent",
                format!("none: they would be longer than {LONGEST_SENT} bytes"),
            );
            return Ok(());
        }
        let Some((fits, over)) = stage.rules.around(most) else {
            sheet.unproven("no file of just that size can be made within the other rules");
            return Ok(());
        };
        let draft = stage.draft(at, &over);
        let told = "with a file that is too long";
        stage.pair(at, told, (&draft, &fits), too_large, sheet)?;
        let mut chunked = draft.clone();
        chunked = chunked.field("Transfer-Encoding", "chunked");
        let told = "with a file that is too long, in chunks";
        stage.pair(at, told, (&chunked, &fits), too_large, sheet)?;
        // One that is small on its way and not in the app.
        let mut packed = draft;
        packed = packed.field("Content-Encoding", "gzip");
        packed.body = packed_zeros();
        stage.pair(
            at,
            "with a compressed file",
            (&packed, &stage.good),
            |reply| Met::status(reply, &[413, 415]),
            sheet,
        )
    }
}

/// A little gzip with nothing but one byte over and over in it.
fn packed_zeros() -> Vec<u8> {
    // Header, one fixed block with "a" and matches of it, no end: what it unpacks to does not matter.
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.extend_from_slice(&[0x4b, 0x1c, 0x05, 0xa3, 0x60, 0x14, 0x0c, 0x77]);
    bytes
}

impl Probe for Type {
    fn promise(&self) -> &'static str {
        "upload.type"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        const REFUSED: &[u16] = &[415, 422];
        let stage = Stage::new(asked, at)?;
        let promised = asked.value("kinds").unwrap_or_default();
        let promised: Vec<&str> = promised.split(',').map(str::trim).collect();
        let good = &stage.good;
        let table = File::new("vouchsafe.csv", "text/csv", "a,b\n1,2\n");
        let others = [
            ("pdf", document()),
            ("wav", sound(16_000, 1600)),
            ("csv", table),
        ];
        for (kind, file) in others.iter().filter(|(kind, _)| !promised.contains(kind)) {
            let told = format!("with a {kind}");
            stage.file(at, &told, file, REFUSED, sheet)?;
        }
        let page = "<!doctype html><html><script>alert(1)</script></html>\n";
        let mut archive = b"PK\x05\x06".to_vec();
        archive.resize(22, 0);
        let program: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0PE\0\0";
        let disguised = [
            ("a page of HTML", page.as_bytes()),
            ("a program for Windows", program),
            (
                "a program for Linux",
                b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
            ),
            ("a script", b"#!/bin/sh\nid\n"),
            ("an archive", &archive),
        ];
        for (what, bytes) in disguised {
            let told = format!("with {what} under a good name");
            stage.file(at, &told, &good.holding(bytes), REFUSED, sheet)?;
        }
        let both = [good.bytes.as_slice(), b"\n", &archive].concat();
        let told = "with a good file that is an archive as well";
        stage.file(at, told, &good.holding(both), REFUSED, sheet)?;
        let (stem, ending) = good.name.split_once('.').unwrap_or(("vouchsafe", ""));
        let mixed = ending.get(..1).map(str::to_uppercase).unwrap_or_default();
        let mixed = format!("{mixed}{}", ending.get(1..).unwrap_or_default());
        for (what, name) in [
            ("a second ending", format!("{stem}.exe.{ending}")),
            ("another ending", format!("{stem}.exe")),
            (
                "another ending behind its own",
                format!("{stem}.{ending}.html"),
            ),
            ("an ending in mixed case", format!("{stem}.{mixed}")),
            ("no ending", stem.to_owned()),
        ] {
            let told = format!("with a good file whose name has {what}");
            stage.file(at, &told, &good.named(&name), REFUSED, sheet)?;
        }
        let typed = File {
            content_type: "text/html",
            ..good.clone()
        };
        stage.file(
            at,
            "with a good file sent as a page",
            &typed,
            REFUSED,
            sheet,
        )
    }
}

impl Probe for Names {
    fn promise(&self) -> &'static str {
        "upload.names"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let stage = Stage::new(asked, at)?;
        let own = &stage.good.name;
        for (what, name) in [
            ("a folder above", format!("../{own}")),
            ("a folder", format!("/etc/{own}")),
            ("a folder of Windows", format!("..\\\\{own}")),
            ("a drive of Windows", format!("C:{own}")),
            ("a leading dot", format!(".{own}")),
            ("two dots", format!("a..{own}")),
            ("an encoded slash", format!("..%2f{own}")),
            ("a slash of another kind", format!("..\u{2215}{own}")),
            ("a NUL", format!("{own}\0.sh")),
            ("text that runs backwards", format!("a\u{202e}{own}")),
            ("the name of a device", format!("CON.{own}")),
            ("a dot at its end", format!("{own}.")),
        ] {
            let told = format!("with a file whose name has {what}");
            let bad = stage.good.named(&name);
            stage.file(at, &told, &bad, &[400, 415, 422], sheet)?;
        }
        Ok(())
    }
}

impl Probe for Rows {
    fn promise(&self) -> &'static str {
        "upload.rows"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let rows = asked.value("rows").and_then(|text| text.parse().ok());
        let rows = rows
            .filter(|rows| *rows <= 1_000_000)
            .ok_or_else(|| TargetError::new("read the anchor", "rows is not 1 to 1,000,000"))?;
        let stage = Stage::new(asked, at)?;
        let (fits, over) = (stage.rules.table(rows), stage.rules.table(rows + 1));
        let longest = stage.rules.file().unwrap_or(0);
        if longest < u64::try_from(over.bytes.len()).unwrap_or(u64::MAX) {
            sheet.unproven("a table of as many rows is longer than a file may be");
            return Ok(());
        }
        let draft = stage.draft(at, &over);
        let met = |reply: &Reply| Met::status(reply, &[413, 422]);
        let told = "with a table of one row too many";
        stage.pair(at, told, (&draft, &fits), met, sheet)
    }
}

impl Probe for Schema {
    fn promise(&self) -> &'static str {
        "upload.schema"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let stage = Stage::new(asked, at)?;
        for (what, bad) in stage.rules.foreign() {
            let told = format!("with a table {what}");
            stage.file(at, &told, &bad, &[413, 415, 422], sheet)?;
        }
        Ok(())
    }
}

impl Probe for Audio {
    fn promise(&self) -> &'static str {
        "upload.audio"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let rate = |key: &str| asked.value(key).and_then(|text| text.parse::<u32>().ok());
        let (Some(lowest), Some(highest)) = (rate("lowest"), rate("highest")) else {
            return Err(TargetError::new("read the anchor", "a rate is no number"));
        };
        let stage = Stage::new(asked, at)?;
        for (bad, twin) in [
            (lowest / 2, lowest),
            (lowest.saturating_sub(1), lowest),
            (highest.saturating_add(1), highest),
            (highest.saturating_mul(2), highest),
        ] {
            let draft = stage.draft(at, &sound(bad, bad));
            let met = |reply: &Reply| Met::status(reply, &[415, 422]);
            let told = format!("with sound of {bad} samples a second");
            stage.pair(at, &told, (&draft, &sound(twin, twin)), met, sheet)?;
        }
        Ok(())
    }
}

impl Probe for Friendly {
    fn promise(&self) -> &'static str {
        "upload.friendly"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let stage = Stage::new(asked, at)?;
        let canary = canary(at)?;
        let good = &stage.good;
        let half = good.bytes.get(..good.bytes.len() / 2 + 1);
        let mut tries = vec![(
            "cut in half in the middle of a cell",
            [half.unwrap_or_default(), b"\"", canary.as_bytes()].concat(),
        )];
        if stage.rules.takes_tables() {
            let table = |last: String| [good.bytes.as_slice(), last.as_bytes()].concat();
            tries.push((
                "with a quote that is never closed",
                table(format!("\"{canary}\n")),
            ));
            tries.push(("with a row too short", table(format!("{canary}\n"))));
            tries.push((
                "with a control character",
                table(format!("{canary}\u{1}\n")),
            ));
        } else {
            tries.push((
                "with bytes behind its end",
                [&good.bytes, canary.as_bytes()].concat(),
            ));
        }
        for (what, bytes) in tries {
            let draft = stage.draft(at, &good.holding(bytes));
            let told = format!("with a file {what}");
            let met = |reply: &Reply| kind_words(reply, &canary);
            stage.pair(at, &told, (&draft, good), met, sheet)?;
        }
        Ok(())
    }
}

/// Whether a refusal says what is wrong, and nothing of a program or of what was sent.
fn kind_words(reply: &Reply, canary: &str) -> Met {
    let refused = Met::status(reply, &[413, 415, 422]);
    let Some(answer) = reply
        .answer()
        .filter(|it| matches!(it.status, 413 | 415 | 422))
    else {
        return refused;
    };
    let text = String::from_utf8_lossy(&answer.body);
    let told = answer.json().is_some_and(|json| says(&json));
    let trace = TRACES.iter().any(|trace| text.contains(trace));
    let repeats = text.contains(canary);
    let kind = told && !trace && !repeats;
    let saw = match (told, trace, repeats) {
        (_, true, _) => "the trace of a program",
        (_, _, true) => "what was sent",
        (false, ..) => "no sentence",
        _ => "a sentence",
    };
    Met::when(kind, format!("{} with {saw}", answer.status))
}

/// Whether there is a text of several words in it.
fn says(json: &Value) -> bool {
    match json {
        Value::String(text) => text.split_whitespace().count() >= 3,
        Value::Array(items) => items.iter().any(says),
        Value::Object(fields) => fields.values().any(says),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
