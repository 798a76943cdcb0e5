//! Whether the ledger says everything, and says it so that it cannot be unsaid.

use std::{
    fs,
    path::{Path, PathBuf},
};

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, Inspection, LedgerCopy, Reply, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{
    draft::{Draft, Echo, canary},
    first_route,
    keys::wide_key,
    method_of, passing,
    settled::{ledger_that, speaks_of},
};

/// Attacks `audit.every-request`.
pub(super) struct EveryRequest;
/// Attacks `audit.auth-events`.
pub(super) struct AuthEvents;
/// Attacks `audit.tamper-evident`.
pub(super) struct TamperEvident;

/// How many requests of each outcome are sent and then looked for.
const REQUESTS: usize = 20;

/// The id under which an exchange is in the ledger: what the app saw, or what a refusal said.
fn request_id(reply: &Reply) -> Option<String> {
    if let Some(echo) = Echo::of(reply) {
        return echo.field("X-Request-Id").map(str::to_owned);
    }
    reply.answer()?.field("X-Request-Id").map(str::to_owned)
}

/// The events of one request, by kind.
fn events_of<'c>(copy: &'c LedgerCopy, id: &str, kinds: &[&str]) -> Vec<&'c Value> {
    let text = |event: &'c Value, key: &str| event.get(key).and_then(Value::as_str);
    copy.events
        .iter()
        .filter(|event| text(event, "request") == Some(id))
        .filter(|event| text(event, "kind").is_some_and(|kind| kinds.contains(&kind)))
        .collect()
}

/// A request event, whichever durability is configured.
const DECISIONS: &[&str] = &["request", "request.decision"];

impl Probe for EveryRequest {
    fn promise(&self) -> &'static str {
        "audit.every-request"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(plain) = passing(at, sheet)? else {
            return Ok(());
        };
        let mut replies = Vec::new();
        for _ in 0..REQUESTS {
            replies.push(plain.clone().ticketed(at)?.send(at)?);
        }
        let ids: Vec<String> = replies.iter().filter_map(request_id).collect();
        if ids.len() != replies.len() {
            return Err(TargetError::new(
                "read the request id",
                "an answer named none",
            ));
        }
        let copy = ledger_that(at, |copy| ids.iter().all(|id| speaks_of(copy, id)))?;
        let mut missing = 0;
        let mut twice = 0;
        for id in &ids {
            match events_of(&copy, id, DECISIONS).len() {
                0 => missing += 1,
                1 => {}
                _ => twice += 1,
            }
        }
        let answered = replies
            .iter()
            .filter(|reply| Echo::of(reply).is_some())
            .count();
        let twin = || {
            Met::when(
                answered == REQUESTS,
                format!("{answered} of {REQUESTS} answered"),
            )
        };
        sheet.pair(
            "requests that are not in the ledger",
            Met::when(missing == 0, missing.to_string()),
            twin(),
        );
        sheet.pair(
            "requests that are there twice",
            Met::when(twice == 0, twice.to_string()),
            twin(),
        );
        let whole = at.verify(&copy.folder, &copy.key, None)?;
        let count = copy.events.len() as u64;
        let met = match &whole {
            Inspection::Whole(size) => {
                Met::when(*size == count, format!("{size} entries, {count} events"))
            }
            Inspection::Altered(what) => Met::when(false, what.clone()),
        };
        sheet.pair("a gap in the sequence", met, twin());
        let refused = refusals(at)?;
        sheet.pair("refusals that are not counted", refused, twin());
        Ok(())
    }
}

/// Sends requests that are refused and compares how many refusals the ledger has gained. Refusals
/// of one second, control and client may share an entry, which then carries their count.
fn refusals(at: &dyn Target) -> Result<Met, TargetError> {
    let before = refusals_counted(&at.ledger()?);
    for _ in 0..REQUESTS {
        Draft::new(at, "GET", "/a#b").send(at)?;
    }
    let wanted = before + REQUESTS as i64;
    let gained =
        refusals_counted(&ledger_that(at, |copy| refusals_counted(copy) >= wanted)?) - before;
    Ok(Met::when(
        gained >= REQUESTS as i64,
        format!("{gained} counted of {REQUESTS} sent"),
    ))
}

fn refusals_counted(copy: &LedgerCopy) -> i64 {
    copy.events
        .iter()
        .filter(|event| event.get("control").and_then(Value::as_str) == Some("wire.framing"))
        .map(|event| event.get("count").and_then(Value::as_i64).unwrap_or(1))
        .sum()
}

/// Method, path and a key of a route that asks for one.
fn guarded(at: &dyn Target) -> Result<((String, String), String), TargetError> {
    let route = first_route(at, |guard| matches!(guard, Guard::Key(_)))
        .ok_or_else(|| TargetError::new("find a route", "no route asks for a key"))?;
    let roles = match &route.guard {
        Guard::Key(roles) => roles.clone(),
        Guard::Open(_) | Guard::Webhook(_) => Vec::new(),
    };
    Ok((
        (method_of(route).to_owned(), route.path.clone()),
        wide_key(at, &roles)?,
    ))
}

