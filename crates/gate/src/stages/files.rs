//! Files: what a route serves itself.
//!
//! Owns the step from whoever may ask to the file they ask for, and its answer: 200, 206, 304, 412, 416.
//! Refuses names that could be read in two ways, hidden ones, and whatever does not lie beneath the
//! route's root. A file is only looked for with the `Proof` that every stage before was passed. Disks are
//! waited for on the service runtime, by a bounded number of requests at once. A request with a ticket is
//! judged by its name and then ends at the echo as any other: no proof reads a file of a deployment.

use std::sync::Arc;

use control::{ControlId, Reason, Refusal};
use files::{
    Facts, Found, Missed, Name,
    condition::{self, Asked, Verdict, Version},
    date,
    listing::{self, Listing},
    media,
    range::Part,
    root::Opened,
};
use identity::Standing;
use ledger::Kind;
use serde_json::json;
use tokio::time::timeout;
use wire::{BodyFraming, Request};

use super::{
    exchange::{Content, Exchange, OwnAnswer},
    forward::Proof,
    framing::Paths,
    record::{self, DISK_PATIENCE},
    route,
};
use crate::{
    core::Core,
    site::{
        files::Folder,
        route::{Guard, Route},
    },
};

/// The control that keeps files beneath their roots.
pub const FILES: ControlId = ControlId("gate.files");

/// How many requests wait for a disk at once.
pub(crate) const AT_ONCE: usize = 64;

/// The most bytes that are read at a time, and so held for one request.
const PIECE: usize = 64 * 1024;

/// For so long after a change a file may change again without a new time.
const UNSETTLED: i64 = 2;

const NO_BODY: Refusal = Refusal::new(
    FILES,
    400,
    "No body is taken here.",
    Reason("body-for-a-file"),
);

const BUSY: Refusal = Refusal::new(
    FILES,
    503,
    "The file cannot be read right now. Try again shortly.",
    Reason("files-busy"),
)
.retry_after(2);

const MOVED: Refusal = Refusal::new(
    FILES,
    308,
    "It is a folder; a slash ends its name.",
    Reason("folder-without-slash"),
);

/// A file that is asked for by whoever may.
#[derive(Debug)]
pub(crate) struct Wanted {
    name: Name,
    /// Whether links on its page lead where they mean to.
    complete: bool,
}

/// A request for a file that passed every stage and whose file is not looked for yet.
#[derive(Debug)]
pub struct AwaitingFile {
    exchange: Exchange,
    proof: Proof,
    wanted: Wanted,
}

impl AwaitingFile {
    pub(super) const fn new(exchange: Exchange, proof: Proof, wanted: Wanted) -> Self {
        Self {
            exchange,
            proof,
            wanted,
        }
    }

    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) const fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// Ends the request because there is no room for it.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> OwnAnswer {
        OwnAnswer::refused(self.exchange, refusal)
    }
}

/// What a file, or a list of them, is answered with.
#[derive(Debug)]
pub(crate) struct FileAnswer {
    pub(crate) status: u16,
    /// Its media type; empty where nothing is sent.
    pub(crate) media: &'static str,
    /// Its tag and its date, where it is a file.
    pub(crate) version: Option<(Box<str>, Box<str>)>,
    /// The bytes that are sent, or would be to a GET; none where no length is said.
    pub(crate) length: Option<u64>,
    /// `Content-Range`.
    pub(crate) range: Option<Box<str>>,
    pub(crate) caching: Box<str>,
    /// `Content-Disposition`, where a browser only ever stores it.
    pub(crate) disposition: Option<Box<str>>,
    pub(crate) body: Body,
}

/// What follows the head.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// What is here already.
    Text(Vec<u8>),
    /// What is read as it is sent.
    File(Reading),
}

impl FileAnswer {
    /// The bytes that are sent with the head.
    pub(crate) fn text(&self) -> &[u8] {
        match &self.body {
            Body::Text(text) => text,
            Body::Empty | Body::File(_) => b"",
        }
    }
}

