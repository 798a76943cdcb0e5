//! The calls the app knows.
//!
//! Owns a list in memory, with the one synthetic call that is always there. Refuses to grow without
//! end: the oldest call goes first.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Most calls that are kept.
const MOST: usize = 1000;

/// A call as a case worker enters it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NewCall {
    /// Whom it is about.
    pub(crate) subject: String,
    /// Whether they agreed to it being kept.
    #[serde(default)]
    pub(crate) consent: bool,
    /// What was said.
    pub(crate) transcript: String,
}

/// A call as it is kept.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) consent: bool,
    pub(crate) transcript: String,
}

/// Every call. Clones see the same.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Mutex<Kept>>);

struct Kept {
    calls: Vec<Call>,
    made: u64,
}

impl Default for Calls {
    fn default() -> Self {
        let first = Call {
            id: "c0".to_owned(),
            subject: "Amani".to_owned(),
            consent: true,
            transcript: "My name is Amani, I live in Mwanza and I am scared at home.".to_owned(),
        };
        Self(Arc::new(Mutex::new(Kept {
            calls: vec![first],
            made: 0,
        })))
    }
}

impl Calls {
    pub(crate) fn add(&self, new: NewCall) -> Call {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.made += 1;
        let call = Call {
            id: format!("c{}", kept.made),
            subject: new.subject,
            consent: new.consent,
            transcript: new.transcript,
        };
        if kept.calls.len() >= MOST {
            kept.calls.remove(0);
        }
        kept.calls.push(call.clone());
        call
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.calls.clone()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Call> {
        self.all().into_iter().find(|call| call.id == id)
    }

    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.calls.len();
        kept.calls.retain(|call| call.id != id);
        kept.calls.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_there_until_it_is_removed() {
        let calls = Calls::default();
        let call = calls.add(NewCall {
            subject: "Baraka".to_owned(),
            consent: true,
            transcript: "hello".to_owned(),
        });
        assert_eq!(calls.get(&call.id).unwrap().subject, "Baraka");
        assert!(calls.remove(&call.id));
        assert!(calls.get(&call.id).is_none() && !calls.remove(&call.id));
    }
}