impl Probe for AuthEvents {
    fn promise(&self) -> &'static str {
        "audit.auth-events"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let ((method, path), key) = guarded(at)?;
        let accepted = Draft::new(at, &method, &path)
            .field("X-API-Key", &key)
            .ticketed(at)?
            .send(at)?;
        let wrong = format!("{}{}", key.get(..key.len() - 1).unwrap_or_default(), '!');
        let refused = Draft::new(at, &method, &path)
            .field("X-API-Key", &wrong)
            .send(at)?;
        let nobody = Draft::new(at, &method, &path).send(at)?;
        let ids: Vec<String> = [&accepted, &refused, &nobody]
            .into_iter()
            .filter_map(request_id)
            .collect();
        let copy = ledger_that(at, |copy| ids.iter().all(|id| speaks_of(copy, id)))?;
        for (attempt, reply, status, kinds, names) in [
            (
                "an accepted key",
                &accepted,
                200,
                &["request", "request.decision", "auth.success"][..],
                "principal",
            ),
            (
                "a refused key",
                &refused,
                401,
                &["request", "request.decision", "auth.failure"],
                "reason",
            ),
            (
                "no key",
                &nobody,
                401,
                &["request", "request.decision", "auth.failure"],
                "reason",
            ),
        ] {
            let id = request_id(reply).unwrap_or_default();
            let named = events_of(&copy, &id, kinds)
                .iter()
                .any(|event| event.get(names).is_some());
            let saw = if named {
                format!("in the ledger with its {names}")
            } else {
                format!("no entry with a {names}")
            };
            sheet.pair(
                attempt,
                Met::when(named, saw),
                Met::status(reply, &[status]),
            );
        }
        let raw = copy
            .events
            .iter()
            .any(|event| event.to_string().contains(&key));
        let saw = if raw {
            "the key stands in the ledger"
        } else {
            "under a pseudonym"
        };
        sheet.pair(
            "who used the key, in clear",
            Met::when(!raw, saw),
            Met::status(&accepted, &[200]),
        );
        Ok(())
    }
}

/// One way to alter a copy of a ledger. Returns `false` where the copy has nothing to alter so.
type Alteration = fn(&Path) -> std::io::Result<bool>;

impl Probe for TamperEvident {
    fn promise(&self) -> &'static str {
        "audit.tamper-evident"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        // A few more entries, so that there is something to reorder in a young ledger.
        for _ in 0..3 {
            Draft::new(at, "GET", &format!("/{}", canary(at)?)).send(at)?;
        }
        let first = at.ledger()?;
        let alterations: [(&str, Alteration); 6] = [
            ("one bit of an entry is flipped", flip),
            ("two entries change places", swap),
            ("the last entry is cut off", truncate),
            ("an entry bundle is removed", remove),
            ("a hash tile is altered", alter_tile),
            ("the checkpoint names another root", forge),
        ];
        for (attempt, alter) in alterations {
            let copy = at.ledger()?;
            let whole = at.verify(&copy.folder, &copy.key, None)?;
            let twin = Met::when(
                matches!(whole, Inspection::Whole(_)),
                "the untouched copy is whole",
            );
            let altered =
                alter(&copy.folder).map_err(|fault| TargetError::new("alter a copy", fault))?;
            if !altered {
                sheet.note(attempt, "nothing to alter so in this ledger");
                continue;
            }
            sheet.pair(
                attempt,
                named(&at.verify(&copy.folder, &copy.key, None)?),
                twin,
            );
        }
        let last = Draft::new(at, "GET", &format!("/{}", canary(at)?)).send(at)?;
        let id = request_id(&last).unwrap_or_default();
        // An entry is readable before a checkpoint covers it; only a newer checkpoint says that the
        // first copy is an older state.
        let signed = |copy: &LedgerCopy| size(&copy.checkpoint);
        let later = ledger_that(at, |copy| {
            speaks_of(copy, &id) && signed(copy) > signed(&first)
        })?;
        let twin = at.verify(&later.folder, &later.key, Some(&first.checkpoint))?;
        let older = at.verify(&first.folder, &first.key, Some(&later.checkpoint))?;
        sheet.pair(
            "an older ledger than one already seen",
            named(&older),
            Met::when(
                matches!(twin, Inspection::Whole(_)) && later.events.len() > first.events.len(),
                "the newer copy extends the older",
            ),
        );
        let place = if first.second_place {
            "checkpoints also go to a second place"
        } else {
            "checkpoints go to no second place: the host's owner could replace the whole ledger"
        };
        sheet.note("who could still rewrite everything", place);
        Ok(())
    }
}

fn named(inspection: &Inspection) -> Met {
    match inspection {
        Inspection::Whole(size) => Met::when(false, format!("called whole, {size} entries")),
        Inspection::Altered(what) => Met::when(true, format!("altered: {what}")),
    }
}

