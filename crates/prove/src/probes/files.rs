//! Files that nobody may be served.
//!
//! What a spelling leads to is tried on the deployment, where whatever is taken ends at the echo. What
//! lies behind a name is tried on a child with a folder of the proof's own: beside it a canary, in it links
//! that lead there, a hidden file and one that is served.

use std::{os::unix::fs::symlink, path::Path};

use control::{
    Asked, Probe, Sheet, Target,
    probe::{ChildStart, Reply, TargetError},
    sheet::Met,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    draft::{Draft, canary},
    method_of, named_route,
    visitor::Visitor,
};

/// Attacks `files.confined`.
pub(super) struct Confined;
/// Attacks `files.names`.
pub(super) struct Names;
/// Attacks `files.metadata`.
pub(super) struct Metadata;

/// Attacks `files.parameter`.
pub(super) struct Parameter;

/// The file of the proof's own folder that is served.
const SERVED: &str = "served.txt";
/// The one that is not, because its name begins with a dot.
const HIDDEN: &str = ".hidden.txt";
/// What a name that leads nowhere is answered with.
const REFUSED: &[u16] = &[400, 404];

/// Ways out of a folder, by how they are spelled; each ends where `secret` does.
fn ways_out(secret: &str) -> Vec<(&'static str, String)> {
    let slashes = |with: &str| secret.replace('/', with);
    vec![
        ("dots", format!("../{secret}")),
        ("dots below a folder", format!("folder/../../{secret}")),
        ("encoded dots", format!("%2e%2e/{secret}")),
        (
            "dots that are encoded twice",
            format!("%252e%252e/{secret}"),
        ),
        ("an encoded slash", format!("..%2f{}", slashes("%2f"))),
        (
            "a slash that is encoded twice",
            format!("..%252f{}", slashes("%252f")),
        ),
        ("an encoded backslash", format!("..%5c{}", slashes("%5c"))),
        ("dots in an overlong form", format!("%c0%ae%c0%ae/{secret}")),
        ("full-width dots", format!("%ef%bc%8e%ef%bc%8e/{secret}")),
        ("dots with a parameter", format!("..;x/{secret}")),
        ("an absolute path", format!("/etc/{secret}")),
        (
            "an encoded absolute path",
            format!("%2fetc%2f{}", slashes("%2f")),
        ),
        ("a drive", format!("C:/{secret}")),
        ("a share", format!("%5c%5chost%5c{}", slashes("%5c"))),
        ("a NUL", format!("{secret}%00.txt")),
        ("a home folder", format!("~/{secret}")),
    ]
}

impl Probe for Confined {
    fn promise(&self) -> &'static str {
        "files.confined"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let on = on(at, asked)?;
        spellings(at, &on, &ways_out("beside/secret.txt"), sheet)?;
        let Some(stage) = Stage::set(at, &on, sheet)? else {
            return Ok(());
        };
        for (how, way) in ways_out("beside/secret.txt") {
            stage.tries(how, &way, sheet)?;
        }
        for (how, way) in [
            ("a link to a file beside the folder", "link.txt"),
            ("a link by an absolute path", "absolute.txt"),
            ("a link to the folder beside", "out/secret.txt"),
            ("a link to the root of everything", "top/etc/hostname"),
        ] {
            stage.tries(how, way, sheet)?;
        }
        Ok(())
    }
}

impl Probe for Names {
    fn promise(&self) -> &'static str {
        "files.names"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let on = on(at, asked)?;
        let tricks = vec![
            ("a leading dot", HIDDEN.to_owned()),
            ("a hidden folder", ".git/config".to_owned()),
            ("an encoded leading dot", HIDDEN.replacen('.', "%2e", 1)),
            ("a trailing dot", format!("{SERVED}.")),
            ("a trailing space", format!("{SERVED}%20")),
            ("an empty segment", format!("folder//{SERVED}")),
            ("a stream of a file", format!("{SERVED}::$DATA")),
            ("text that runs backwards", "a%e2%80%aetxt.exe".to_owned()),
            ("a character without width", format!("a%e2%80%8b{SERVED}")),
            ("a control character", format!("{SERVED}%0a")),
        ];
        spellings(at, &on, &tricks, sheet)?;
        let Some(stage) = Stage::set(at, &on, sheet)? else {
            return Ok(());
        };
        for (how, name) in &tricks {
            stage.tries(how, name, sheet)?;
        }
        Ok(())
    }
}

