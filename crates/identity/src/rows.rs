//! Rows: what somebody sees of a collection in the answers of an app that shows all of it.
//!
//! Owns collections, which say where in an answer rows stand; views, which say what each role sees of
//! them; and [`Sight`], the judgement of both for one request. Refuses what no view allows: a role
//! without a view of a collection sees nothing of it, a row whose owner cannot be read belongs to nobody,
//! and an answer that cannot be read is not passed on. Several roles add up in what they see, and in what
//! they do not: a field that one of them hides stays hidden.
//!
//! What the app holds is not known here, only what it answers. So whoever sees their own rows alone may
//! read, and change no more than the methods that their view names: whose row a request would change is
//! the app's to judge.

mod cut;

use std::{fmt, sync::Arc};

pub use self::cut::Unseen;
use crate::{AccessRefusal, Authorised, Principal, Subject};

/// Most bytes of an answer that is read: more is not passed on.
pub const LARGEST: u64 = 4 * 1024 * 1024;

/// Longest text that an answer of counts may hold, in characters: the name of a group, and no sentence.
pub const LABEL: usize = 32;

/// A kind of row that an app answers with.
#[derive(Debug)]
pub struct Collection {
    /// Its name.
    pub name: Box<str>,
    /// Where its rows stand in an answer.
    pub at: Pointer,
    /// Fields beside the rows that pass, where they hold neither lists nor objects.
    pub beside: Vec<Box<str>>,
    /// Who gives the names that rows call their owners by; whoever there is, where only one does.
    pub issuer: Option<Box<str>>,
    /// What counts of its rows look like.
    pub counts: Option<Counts>,
    /// What each role sees of it.
    pub views: Vec<View>,
}

/// Counts of rows, by groups.
#[derive(Debug)]
pub struct Counts {
    /// Where the groups stand in an answer.
    pub at: Pointer,
    /// The fields that pass; all others do not.
    pub show: Vec<Box<str>>,
    /// The one that says how many rows a group has.
    pub count: Box<str>,
    /// The smallest group that is shown.
    pub least: u64,
}

/// What one role sees of a collection.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Whose view it is.
    pub role: Box<str>,
    /// Every row.
    pub all: bool,
    /// Rows in which this field names whoever asks.
    pub own: Option<Box<str>>,
    /// Counts.
    pub counts: bool,
    /// Fields that are left out of every row, at any depth, whatever their letters' case.
    pub hide: Vec<Box<str>>,
    /// Methods beside GET and HEAD that whoever sees only their own may use.
    pub write: Vec<Box<str>>,
    /// The line of the configuration it stands in, from 1; 0 where it stands in none.
    pub line: usize,
}

/// A way into an answer: names of fields, each within the last (RFC 6901, without indices). The empty
/// one leads to the answer itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(Vec<Box<str>>);

impl Pointer {
    /// Most fields within each other.
    pub const LONGEST: usize = 8;

    /// Reads `/data/rows`; the empty text is the answer itself.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(names) = text.strip_prefix('/') else {
            return Err("does not begin with a slash");
        };
        let names: Vec<Box<str>> = names
            .split('/')
            .map(|name| name.replace("~1", "/").replace("~0", "~").into())
            .collect();
        if names.len() > Self::LONGEST {
            return Err("names more than eight fields");
        }
        if names.iter().any(|name| name.is_empty()) {
            return Err("names a field without a name");
        }
        Ok(Self(names))
    }
}

/// What the answers of a route hold of a collection.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Which.
    pub collection: Arc<Collection>,
    /// Its rows, or counts of them.
    pub kind: Kind,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rows.
    Rows,
    /// Counts of rows.
    Counts,
}

/// What may pass of the answer to one request. Made by [`Authorised::sight`] alone, so code that takes
/// one cannot be reached without the judgement.
#[derive(Debug)]
#[must_use = "an answer is passed on whole unless this is asked"]
pub struct Sight(Option<Box<Narrow>>);

/// Less than the whole answer.
pub struct Narrow {
    collection: Arc<Collection>,
    what: What,
}

enum What {
    /// The rows of which one of these is true.
    Rows {
        all: bool,
        /// Fields that name an owner, and who that must be.
        own: Vec<Box<str>>,
        me: Option<Box<str>>,
        hide: Vec<Box<str>>,
    },
    Counts,
}

