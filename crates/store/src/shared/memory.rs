//! Shared state of one process.
//!
//! Owns a map that holds at most [`ENTRIES_LIMIT`] values. What has ended is removed when it is met,
//! and all of it once the map is full; a map that is full of what has not ended takes no more.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use control::{Clock, Timestamp};

use super::{Name, Rate, Turns, micros, micros_of};
use crate::StoreError;

/// Most values.
const ENTRIES_LIMIT: usize = 100_000;

pub(super) struct Memory {
    clock: Arc<dyn Clock>,
    entries: Mutex<HashMap<Name, Entry>>,
}

struct Entry {
    value: Value,
    /// On the monotonic clock; absent for what stays.
    ends: Option<Duration>,
}

enum Value {
    Bytes(Vec<u8>),
    Number(i64),
    Set(HashMap<Name, Timestamp>),
}

impl Memory {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            entries: Mutex::default(),
        }
    }

    pub(super) fn get(&self, name: &Name) -> Option<Vec<u8>> {
        match &self.live(name).get(name)?.value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Number(_) | Value::Set(_) => None,
        }
    }

    pub(super) fn set(&self, name: &Name, value: &[u8], life: Duration) -> Result<(), StoreError> {
        let mut entries = self.live(name);
        self.put(&mut entries, name, Value::Bytes(value.to_vec()), Some(life))
    }

    pub(super) fn replace(
        &self,
        name: &Name,
        expected: Option<&[u8]>,
        value: &[u8],
        life: Duration,
    ) -> Result<bool, StoreError> {
        let mut entries = self.live(name);
        let is = match entries.get(name).map(|entry| &entry.value) {
            Some(Value::Bytes(bytes)) => Some(bytes.as_slice()),
            _ => None,
        };
        if is != expected {
            return Ok(false);
        }
        let value = Value::Bytes(value.to_vec());
        self.put(&mut entries, name, value, Some(life))?;
        Ok(true)
    }

    pub(super) fn remove(&self, name: &Name) -> bool {
        self.live(name).remove(name).is_some()
    }

    pub(super) fn turns(
        &self,
        asked: &[(Name, Rate)],
        now: Timestamp,
    ) -> Result<Turns, StoreError> {
        let Some((first, _)) = asked.first() else {
            return Ok(Turns::Granted(Vec::new()));
        };
        let mut entries = self.live(first);
        let now = micros(now);
        let mut ahead = Vec::with_capacity(asked.len());
        for (place, (name, rate)) in asked.iter().enumerate() {
            let known = match entries.get(name).map(|entry| &entry.value) {
                Some(Value::Number(number)) => *number,
                _ => i64::MIN,
            };
            let step = micros_of(rate.every);
            let window = step.saturating_mul(i64::from(rate.burst));
            // Never further ahead than a full window, lest a clock that was set back waits that out.
            let after = known
                .clamp(now, now.saturating_add(window))
                .saturating_add(step)
                .saturating_sub(now);
            if after > window {
                return Ok(Turns::Wait(place, span(after - window)));
            }
            ahead.push(after);
        }
        for ((name, _), ahead) in asked.iter().zip(&ahead) {
            let value = Value::Number(now.saturating_add(*ahead));
            self.put(&mut entries, name, value, Some(span(*ahead)))?;
        }
        Ok(Turns::Granted(ahead.into_iter().map(span).collect()))
    }

    pub(super) fn enlist(
        &self,
        set: &Name,
        member: &Name,
        ends: Timestamp,
        now: Timestamp,
        most: usize,
    ) -> Result<bool, StoreError> {
        let mut entries = self.live(set);
        let mut members = match entries.remove(set).map(|entry| entry.value) {
            Some(Value::Set(members)) => members,
            _ => HashMap::new(),
        };
        members.retain(|_, ends| *ends > now);
        let room = members.len() < most || members.contains_key(member);
        if room {
            members.insert(member.clone(), ends);
        }
        let last = members.values().max().copied().unwrap_or(now);
        self.put(
            &mut entries,
            set,
            Value::Set(members),
            Some(last.since(now)),
        )?;
        Ok(room)
    }

    pub(super) fn strike(&self, set: &Name, member: &Name) -> bool {
        match self.live(set).get_mut(set).map(|entry| &mut entry.value) {
            Some(Value::Set(members)) => members.remove(member).is_some(),
            _ => false,
        }
    }

    pub(super) fn members(&self, set: &Name, now: Timestamp) -> Vec<Name> {
        match self.live(set).get(set).map(|entry| &entry.value) {
            Some(Value::Set(members)) => members
                .iter()
                .filter(|(_, ends)| **ends > now)
                .map(|(member, _)| member.clone())
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn revision(&self, subject: &Name, by: i64) -> Result<i64, StoreError> {
        let mut entries = self.live(subject);
        let known = match entries.get(subject).map(|entry| &entry.value) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        };
        let number = known.saturating_add(by);
        self.put(&mut entries, subject, Value::Number(number), None)?;
        Ok(number)
    }

    /// The entries, without `name` if it has ended.
    fn live(&self, name: &Name) -> MutexGuard<'_, HashMap<Name, Entry>> {
        // A panic elsewhere leaves at worst a value that is not there.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        if entries.get(name).is_some_and(|entry| entry.has_ended(now)) {
            entries.remove(name);
        }
        entries
    }

    fn put(
        &self,
        entries: &mut HashMap<Name, Entry>,
        name: &Name,
        value: Value,
        life: Option<Duration>,
    ) -> Result<(), StoreError> {
        let now = self.clock.monotonic();
        if entries.len() >= ENTRIES_LIMIT && !entries.contains_key(name) {
            entries.retain(|_, entry| !entry.has_ended(now));
            if entries.len() >= ENTRIES_LIMIT {
                return Err(StoreError::Crowded);
            }
        }
        let ends = life.map(|life| now.saturating_add(life));
        entries.insert(name.clone(), Entry { value, ends });
        Ok(())
    }
}

impl Entry {
    fn has_ended(&self, now: Duration) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(..)")
    }
}

fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use control::clock::FixedClock;

    use super::*;

    #[test]
    fn a_full_map_takes_no_more_until_something_ends() {
        let clock = FixedClock::at(Timestamp::from_seconds(1));
        let memory = Memory::new(Arc::new(clock.clone()));
        let name = |number: usize| Name::new("test", &number.to_string()).unwrap();
        let life = Duration::from_secs(5);
        for number in 0..ENTRIES_LIMIT {
            memory.set(&name(number), b"", life).unwrap();
        }
        let more = name(ENTRIES_LIMIT);
        assert_eq!(memory.set(&more, b"", life), Err(StoreError::Crowded));
        assert_eq!(memory.set(&name(0), b"known", life), Ok(()));
        clock.advance(life);
        assert_eq!(memory.set(&more, b"", life), Ok(()));
    }
}