/// The last tile of `kind` under the checkpoint, as C2SP tlog-tiles names it: groups of three
/// digits, all but the last with an `x`, and the width of a tile that is not full. Tiles of earlier
/// checkpoints lie beside it and count for nothing.
fn last_tile(folder: &Path, kind: &str) -> std::io::Result<Option<PathBuf>> {
    let checkpoint = fs::read_to_string(folder.join("checkpoint"))?;
    let size = size(&checkpoint);
    let Some(last) = size.checked_sub(1) else {
        return Ok(None);
    };
    let (index, width) = (last / TILE, size % TILE);
    let mut name = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    if width > 0 {
        name.push_str(&format!(".p/{width}"));
    }
    Ok(Some(folder.join("tile").join(kind).join(name)))
}

/// How many entries a checkpoint covers: its second line.
fn size(checkpoint: &str) -> u64 {
    let line = checkpoint.lines().nth(1);
    line.and_then(|line| line.parse().ok()).unwrap_or(0)
}

/// Entries or hashes in a full tile.
const TILE: u64 = 256;

/// The last entry bundle: what the newest checkpoint covers.
fn bundle(folder: &Path) -> std::io::Result<Option<PathBuf>> {
    last_tile(folder, "entries")
}

/// Where each entry of a bundle begins and ends, its length bytes included.
fn entries(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some([high, low]) = bytes.get(from..from + 2) {
        let to = from + 2 + usize::from(u16::from_be_bytes([*high, *low]));
        spans.push((from, to));
        from = to;
    }
    spans
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>) -> bool) -> std::io::Result<bool> {
    let mut bytes = fs::read(path)?;
    let changed = change(&mut bytes);
    if changed {
        fs::write(path, bytes)?;
    }
    Ok(changed)
}

fn flip(folder: &Path) -> std::io::Result<bool> {
    let Some(path) = bundle(folder)? else {
        return Ok(false);
    };
    rewrite(&path, |bytes| {
        bytes.last_mut().is_some_and(|byte| {
            *byte ^= 1;
            true
        })
    })
}

fn swap(folder: &Path) -> std::io::Result<bool> {
    let Some(path) = bundle(folder)? else {
        return Ok(false);
    };
    rewrite(&path, |bytes| {
        let spans = entries(bytes);
        let [.., (a, b), (c, d)] = spans.as_slice() else {
            return false;
        };
        let (Some(one), Some(two)) = (bytes.get(*a..*b), bytes.get(*c..*d)) else {
            return false;
        };
        if one == two {
            return false;
        }
        let swapped = [two, one].concat();
        bytes.truncate(*a);
        bytes.extend_from_slice(&swapped);
        true
    })
}

fn truncate(folder: &Path) -> std::io::Result<bool> {
    let Some(path) = bundle(folder)? else {
        return Ok(false);
    };
    rewrite(&path, |bytes| {
        let Some((from, _)) = entries(bytes).last().copied() else {
            return false;
        };
        bytes.truncate(from);
        true
    })
}

fn remove(folder: &Path) -> std::io::Result<bool> {
    let Some(path) = bundle(folder)? else {
        return Ok(false);
    };
    fs::remove_file(path)?;
    Ok(true)
}

fn alter_tile(folder: &Path) -> std::io::Result<bool> {
    let Some(path) = last_tile(folder, "0")? else {
        return Ok(false);
    };
    rewrite(&path, |bytes| {
        bytes.first_mut().is_some_and(|byte| {
            *byte ^= 1;
            true
        })
    })
}

fn forge(folder: &Path) -> std::io::Result<bool> {
    rewrite(&folder.join("checkpoint"), |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let Some(root) = lines.get_mut(2) else {
            return false;
        };
        *root = seal::encode::base64(&[0; 32]);
        *bytes = lines.join("\n").into_bytes();
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tile_is_the_one_the_checkpoint_covers() {
        let folder = tempfile::tempdir().unwrap();
        let named = |size: u64| {
            fs::write(
                folder.path().join("checkpoint"),
                format!("log\n{size}\nroot\n"),
            )
            .unwrap();
            let path = last_tile(folder.path(), "entries").unwrap();
            path.map(|path| {
                path.strip_prefix(folder.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
        };
        assert_eq!(named(0), None);
        assert_eq!(named(5).unwrap(), "tile/entries/000.p/5");
        assert_eq!(named(256).unwrap(), "tile/entries/000");
        assert_eq!(
            named(256 * 1_234_067 + 9).unwrap(),
            "tile/entries/x001/x234/067.p/9"
        );
    }

    #[test]
    fn entries_of_a_bundle_are_told_apart() {
        let bundle = [&[0, 2][..], b"ab", &[0, 3], b"cde"].concat();
        assert_eq!(entries(&bundle), [(0, 4), (4, 9)]);
        assert!(entries(b"").is_empty());
    }
}
