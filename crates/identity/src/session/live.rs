//! The sessions of this moment, as requests are checked against them.
//!
//! Owns the snapshot every core reads, in parts so that a login copies little, and what is known of
//! each session besides its row: when it was last used, and when the store last confirmed it. A check
//! takes no lock, allocates nothing and asks no database. Refuses to believe a session for longer than
//! [`BELIEVED`] without the store's word, and to believe one again that has ended here.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use arc_swap::ArcSwap;
use control::{Clock, Timestamp};
use store::sessions::{Digest, SessionRow};

use super::{BELIEVED, Session, SessionRefusal, id};
use crate::{IdHash, Principal, Verified, token::marks::Tenure};

/// Parts of the snapshot; a power of two.
const PARTS: usize = 64;

/// Most sessions of one part: 16,384 in all. What is beyond is asked for at every use.
const PART_LIMIT: usize = 256;

/// What is known here of an id that a request presents.
#[derive(Debug)]
#[must_use = "nobody is logged in by being looked up"]
pub enum Seen {
    /// The store has confirmed it a moment ago.
    Good(Verified),
    /// The store has to be asked: [`super::Sessions::confirm`].
    Unconfirmed(Unconfirmed),
}

/// A session that only the store can judge.
#[derive(Debug)]
pub struct Unconfirmed {
    pub(super) digest: Digest,
    /// Of the token that stands for it, if one does.
    pub(super) tenure: Option<Tenure>,
}

impl Unconfirmed {
    /// Whether a token stands for it, and not what a browser shows.
    #[must_use]
    pub const fn is_of_token(&self) -> bool {
        self.tenure.is_some()
    }
}

type Part = HashMap<Digest, Arc<Session>, IdHash>;

/// The sessions confirmed lately, shared by every core. Clones see the same.
#[derive(Clone)]
pub struct LiveSessions(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    parts: [ArcSwap<Part>; PARTS],
    /// Held by whoever changes the parts; counts how often sessions were ended here.
    writing: Mutex<Writing>,
}

#[derive(Default)]
struct Writing {
    ends: u64,
    /// Uses of sessions that had to make room before they were stored.
    left: Vec<(Digest, Timestamp)>,
}