impl Probe for Metadata {
    fn promise(&self) -> &'static str {
        "files.metadata"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let on = on(at, asked)?;
        let Some(stage) = Stage::set(at, &on, sheet)? else {
            return Ok(());
        };
        let reply = stage.gets("")?;
        sheet.pair(
            format!("{on}/ as a list (on a child)"),
            match reply.answer() {
                Some(answer) => Met::when(
                    !holds(&answer.body, &stage.canary) && !holds(&answer.body, &stage.served),
                    format!("{}, {} bytes of list", answer.status, answer.body.len()),
                ),
                None => Met::inconclusive("no answer"),
            },
            Met::when(
                lists(&reply, SERVED, stage.served.len()),
                "a file stands in it with its size",
            ),
        );
        Ok(())
    }
}

impl Probe for Parameter {
    fn promise(&self) -> &'static str {
        "files.parameter"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "on")?;
        let (on, method) = (&route.path, method_of(route));
        let name = asked.value("parameter").unwrap_or_default();
        let Some(visitor) = Visitor::new(at, route, method)? else {
            sheet.unproven(format!("no proof can ask {on}"));
            return Ok(());
        };
        let mut tries: Vec<(&str, String)> = ways_out("etc/passwd")
            .into_iter()
            .map(|(how, way)| (how, format!("{name}={way}")))
            .collect();
        tries.extend([
            ("a leading dot", format!("{name}=.env")),
            ("a name that stands twice", format!("{name}=a&{name}=../a")),
            ("a list", format!("{name}[]=../a")),
            (
                "an encoded name",
                format!("%{:02x}{}=../a", first(name), rest(name)),
            ),
            ("a semicolon", format!("a=1;{name}=../a")),
            ("text that runs backwards", format!("{name}=a%e2%80%ae")),
        ]);
        for (how, query) in tries {
            let sends = |query: &str| {
                let target = format!("{on}?{query}");
                visitor.sends(at, &Draft::new(at, method, &target))
            };
            sheet.pair(
                format!("{method} {on} with {how} as {name}"),
                Met::status(&sends(&query)?, &[400]),
                Met::status(&sends(&format!("{name}=served"))?, &[200]),
            );
        }
        Ok(())
    }
}

/// The first byte of a name.
fn first(name: &str) -> u8 {
    name.bytes().next().unwrap_or_default()
}

/// What follows it.
fn rest(name: &str) -> &str {
    name.get(1..).unwrap_or_default()
}

/// The route that the sentence names.
fn on(at: &dyn Target, asked: &Asked) -> Result<String, TargetError> {
    named_route(at, asked, "on").map(|route| route.path.clone())
}

/// Tries spellings on the deployment itself. What its stages let pass ends at the echo, so a good name
/// is answered whatever lies in the folder.
fn spellings(
    at: &dyn Target,
    on: &str,
    ways: &[(&str, String)],
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let route = at.facts().routes.iter().find(|route| route.path == on);
    let Some(route) = route else { return Ok(()) };
    let Some(visitor) = Visitor::new(at, route, "GET")? else {
        return Ok(());
    };
    for (how, way) in ways {
        let sends = |name: &str| visitor.sends(at, &Draft::new(at, "GET", &below(on, name)));
        sheet.pair(
            format!("GET below {on} by {how}"),
            Met::status(&sends(way)?, REFUSED),
            Met::status(&sends(SERVED)?, &[200]),
        );
    }
    Ok(())
}

fn below(on: &str, name: &str) -> String {
    format!("{}/{name}", on.trim_end_matches('/'))
}

fn holds(body: &[u8], canary: &str) -> bool {
    memchr::memmem::find(body, canary.as_bytes()).is_some()
}

