//! Confine: parameters that an app takes for names of files.
//!
//! Owns the judgement of what [`crate::site::confine`] declares, and its proof. Refuses a parameter that is
//! no name, that stands twice, or that two apps could read differently: in brackets, behind a semicolon,
//! in other letters. Knows no folder: a name that passes goes down and nowhere else, and links in the app's
//! own folders are the app's.

use std::borrow::Cow;

use control::{Reason, Refusal};
use files::{Name, NameFault, name};
use wire::Request;

use super::{exchange::Exchange, files::FILES, framing::Paths};
use crate::site::{
    confine::{Parameter, Place},
    route::Route,
};

/// Most parameters of a query that is judged.
const MOST: usize = 256;

/// Proof that every parameter which a route declares was judged. Made by [`judge`] alone.
#[derive(Debug)]
pub(super) struct Confined(());

/// Why a parameter is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is no name.
    Name(NameFault),
    /// It stands more than once.
    Repeated,
    /// Where it ends, or what it is called, depends on who reads it.
    Ambiguous,
    /// There are too many.
    TooMany,
}

/// Judges what a route declares to be names of files.
pub(super) fn judge(
    exchange: &mut Exchange,
    route: &Route,
    request: &Request<'_>,
    paths: &Paths<'_>,
) -> Result<Confined, Refusal> {
    for parameter in &route.confine {
        let judged = match &parameter.place {
            Place::Query(name) => in_query(parameter, name, request.query().unwrap_or_default()),
            Place::Path => in_path(parameter, route, &paths.plain),
        };
        if let Err(fault) = judged {
            exchange.told = Some(told(parameter, fault).into());
            return Err(refusal(fault));
        }
    }
    Ok(Confined(()))
}

fn in_path(parameter: &Parameter, route: &Route, path: &str) -> Result<(), Fault> {
    let below = path.strip_prefix(&*route.path).unwrap_or(path);
    match below.strip_prefix('/').unwrap_or(below) {
        // The route itself names no file.
        "" => Ok(()),
        name => is_name(parameter, name),
    }
}

fn in_query(parameter: &Parameter, wanted: &str, query: &[u8]) -> Result<(), Fault> {
    // Some apps end a parameter at a semicolon, and others do not.
    if query.contains(&b';') {
        return Err(Fault::Ambiguous);
    }
    let mut found = false;
    for (at, pair) in query.split(|byte| *byte == b'&').enumerate() {
        if at >= MOST {
            return Err(Fault::TooMany);
        }
        let end = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = pair.split_at(end.unwrap_or(pair.len()));
        let key = name::decode(key, true).map_err(Fault::Name)?;
        // Brackets and dots make lists and objects of it, blanks are cut off.
        let cut: Cow<'_, str> = match key.find(['[', '.', '\0']) {
            Some(end) => Cow::Borrowed(key.get(..end).unwrap_or_default()),
            None => Cow::Borrowed(&key),
        };
        if !cut.trim().eq_ignore_ascii_case(wanted) {
            continue;
        }
        if key != wanted {
            return Err(Fault::Ambiguous);
        }
        if found {
            return Err(Fault::Repeated);
        }
        found = true;
        let value = value.strip_prefix(b"=").unwrap_or(value);
        let value = name::decode(value, true).map_err(Fault::Name)?;
        is_name(parameter, &value)?;
    }
    Ok(())
}

fn is_name(parameter: &Parameter, text: &str) -> Result<(), Fault> {
    let read = if parameter.plain {
        Name::plain(text, parameter.hidden)
    } else {
        Name::decoded(text, parameter.hidden)
    };
    read.map(drop).map_err(Fault::Name)
}

/// What whoever sent it is told: the place and the rule, and nothing of what they sent.
fn told(parameter: &Parameter, fault: Fault) -> String {
    let place = match &parameter.place {
        Place::Query(name) => format!("The parameter {name}"),
        Place::Path => "The path".to_owned(),
    };
    match fault {
        Fault::Name(fault) => format!("{place} is no name of a file: {fault}."),
        Fault::Repeated => format!("{place} stands more than once."),
        Fault::Ambiguous => format!("{place} can be read in two ways."),
        Fault::TooMany => "There are too many parameters.".to_owned(),
    }
}

const fn refusal(fault: Fault) -> Refusal {
    let reason = match fault {
        Fault::Name(fault) => fault.code(),
        Fault::Repeated => "parameter-repeated",
        Fault::Ambiguous => "parameter-ambiguous",
        Fault::TooMany => "parameters-too-many",
    };
    let public = "A parameter is no name of a file.";
    Refusal::new(FILES, 400, public, Reason(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(plain: bool, query: &str) -> Result<(), Fault> {
        let parameter = Parameter {
            place: Place::Query("file".into()),
            plain,
            hidden: false,
        };
        in_query(&parameter, "file", query.as_bytes())
    }

    #[test]
    fn a_name_passes_and_so_does_a_query_without_one() {
        for good in [
            "",
            "a=1",
            "file=a.csv",
            "a=../x&file=a+b.csv&b=%2e%2e",
            "file=%C3%BC.csv",
            "other=file",
        ] {
            assert_eq!(judged(true, good), Ok(()), "{good}");
        }
        assert_eq!(judged(false, "file=a/b.csv"), Ok(()));
        assert_eq!(judged(false, "file=a%2fb.csv"), Ok(()));
    }

    #[test]
    fn whatever_is_no_name_or_can_be_read_in_two_ways_is_refused() {
        for (bad, fault) in [
            ("file=", Fault::Name(NameFault::Empty)),
            ("file", Fault::Name(NameFault::Empty)),
            ("file=../x", Fault::Name(NameFault::Dots)),
            ("file=%2e%2e%2fx", Fault::Name(NameFault::Dots)),
            ("file=%252e%252e%252fx", Fault::Name(NameFault::Twice)),
            ("file=/etc/passwd", Fault::Name(NameFault::Absolute)),
            ("file=..%5cx", Fault::Name(NameFault::Separator)),
            ("file=.env", Fault::Name(NameFault::Hidden)),
            ("file=a%00", Fault::Name(NameFault::Control)),
            ("file=%c0%ae", Fault::Name(NameFault::Encoding)),
            ("file=%", Fault::Name(NameFault::Escape)),
            ("fil%65=..", Fault::Name(NameFault::Dots)),
            ("file=a&file=b", Fault::Repeated),
            ("File=..", Fault::Ambiguous),
            ("file[]=..", Fault::Ambiguous),
            ("file.x=..", Fault::Ambiguous),
            ("file%00=..", Fault::Ambiguous),
            ("+file=..", Fault::Ambiguous),
            ("a=1;file=..", Fault::Ambiguous),
            ("%ff=..", Fault::Name(NameFault::Encoding)),
        ] {
            assert_eq!(judged(false, bad), Err(fault), "{bad}");
        }
        assert_eq!(judged(true, "file=a/b"), Err(Fault::Name(NameFault::Slash)));
        assert_eq!(judged(true, &"a&".repeat(MOST)), Err(Fault::TooMany));
    }
}
