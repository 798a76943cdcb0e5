//! The shapes: what is sent, and what must become of it.
//!
//! Owns the reading of `shapes/*.toml`, one file for each group, and what a shape leaves unsaid.
//! Refuses a shape that does not say what must become of it, and two of one name.

use serde::Deserialize;

use super::script::{self, Names, Step};

/// The files, in the order of the page.
const FILES: &[(&str, &str)] = &[
    ("framing.toml", include_str!("shapes/framing.toml")),
    ("chunked.toml", include_str!("shapes/chunked.toml")),
    ("targets.toml", include_str!("shapes/targets.toml")),
    ("host.toml", include_str!("shapes/host.toml")),
    ("fields.toml", include_str!("shapes/fields.toml")),
    ("connection.toml", include_str!("shapes/connection.toml")),
    ("methods.toml", include_str!("shapes/methods.toml")),
    ("upgrade.toml", include_str!("shapes/upgrade.toml")),
    ("sequence.toml", include_str!("shapes/sequence.toml")),
    ("identity.toml", include_str!("shapes/identity.toml")),
    ("answers.toml", include_str!("shapes/answers.toml")),
];

/// The fields that the gate sets on each request, with the request id as [`normal`] leaves it.
const OURS: &str = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: \
                    {host}\r\nForwarded: for=127.0.0.1;host=\"{host}\";proto=http\r\n\
                    X-Request-Id: ID\r\n";

/// The fields that the gate sets on each answer it passes on.
const OURS_DOWN: &str = "X-Content-Type-Options: nosniff\r\n\
                         Content-Security-Policy: frame-ancestors 'self'\r\n\
                         X-Frame-Options: SAMEORIGIN\r\nReferrer-Policy: same-origin\r\n\
                         X-Request-Id: ID\r\n";

/// A group of shapes.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) shapes: Vec<Shape>,
}

/// One shape.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) about: String,
    /// Where it stands: `9112 6.3`.
    pub(super) rfc: String,
    /// Whether it is a case of conformance: a server must do this, whatever else it does.
    pub(super) conformance: bool,
    /// The script of the client.
    pub(super) send: String,
    /// The scripts of the origin's answers, in turn.
    pub(super) answers: Vec<String>,
    /// Whether the origin answers before it has read the body.
    pub(super) early: bool,
    /// What the client must hear from Vouchsafe, answer by answer.
    pub(super) expect: Vec<Expect>,
    pub(super) upstream: Upstream,
    /// What the client must be sent, byte by byte, where that is not the origin's plain answer.
    pub(super) client: Option<String>,
    /// Readers that know too little to read this, such as llhttp, which knows methods by a list.
    pub(super) unread_by: Vec<String>,
}

/// What must become of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// The origin's answer, of this status.
    Answer(u16),
    /// The origin's status, with a body of the gate's own instead of its error.
    Hidden(u16),
    /// A refusal of the gate's own, recorded for this reason.
    Refused { status: u16, reason: String },
    /// The answer breaks off, and the connection with it; recorded for this reason.
    Cut { reason: String },
    /// Nothing: the connection ends.
    Silence,
    /// Nothing, because the client left what it had asked for; recorded for this reason.
    Left { reason: String },
}

/// What must have arrived at the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Upstream {
    /// Exactly these bytes, connection by connection.
    Exactly(Vec<String>),
    /// These bytes or a beginning of them: the request broke off on its way.
    UpTo(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    about: String,
    shape: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    about: String,
    rfc: String,
    #[serde(default)]
    conformance: bool,
    /// The whole script, or else the four parts below.
    send: Option<String>,
    line: Option<String>,
    host: Option<String>,
    fields: Option<String>,
    body: Option<String>,
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    early: bool,
    /// `forward`, `answer 404`, `hidden 500`, `400 reason`, `cut reason`, `left reason` or
    /// `silence`; several with commas between.
    expect: String,
    /// What arrives upstream: connections in turn.
    upstream: Option<Vec<String>>,
    /// Or what arrives at most.
    upto: Option<String>,
    client: Option<String>,
    #[serde(default)]
    unread_by: Vec<String>,
}