impl Narrow {
    /// The rows of `collection` in which one of `own` names `me`, without the fields in `hide`.
    pub(crate) fn of_rows(
        collection: Arc<Collection>,
        own: Vec<Box<str>>,
        me: Option<Box<str>>,
        hide: Vec<Box<str>>,
    ) -> Self {
        let all = false;
        let what = What::Rows { all, own, me, hide };
        Self { collection, what }
    }

    /// Counts of `collection`.
    pub(crate) const fn of_counts(collection: Arc<Collection>) -> Self {
        let what = What::Counts;
        Self { collection, what }
    }
}

impl fmt::Debug for Narrow {
    /// Says nothing of who asks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Narrow({})", self.collection.name)
    }
}

impl Sight {
    /// What the answer must be cut to, if anything.
    #[must_use]
    pub fn narrow(&self) -> Option<&Narrow> {
        self.0.as_deref()
    }

    /// The same, for whoever keeps it until there is an answer.
    #[must_use]
    pub fn into_narrow(self) -> Option<Box<Narrow>> {
        self.0
    }
}

impl Authorised {
    /// What whoever asks may see of the answer to `method` on a route whose answers hold `answers`.
    /// Costs nothing where they hold no rows, and next to nothing for whoever sees all of them.
    pub fn sight(&self, answers: Option<&Answers>, method: &str) -> Result<Sight, AccessRefusal> {
        let Some(answers) = answers else {
            return Ok(Sight(None));
        };
        let collection = &answers.collection;
        let what = match answers.kind {
            Kind::Rows => rows(collection, self.principal(), method)?,
            Kind::Counts => counts(collection, self.principal())?,
        };
        if let What::Rows {
            all: true, hide, ..
        } = &what
            && hide.is_empty()
        {
            return Ok(Sight(None));
        }
        let collection = Arc::clone(collection);
        Ok(Sight(Some(Box::new(Narrow { collection, what }))))
    }
}

impl Collection {
    /// The views of whoever has `roles`.
    pub fn views_of<'a, R: AsRef<str>>(&'a self, roles: &'a [R]) -> impl Iterator<Item = &'a View> {
        self.views
            .iter()
            .filter(|view| roles.iter().any(|role| *view.role == *role.as_ref()))
    }

    /// What its rows call `principal`, if they can.
    fn name_of(&self, principal: &Principal) -> Option<Box<str>> {
        match principal.subject() {
            subject @ (Subject::Key(_) | Subject::Certificate(_)) => {
                Some(subject.to_string().into())
            }
            Subject::User { issuer, name } => {
                let known = self.issuer.as_deref();
                let vouched =
                    principal.is_probe() || known.is_none_or(|expected| expected == issuer);
                (vouched && !name.is_empty()).then(|| name.into())
            }
        }
    }
}

impl View {
    /// Whether whoever has it may use `method` on rows.
    #[must_use]
    pub fn permits(&self, method: &str) -> bool {
        self.all
            || self.own.is_some()
                && (matches!(method, "GET" | "HEAD")
                    || self.write.iter().any(|listed| **listed == *method))
    }
}

fn rows(
    collection: &Collection,
    principal: &Principal,
    method: &str,
) -> Result<What, AccessRefusal> {
    let (mut all, mut own, mut hide) = (false, Vec::new(), Vec::new());
    let (mut seen, mut permitted) = (false, false);
    for view in collection.views_of(principal.roles()) {
        seen |= view.all || view.own.is_some();
        permitted |= view.permits(method);
        all |= view.all;
        own.extend(view.own.clone());
        hide.extend(view.hide.iter().cloned());
    }
    if !seen {
        return Err(AccessRefusal::Unseen);
    }
    if !permitted {
        return Err(AccessRefusal::Unjudged);
    }
    let me = collection.name_of(principal);
    Ok(What::Rows { all, own, me, hide })
}

fn counts(collection: &Collection, principal: &Principal) -> Result<What, AccessRefusal> {
    let sees = |view: &View| view.all || view.counts;
    if collection.views_of(principal.roles()).any(sees) {
        Ok(What::Counts)
    } else {
        Err(AccessRefusal::Unseen)
    }
}

#[cfg(test)]
mod tests;