/// A file on its way to a client.
#[derive(Debug)]
pub struct Reading {
    opened: Arc<Opened>,
    offset: u64,
    left: u64,
    standing: Option<Standing>,
}

impl Reading {
    /// Whether all of it has been read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Whether the credential it was asked with, where there was one, still stands.
    #[must_use]
    pub fn credential_stands(&self, core: &Core) -> bool {
        let (gate, now) = (&core.gate, core.gate.clock.now());
        let standing = self.standing.as_ref();
        standing.is_none_or(|standing| standing.holds(&gate.keys, &gate.revocations, now))
    }

    /// The next piece, at most 64 KiB; none where the file is shorter by now or cannot be read. `buffer`
    /// is used again.
    pub async fn next(&mut self, core: &Core, buffer: Vec<u8>) -> Option<Vec<u8>> {
        let most = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let (opened, offset) = (Arc::clone(&self.opened), self.offset);
        let mut buffer = buffer;
        let read = aside(core, move || {
            let read = opened.read(offset, most, &mut buffer);
            read.map(|()| buffer)
        });
        let piece = read.await.ok()?.ok().filter(|piece| piece.len() == most)?;
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(length);
        self.left = self.left.saturating_sub(length);
        Some(piece)
    }
}

/// Does what waits for a disk on the service runtime. Nobody waits for it longer than for any disk.
async fn aside<T: Send + 'static>(
    core: &Core,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let places = Arc::clone(&core.gate.disk);
    let service = core.gate.service.clone();
    let done = async move {
        let place = places.acquire_owned().await.ok()?;
        // The place is taken for as long as the disk is, whoever still waits for it.
        let work = move || {
            let done = work();
            drop(place);
            done
        };
        service.spawn_blocking(work).await.ok()
    };
    match timeout(DISK_PATIENCE, done).await {
        Ok(Some(done)) => Ok(done),
        Ok(None) | Err(_) => Err(BUSY),
    }
}

/// Judges what is asked for by its name. Looks at no disk.
pub(super) fn judge(
    folder: &Folder,
    route: &Route,
    request: &Request<'_>,
    paths: &Paths<'_>,
) -> Result<Wanted, Refusal> {
    if !matches!(
        request.framing(),
        BodyFraming::None | BodyFraming::Length(0)
    ) {
        return Err(NO_BODY);
    }
    named(folder, route, &paths.plain)
}

/// The name that a decoded path gives below a route.
pub(crate) fn named(folder: &Folder, route: &Route, path: &str) -> Result<Wanted, Refusal> {
    let below = path.strip_prefix(&*route.path).ok_or(route::NOTHING)?;
    let below = below.strip_prefix('/').unwrap_or(below);
    let name = Name::below(below, folder.hidden).map_err(|fault| {
        let status = match fault {
            // What is hidden is as good as not there.
            files::NameFault::Hidden => 404,
            _ => 400,
        };
        refused(status, fault.code())
    })?;
    Ok(Wanted {
        name,
        complete: path.ends_with('/') || route.exact,
    })
}

const fn refused(status: u16, reason: &'static str) -> Refusal {
    let public = match status {
        400 => "The name of a file cannot be read in one way alone.",
        _ => "Nothing is here.",
    };
    Refusal::new(FILES, status, public, Reason(reason))
}

/// What lies at a name.
enum Looked {
    File(Opened, Name),
    Listing(Listing),
    /// A folder, whose name must end in a slash before it is answered.
    Folder,
}