impl LiveSessions {
    /// No session yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared {
            clock,
            parts: std::array::from_fn(|_| ArcSwap::default()),
            writing: Mutex::default(),
        }))
    }

    /// Checks what a request presents.
    ///
    /// # Errors
    ///
    /// [`SessionRefusal`]; never `Unknown` for a session that only the store knows.
    pub fn look(&self, presented: &[u8], now: Timestamp) -> Result<Seen, SessionRefusal> {
        let digest = id::digest_of(presented).ok_or(SessionRefusal::Malformed)?;
        self.look_at(digest, None, now)
    }

    /// The same of a session whose digest is known; `tenure` is that of a token that stands for it.
    pub(crate) fn look_at(
        &self,
        digest: Digest,
        tenure: Option<Tenure>,
        now: Timestamp,
    ) -> Result<Seen, SessionRefusal> {
        let part = self.part(&digest).load();
        match part.get(&digest) {
            Some(session) if session.age() < BELIEVED => {
                Self::judge(session, tenure, now).map(Seen::Good)
            }
            _ => Ok(Seen::Unconfirmed(Unconfirmed { digest, tenure })),
        }
    }

    /// Believes a session that the store has confirmed, unless it has ended.
    fn judge(
        session: &Arc<Session>,
        tenure: Option<Tenure>,
        now: Timestamp,
    ) -> Result<Verified, SessionRefusal> {
        if let Some(ended) = session.ended(now) {
            session.over.store(true, Ordering::Release);
            return Err(ended);
        }
        session.note_use(now);
        let principal = Principal::Session(Arc::clone(session));
        Ok(Verified::new(principal, tenure))
    }

    /// How often sessions were ended here: ask before the store is asked, for [`Self::admit`].
    pub(super) fn ends(&self) -> u64 {
        self.writing().ends
    }

    /// Takes up a row that the store gave. None if a session was ended here since `ends` was asked
    /// for: the row may be older than that, so the store must be asked again.
    pub(super) fn admit(
        &self,
        row: SessionRow,
        tenure: Option<Tenure>,
        ends: u64,
        now: Timestamp,
    ) -> Option<Result<Verified, SessionRefusal>> {
        let mut writing = self.writing();
        if writing.ends != ends {
            return None;
        }
        let part = self.part(&row.digest);
        let known = part.load().get(&row.digest).map(Arc::clone);
        if let Some(known) = known {
            known.confirm(&row);
            return Some(Self::judge(&known, tenure, now));
        }
        let session = Arc::new(Session::of(row, Arc::clone(&self.0.clock)));
        let judged = Self::judge(&session, tenure, now);
        if judged.is_ok() {
            let mut next = Part::clone(&part.load());
            make_room(&mut next, &mut writing.left);
            next.insert(session.digest, session);
            part.store(Arc::new(next));
        }
        Some(judged)
    }

    /// Takes up that the store still has a session, which counts as no use of it. Not if a session
    /// was ended here since `ends` was asked for.
    pub(super) fn refresh(&self, row: &SessionRow, ends: u64) {
        let writing = self.writing();
        if writing.ends == ends
            && let Some(known) = self.part(&row.digest).load().get(&row.digest)
        {
            known.confirm(row);
        }
    }

    /// Whether a session with this digest is known here.
    pub(super) fn knows(&self, digest: &Digest) -> bool {
        self.part(digest).load().contains_key(digest)
    }

    /// Ends sessions here, from the next check on.
    pub(super) fn end(&self, digests: &[Digest]) {
        let mut writing = self.writing();
        writing.ends += 1;
        for digest in digests {
            self.drop_one(digest);
        }
    }

    /// Whoever calls holds `writing`.
    fn drop_one(&self, digest: &Digest) {
        let part = self.part(digest);
        let mut next = Part::clone(&part.load());
        if let Some(session) = next.remove(digest) {
            session.over.store(true, Ordering::Release);
            part.store(Arc::new(next));
        }
    }

    /// Sessions that somebody needs and the store has not confirmed for a while, up to `most`.
    pub(super) fn wanted(&self, most: usize) -> Vec<Digest> {
        let mut wanted = Vec::new();
        for part in &self.0.parts {
            for session in part.load().values() {
                if wanted.len() == most {
                    return wanted;
                }
                if session.wanted.swap(false, Ordering::Relaxed) {
                    wanted.push(session.digest);
                }
            }
        }
        wanted
    }

    /// When sessions were last used, where that is not stored yet.
    pub(super) fn unstored(&self) -> Vec<(Digest, Timestamp)> {
        let mut all = std::mem::take(&mut self.writing().left);
        for part in &self.0.parts {
            all.extend(
                part.load()
                    .values()
                    .filter_map(|session| session.unstored()),
            );
        }
        all
    }

    /// Notes that these uses are stored.
    pub(super) fn are_stored(&self, uses: &[(Digest, Timestamp)]) {
        for (digest, at) in uses {
            if let Some(session) = self.part(digest).load().get(digest) {
                session.is_stored(*at);
            }
        }
    }

    /// Lets go of sessions that are over, and of those that nobody has used for so long that the
    /// store would have to be asked anyway.
    pub(super) fn tidy(&self, now: Timestamp) {
        let writing = self.writing();
        let goes = |session: &Arc<Session>| {
            let unused = session.unconfirmed_for() >= 12 * BELIEVED && session.unstored().is_none();
            session.ended(now).is_some() || unused && Arc::strong_count(session) == 1
        };
        for part in &self.0.parts {
            let current = part.load();
            // Before the copy, which holds every session once more.
            let going: Vec<Digest> = current
                .values()
                .filter(|session| goes(session))
                .map(|session| session.digest)
                .collect();
            if !going.is_empty() {
                let mut next = Part::clone(&current);
                next.retain(|digest, _| !going.contains(digest));
                part.store(Arc::new(next));
            }
        }
        drop(writing);
    }

    /// When the session was last used, as far as this node knows.
    pub(super) fn last_seen(&self, digest: &Digest) -> Option<Timestamp> {
        let part = self.part(digest).load();
        let session = part.get(digest)?;
        Some(Timestamp::from_millis(session.seen.load(Ordering::Relaxed)))
    }

    fn part(&self, digest: &Digest) -> &ArcSwap<Part> {
        // A digest is as good as random; the table inside takes its place from a hash of it all.
        let at = digest.first().map_or(0, |byte| usize::from(*byte) % PARTS);
        self.0.parts.get(at).unwrap_or(&self.0.parts[0])
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        // Parts are replaced in one step each: a panic elsewhere leaves them whole.
        self.0
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out the session that was confirmed longest ago, where a part is full: first one that no
/// request and no connection holds.
fn make_room(part: &mut Part, left: &mut Vec<(Digest, Timestamp)>) {
    if part.len() < PART_LIMIT {
        return;
    }
    let oldest = part
        .values()
        .min_by_key(|session| {
            let held = Arc::strong_count(session) > 2;
            (held, session.confirmed.load(Ordering::Relaxed))
        })
        .map(|session| session.digest);
    if let Some(session) = oldest.and_then(|digest| part.remove(&digest)) {
        left.extend(session.unstored());
    }
}

impl fmt::Debug for LiveSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveSessions(..)")
    }
}

#[cfg(test)]
mod tests;