/// Reads all groups.
pub(super) fn all() -> Result<Vec<Group>, String> {
    let mut groups: Vec<Group> = Vec::new();
    for (name, text) in FILES {
        let file: File = toml::from_str(text).map_err(|fault| format!("{name}: {fault}"))?;
        let shapes = file
            .shape
            .into_iter()
            .map(|raw| {
                let id = raw.id.clone();
                build(raw).map_err(|fault| format!("{name}: {id}: {fault}"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        groups.push(Group {
            name: file.name,
            about: file.about,
            shapes,
        });
    }
    let mut ids: Vec<&str> = groups
        .iter()
        .flat_map(|group| &group.shapes)
        .map(|shape| &*shape.id)
        .collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(format!("two shapes are called {}", pair.concat())),
        None => Ok(groups),
    }
}

fn build(raw: Raw) -> Result<Shape, String> {
    let expect = raw
        .expect
        .split(',')
        .map(|word| expectation(word.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    let forwards = expect
        .iter()
        .any(|expect| matches!(expect, Expect::Answer(_) | Expect::Hidden(_)));
    let send = match &raw.send {
        Some(send) if raw.line.is_none() && raw.fields.is_none() => send.clone(),
        None => {
            let body = raw.body.as_deref().unwrap_or_default();
            let fields = raw.fields.as_deref().unwrap_or_default();
            let host = raw.host.as_deref().unwrap_or(r"Host: {host}\r\n");
            format!(r"{}\r\n{host}{fields}\r\n{body}", line(&raw))
        }
        Some(_) => return Err("says both send and its parts".to_owned()),
    };
    let upstream = match (&raw.upstream, &raw.upto) {
        (Some(connections), None) => Upstream::Exactly(connections.clone()),
        (None, Some(most)) => Upstream::UpTo(most.clone()),
        (Some(_), Some(_)) => return Err("says both upstream and upto".to_owned()),
        (None, None) if !forwards => Upstream::Exactly(Vec::new()),
        (None, None) if raw.send.is_some() || raw.host.is_some() => {
            return Err("says send or host, and not what arrives upstream".to_owned());
        }
        (None, None) => Upstream::Exactly(vec![as_sent(&raw)]),
    };
    let shape = Shape {
        id: raw.id,
        about: raw.about,
        rfc: raw.rfc,
        conformance: raw.conformance,
        send,
        answers: raw.answers,
        early: raw.early,
        expect,
        upstream,
        client: raw.client,
        unread_by: raw.unread_by,
    };
    // A slip in a script is found before anything runs.
    shape.script("h")?;
    shape.origin()?;
    shape.expected_upstream("h")?;
    shape.expected_client()?;
    Ok(shape)
}

fn line(raw: &Raw) -> &str {
    let otherwise = if raw.body.is_some() {
        "POST / HTTP/1.1"
    } else {
        "GET / HTTP/1.1"
    };
    raw.line.as_deref().unwrap_or(otherwise)
}

/// The request as it was sent, with ours behind its fields and its framing last, where the writer
/// puts it.
fn as_sent(raw: &Raw) -> String {
    let fields = raw.fields.as_deref().unwrap_or_default();
    let (framing, plain): (Vec<&str>, Vec<&str>) =
        fields.split_inclusive(r"\r\n").partition(|line| {
            let name = line.split(':').next().unwrap_or_default();
            ["content-length", "transfer-encoding"]
                .iter()
                .any(|framing| name.eq_ignore_ascii_case(framing))
        });
    format!(
        r"{}\r\nHost: {{host}}\r\n{}{{ours}}{}\r\n{}",
        line(raw),
        plain.concat(),
        framing.concat(),
        raw.body.as_deref().unwrap_or_default(),
    )
}

fn expectation(word: &str) -> Result<Expect, String> {
    let unknown = || format!("`{word}` is nothing that can become of a request");
    let status = |digits: &str| digits.parse::<u16>().map_err(|_| unknown());
    match word.split_once(' ') {
        None => match word {
            "forward" => Ok(Expect::Answer(200)),
            "silence" => Ok(Expect::Silence),
            _ => Err(unknown()),
        },
        Some(("cut", reason)) => Ok(Expect::Cut {
            reason: reason.to_owned(),
        }),
        Some(("left", reason)) => Ok(Expect::Left {
            reason: reason.to_owned(),
        }),
        Some(("answer", digits)) => Ok(Expect::Answer(status(digits)?)),
        Some(("hidden", digits)) => Ok(Expect::Hidden(status(digits)?)),
        Some((digits, reason)) => Ok(Expect::Refused {
            status: status(digits)?,
            reason: reason.to_owned(),
        }),
    }
}

impl Shape {
    /// What the client sends to a server that answers to `host` on `port`.
    pub(super) fn script(&self, host: &str) -> Result<Vec<Step>, String> {
        script::read(&self.send, Names { host, ours: "" })
    }

    /// What the origin answers.
    pub(super) fn origin(&self) -> Result<super::origin::Play, String> {
        let answers = self
            .answers
            .iter()
            .map(|answer| script::read(answer, Names::default()))
            .collect::<Result<_, _>>()?;
        Ok(super::origin::Play {
            answers,
            early: self.early,
        })
    }

    /// The bytes that must arrive upstream, connection by connection.
    pub(super) fn expected_upstream(&self, host: &str) -> Result<Vec<Vec<u8>>, String> {
        let ours = OURS.replace("{host}", host);
        let names = Names { host, ours: &ours };
        let all = match &self.upstream {
            Upstream::Exactly(connections) => connections.as_slice(),
            Upstream::UpTo(most) => std::slice::from_ref(most),
        };
        all.iter().map(|text| script::bytes(text, names)).collect()
    }

    /// The bytes that the client must be sent, where the shape says so.
    pub(super) fn expected_client(&self) -> Result<Option<Vec<u8>>, String> {
        let names = Names {
            host: "",
            ours: OURS_DOWN,
        };
        self.client
            .as_deref()
            .map(|text| script::bytes(text, names))
            .transpose()
    }

    /// How many answers the client waits for.
    pub(super) fn awaited(&self) -> usize {
        self.expect
            .iter()
            .filter(|expect| {
                matches!(
                    expect,
                    Expect::Answer(_) | Expect::Hidden(_) | Expect::Refused { .. }
                )
            })
            .count()
    }
}

impl Expect {
    /// The reason that the ledger has for it.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } | Self::Cut { reason } | Self::Left { reason } => {
                Some(reason)
            }
            Self::Answer(_) | Self::Hidden(_) | Self::Silence => None,
        }
    }

    pub(super) const fn is_cut(&self) -> bool {
        matches!(self, Self::Cut { .. })
    }

    /// Whether a reset is as good an end as any.
    pub(super) const fn may_reset(&self) -> bool {
        matches!(self, Self::Cut { .. } | Self::Left { .. })
    }
}

/// `bytes` with every request id, which is another each time, as `ID`.
pub(super) fn normal(bytes: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"X-Request-Id: ";
    let mut all = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(NAME.len()).position(|word| word == NAME) {
        let (before, after) = rest.split_at(at + NAME.len());
        all.extend_from_slice(before);
        let digits = after
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        if digits == 32 {
            all.extend_from_slice(b"ID");
        } else {
            all.extend_from_slice(after.get(..digits).unwrap_or_default());
        }
        rest = after.get(digits..).unwrap_or_default();
    }
    all.extend_from_slice(rest);
    all
}
