//! What every kind of client was answered.

use std::{cell::RefCell, collections::BTreeMap, io};

use serde::Serialize;

use super::Kind;

/// Most wrong answers of a kind that are told in words.
const IN_WORDS: usize = 5;

/// How one visit ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The answer that is right for the kind.
    Right(u16),
    /// An answer, and what is wrong with it.
    Wrong(u16, String),
    /// The client left before there was an answer, as it meant to.
    Left,
}

#[derive(Debug, Default)]
pub(crate) struct Account(RefCell<BTreeMap<Kind, Entry>>);

#[derive(Clone, Debug, Default, Serialize)]
struct Entry {
    right: u64,
    wrong: u64,
    left: u64,
    statuses: BTreeMap<String, u64>,
    words: Vec<String>,
}

/// The account of all kinds, by name.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    kinds: BTreeMap<&'static str, Entry>,
}

impl Account {
    pub(crate) fn enter(&self, kind: Kind, seen: io::Result<Seen>) {
        let mut kinds = self.0.borrow_mut();
        let entry = kinds.entry(kind).or_default();
        let mut status = None;
        let mut word = None;
        match seen {
            Ok(Seen::Right(right)) => {
                entry.right += 1;
                status = Some(right);
            }
            Ok(Seen::Wrong(wrong, why)) => {
                entry.wrong += 1;
                status = Some(wrong);
                word = Some(format!("{wrong}: {why}"));
            }
            Ok(Seen::Left) => entry.left += 1,
            Err(fault) => {
                entry.wrong += 1;
                word = Some(format!("no answer: {fault}"));
            }
        }
        if let Some(status) = status {
            *entry.statuses.entry(status.to_string()).or_default() += 1;
        }
        entry.words.extend(word);
        entry.words.truncate(IN_WORDS);
    }

    pub(crate) fn told(&self) -> Told {
        let kinds = self.0.borrow();
        Told {
            kinds: kinds
                .iter()
                .map(|(kind, entry)| (kind.name(), entry.clone()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visit_is_counted_once_and_what_is_wrong_is_told() {
        let account = Account::default();
        account.enter(Kind::Keyed, Ok(Seen::Right(200)));
        account.enter(
            Kind::Keyed,
            Ok(Seen::Wrong(503, "instead of 200".to_owned())),
        );
        account.enter(Kind::Aborted, Ok(Seen::Left));
        for _ in 0..9 {
            account.enter(Kind::Events, Err(io::ErrorKind::TimedOut.into()));
        }
        let told = serde_json::to_value(account.told()).unwrap();
        let keyed = &told["kinds"]["with a key"];
        assert_eq!((&keyed["right"], &keyed["wrong"]), (&1.into(), &1.into()));
        assert_eq!(keyed["statuses"]["503"], 1);
        assert_eq!(keyed["words"][0], "503: instead of 200");
        assert_eq!(told["kinds"]["aborted"]["left"], 1);
        let events = &told["kinds"]["event stream"];
        assert_eq!(events["wrong"], 9);
        assert_eq!(events["words"].as_array().unwrap().len(), IN_WORDS);
    }
}