/// Looks for what is wanted. Waits for a disk.
fn look(folder: &Folder, wanted: &Wanted) -> Result<Looked, Missed> {
    let (root, name) = (&folder.root, &wanted.name);
    if !name.is_folder() {
        return match root.find(name)? {
            Found::File(opened) => Ok(Looked::File(opened, name.clone())),
            Found::Folder if folder.listing || folder.index.is_some() => Ok(Looked::Folder),
            Found::Folder => Err(Missed::Nothing),
        };
    }
    if !wanted.complete {
        return Ok(Looked::Folder);
    }
    if let Some(index) = folder.index.as_ref().and_then(|it| name.child(it).ok()) {
        match root.find(&index) {
            Ok(Found::File(opened)) => return Ok(Looked::File(opened, index)),
            Ok(Found::Folder) | Err(Missed::Nothing) => {}
            Err(missed) => return Err(missed),
        }
    }
    if folder.listing {
        return listing::list(root, name, folder.hidden).map(Looked::Listing);
    }
    Err(Missed::Nothing)
}

/// Opens the file that was asked for, or says why not.
pub async fn open(core: &Core, awaiting: AwaitingFile, request: &Request<'_>) -> OwnAnswer {
    let AwaitingFile {
        mut exchange,
        proof,
        wanted,
    } = awaiting;
    let standing = match &proof {
        Proof::Known(authorised, _) => Some(authorised.standing()),
        Proof::Open(_) | Proof::Signed(_) | Proof::Observed(_) => None,
    };
    let answer = answer(core, &mut exchange, wanted, request, standing).await;
    let content = match answer {
        Ok(answer) => Content::File(Box::new(answer)),
        Err(refusal) => Content::Refusal(refusal),
    };
    OwnAnswer { exchange, content }
}

async fn answer(
    core: &Core,
    exchange: &mut Exchange,
    wanted: Wanted,
    request: &Request<'_>,
    standing: Option<Standing>,
) -> Result<FileAnswer, Refusal> {
    if exchange.site.durable() {
        record::decide(exchange, Kind::DECISION).await?;
    }
    let site = exchange.site.clone();
    let route = exchange.route.and_then(|index| site.routes().get(index));
    let route = route.ok_or(route::NOTHING)?;
    let folder = route.files.as_ref().ok_or(route::NOTHING)?;
    let looked = {
        let folder = folder.clone();
        aside(core, move || look(&folder, &wanted)).await?
    };
    let looked = looked.map_err(|missed| match missed.is_failure() {
        true => BUSY,
        false => refused(404, missed.code()),
    })?;
    let open = matches!(route.guard, Guard::Open(_));
    let caching = caching(folder, open);
    Ok(match looked {
        Looked::Folder => {
            // A path begins with one slash and no more, so it leads nowhere else.
            let place = [request.path(), b"/"].concat();
            exchange.moved = String::from_utf8(place).ok().map(Into::into);
            return Err(MOVED);
        }
        Looked::Listing(listing) => listed(&listing, caching),
        Looked::File(opened, name) => {
            let version = versioned(core, exchange, &opened.facts);
            let disposition = folder.download.then(|| disposition(&name));
            let base = FileAnswer {
                status: 200,
                media: media::of(name.as_str()),
                version: Some(version),
                length: None,
                range: None,
                caching,
                disposition,
                body: Body::Empty,
            };
            cut(base, opened, request, exchange.head, standing)
        }
    })
}

fn text(body: Vec<u8>, caching: Box<str>) -> FileAnswer {
    FileAnswer {
        status: 200,
        media: "application/json",
        version: None,
        length: u64::try_from(body.len()).ok(),
        range: None,
        caching,
        disposition: None,
        body: Body::Text(body),
    }
}

/// Names, sizes and times, and nothing of what is in a file.
fn listed(listing: &Listing, caching: Box<str>) -> FileAnswer {
    let entries: Vec<_> = listing
        .entries
        .iter()
        .map(|entry| {
            json!({
                "name": entry.name,
                "size": entry.size,
                "modified": control::Timestamp::from_seconds(entry.modified).to_string(),
            })
        })
        .collect();
    let body = json!({ "entries": entries, "more": listing.more });
    text(body.to_string().into_bytes(), caching)
}

