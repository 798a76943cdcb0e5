//! A synthetic class: the same students at every run, none of them real.
//!
//! Owns seeded data for the demo and the tests. Nothing in this stage sends a message, so the
//! numbers are never dialled.

use serde::{Deserialize, Serialize};

/// A student as the school's system registers one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Student {
    /// School id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Phone number in E.164 form.
    pub phone: String,
    /// Id of the assigned mentor.
    pub mentor: String,
}

const GIVEN: &[&str] = &[
    "Sanne", "Daan", "Yara", "Bram", "Noor", "Milan", "Lotte", "Sem", "Fenna", "Youssef",
];
const FAMILY: &[&str] = &[
    "de Vries",
    "Bakker",
    "Yilmaz",
    "Visser",
    "Smit",
    "El Amrani",
    "Meijer",
    "Mulder",
];
const MENTORS: &[&str] = &["m-jansen", "m-okafor", "m-peters"];

/// `count` students; the same ones whenever asked.
#[must_use]
pub fn synthetic(count: usize) -> Vec<Student> {
    let pick = |from: &[&'static str], at: usize| -> &'static str {
        from.iter()
            .cycle()
            .nth(at % from.len())
            .copied()
            .unwrap_or("")
    };
    (0..count)
        .map(|n| Student {
            id: format!("s{:04}", 1000 + n),
            name: format!("{} {}", pick(GIVEN, n), pick(FAMILY, n / GIVEN.len() + n)),
            phone: format!("+3185888{:04}", n % 10_000),
            mentor: pick(MENTORS, n).to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_the_same_at_every_run_and_its_ids_differ() {
        let class = synthetic(30);
        assert_eq!(class, synthetic(30));
        let ids: std::collections::BTreeSet<_> = class.iter().map(|student| &student.id).collect();
        assert_eq!(ids.len(), 30);
    }
}
