//! What observed routes would have refused, counted by route, control and reason.
//!
//! Owns the rows of one core and their sum. Refuses to grow with what clients send: routes are those of
//! the configuration, controls and reasons constants of the program, and there are [`MOST`] rows. The
//! lock is the core's own, taken only where a route is observed; nobody else asks but an operator.

use std::sync::{Mutex, PoisonError};

use control::{ControlId, Reason};

/// Most rows of one core. What finds no place in them is counted by control alone.
const MOST: usize = 1024;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The route.
    pub route: Box<str>,
    /// The control that would have refused.
    pub control: ControlId,
    /// Why.
    pub reason: Reason,
    /// How many requests, since the process started.
    pub requests: u64,
}

/// The rows of one core.
#[derive(Debug, Default)]
pub(super) struct Rows(Mutex<Vec<Row>>);

impl Rows {
    /// Counts one request.
    pub(super) fn count(&self, route: &str, control: ControlId, reason: Reason) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut rows, route, (control, reason), 1);
    }

    /// Adds these rows to `sum`.
    pub(super) fn add_to(&self, sum: &mut Vec<Row>) {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &*rows {
            add(sum, &row.route, (row.control, row.reason), row.requests);
        }
    }
}

fn add(rows: &mut Vec<Row>, route: &str, (control, reason): (ControlId, Reason), by: u64) {
    let is =
        |row: &&mut Row| row.control == control && row.reason == reason && *row.route == *route;
    if let Some(row) = rows.iter_mut().find(is) {
        row.requests = row.requests.saturating_add(by);
    } else if rows.len() < MOST {
        rows.push(Row {
            route: route.into(),
            control,
            reason,
            requests: by,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_an_end_and_those_that_are_there_go_on() {
        let rows = Rows::default();
        let key = ControlId("identity.key");
        for route in 0..=MOST {
            rows.count(&format!("/{route}"), key, Reason("key-missing"));
        }
        rows.count("/0", key, Reason("key-missing"));
        let mut sum = Vec::new();
        rows.add_to(&mut sum);
        assert_eq!(sum.len(), MOST);
        assert_eq!(sum.first().map(|row| row.requests), Some(2));
    }
}