/// The file or the part of it that the conditions of a request leave.
fn cut(
    base: FileAnswer,
    opened: Opened,
    request: &Request<'_>,
    head: bool,
    standing: Option<Standing>,
) -> FileAnswer {
    let Facts {
        length, modified, ..
    } = opened.facts;
    let tag = base.version.as_ref().map_or("", |(tag, _)| &**tag);
    let version = Version {
        tag,
        modified,
        length,
    };
    let field = |name: &[u8]| single(request, name);
    let asked = Asked {
        if_match: field(b"if-match"),
        if_none_match: field(b"if-none-match"),
        if_modified_since: field(b"if-modified-since"),
        if_unmodified_since: field(b"if-unmodified-since"),
        range: field(b"range"),
        if_range: field(b"if-range"),
    };
    let reads = |part: Part| {
        Body::File(Reading {
            opened: Arc::new(opened),
            offset: part.first,
            left: part.length(),
            standing,
        })
    };
    match condition::judge(&asked, &version, !head) {
        Verdict::Whole => {
            let last = length.checked_sub(1).filter(|_| !head);
            FileAnswer {
                length: Some(length),
                body: last.map_or(Body::Empty, |last| reads(Part { first: 0, last })),
                ..base
            }
        }
        Verdict::Part(part) => FileAnswer {
            status: 206,
            length: Some(part.length()),
            range: Some(format!("bytes {}-{}/{length}", part.first, part.last).into()),
            body: reads(part),
            ..base
        },
        Verdict::NotModified => FileAnswer {
            status: 304,
            media: "",
            ..base
        },
        Verdict::Failed => FileAnswer {
            status: 412,
            media: "",
            length: Some(0),
            ..base
        },
        Verdict::Unsatisfiable => FileAnswer {
            status: 416,
            media: "",
            length: Some(0),
            range: Some(format!("bytes */{length}").into()),
            ..base
        },
    }
}

/// The value of a field that stands once; one that stands more often says nothing.
fn single<'a>(request: &Request<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let mut found = request
        .fields()
        .filter(|field| field.name().eq_ignore_ascii_case(name));
    let first = found.next()?;
    found.next().is_none().then_some(first.value())
}

/// Its tag and its date. The tag says nothing of the disk to whoever has not the gate's key.
fn versioned(core: &Core, exchange: &Exchange, facts: &Facts) -> (Box<str>, Box<str>) {
    let marks = facts.marks.map(i64::to_be_bytes);
    let parts: Vec<&[u8]> = marks.iter().map(<[u8; 8]>::as_slice).collect();
    let mac = core.gate.file_tags.sign(&parts);
    let short = mac.as_bytes().get(..16).unwrap_or_default();
    let settled = exchange.at.seconds().saturating_sub(facts.modified) >= UNSETTLED;
    let weak = if settled { "" } else { "W/" };
    let tag = format!("{weak}\"{}\"", seal::encode::hex(short));
    (tag.into(), date::write(facts.modified).into())
}

/// How long it may be kept, and by whom: what asks for a credential, by nobody in between.
fn caching(folder: &Folder, open: bool) -> Box<str> {
    let whose = if open { "public" } else { "private" };
    match folder.cache {
        Some(age) if !age.is_zero() => format!("{whose}, max-age={}", age.as_secs()).into(),
        Some(_) => "no-store".into(),
        None => format!("{whose}, no-cache").into(),
    }
}

/// Has a browser store it, under its own name (RFC 6266, RFC 8187 for the encoding).
fn disposition(name: &Name) -> Box<str> {
    let mut text = String::from("attachment; filename*=UTF-8''");
    for byte in name.last().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_stores_a_file_under_its_own_name() {
        let name = Name::below("a/\"x\" ü;y.html", false).unwrap();
        let expected = "attachment; filename*=UTF-8''%22x%22%20%C3%BC%3By.html";
        assert_eq!(&*disposition(&name), expected);
    }
}