/// Whether a list has a file of this name and size.
fn lists(reply: &Reply, name: &str, size: usize) -> bool {
    let json = reply.answer().and_then(|answer| answer.json());
    let entries = json.as_ref().and_then(|json| json.get("entries"));
    let entries = entries.and_then(Value::as_array).into_iter().flatten();
    entries.into_iter().any(|entry| {
        entry.get("name").and_then(Value::as_str) == Some(name)
            && entry.get("size").and_then(Value::as_u64) == u64::try_from(size).ok()
    })
}

/// A child that serves a folder of the proof's own to anybody.
struct Stage {
    child: Box<dyn Target>,
    on: String,
    /// What stands where nobody may read.
    canary: String,
    /// What stands in the file that is served.
    served: String,
    _folder: TempDir,
}

impl Stage {
    fn set(at: &dyn Target, on: &str, sheet: &mut Sheet) -> Result<Option<Self>, TargetError> {
        let failed = |cause: std::io::Error| TargetError::new("lay out a folder", cause);
        let folder = tempfile::tempdir().map_err(failed)?;
        let (canary, served) = (canary(at)?, canary(at)?);
        lay_out(folder.path(), &canary, &served).map_err(failed)?;
        let root = folder.path().join("root").to_string_lossy().into_owned();
        let start = at.child(&mut |configuration| open(configuration, on, &root))?;
        match start {
            ChildStart::Up(child) => Ok(Some(Self {
                child,
                on: on.to_owned(),
                canary,
                served,
                _folder: folder,
            })),
            ChildStart::Refused { exit, .. } => {
                sheet.unproven(format!("a child with a folder of ours ended with {exit}"));
                Ok(None)
            }
        }
    }

    fn gets(&self, name: &str) -> Result<Reply, TargetError> {
        let at = self.child.as_ref();
        Draft::new(at, "GET", &below(&self.on, name)).send(at)
    }

    /// Asks for a file that must not be served, beside one that must.
    fn tries(&self, how: &str, name: &str, sheet: &mut Sheet) -> Result<(), TargetError> {
        let (attack, twin) = (self.gets(name)?, self.gets(SERVED)?);
        let shown =
            |reply: &Reply, text: &str| reply.answer().is_some_and(|it| holds(&it.body, text));
        let met = if shown(&attack, &self.canary) || shown(&attack, &self.served) {
            Met::when(false, "the content of a file")
        } else {
            Met::status(&attack, REFUSED)
        };
        let good = Met::when(shown(&twin, &self.served), format!("{SERVED} was served"));
        sheet.pair(format!("a file by {how} (on a child)"), met, good);
        Ok(())
    }
}

/// Has the route at `on` serve `root` to anybody.
fn open(configuration: &mut Value, on: &str, root: &str) {
    let routes = configuration.get_mut("route").and_then(Value::as_array_mut);
    for route in routes
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if route.get("path").and_then(Value::as_str) != Some(on) {
            continue;
        }
        if let Some(files) = route.get_mut("files").and_then(Value::as_object_mut) {
            files.insert("root".to_owned(), Value::from(root));
        }
        route.remove("roles");
        route.insert("auth".to_owned(), Value::from("none"));
        route.insert("reason".to_owned(), Value::from("a proof"));
    }
}

fn lay_out(folder: &Path, canary: &str, served: &str) -> std::io::Result<()> {
    let at = |name: &str| folder.join(name);
    std::fs::create_dir_all(at("root/folder"))?;
    std::fs::create_dir_all(at("root/.git"))?;
    std::fs::create_dir(at("beside"))?;
    std::fs::write(at("beside/secret.txt"), canary)?;
    for hidden in ["root/.hidden.txt", "root/.git/config"] {
        std::fs::write(at(hidden), canary)?;
    }
    for name in ["root/served.txt", "root/folder/served.txt"] {
        std::fs::write(at(name), served)?;
    }
    symlink("../beside/secret.txt", at("root/link.txt"))?;
    symlink(at("beside/secret.txt"), at("root/absolute.txt"))?;
    symlink("../beside", at("root/out"))?;
    symlink("/", at("root/top"))
}
