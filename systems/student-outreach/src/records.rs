//! The app's own database: students, checks and messages, in clear.
//!
//! Owns one SQLite file. Nothing in it is protected; later stages move the records into the vault.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::Student;

/// The database refused.
#[derive(Debug, thiserror::Error)]
#[error("records: {0}")]
pub struct RecordsError(#[from] rusqlite::Error);

/// Handle to the records; clones share one connection.
#[derive(Clone)]
pub(crate) struct Records {
    connection: Arc<Mutex<Connection>>,
}

/// A wellbeing check as a mentor sees it.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) urgency: i64,
    pub(crate) text: String,
}

/// A wellbeing check with its student.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct CheckOf {
    #[serde(flatten)]
    pub(crate) student: Student,
    #[serde(flatten)]
    pub(crate) check: Check,
}

/// A row of the group page, with what somebody wrote last.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) urgency: i64,
    pub(crate) checks: i64,
    pub(crate) latest: String,
}

const SCHEMA: &str = "
    create table if not exists student (
        id text primary key, name text not null, phone text not null, mentor text not null);
    create table if not exists message (
        id integer primary key, phone text not null, body text not null);
    create table if not exists wellbeing (
        id integer primary key, phone text not null, urgency integer not null, text text not null);
    create table if not exists registration (
        id integer primary key, body text not null);
";

impl Records {
    pub(crate) fn open(path: &Path) -> Result<Self, RecordsError> {
        let connection = Connection::open(path)?;
        connection.execute_batch("pragma journal_mode = wal; pragma synchronous = off;")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn register(&self, student: &Student, body: &str) -> Result<(), RecordsError> {
        let connection = self.lock();
        connection.execute(
            "insert or replace into student (id, name, phone, mentor) values (?1, ?2, ?3, ?4)",
            params![student.id, student.name, student.phone, student.mentor],
        )?;
        connection.execute("insert into registration (body) values (?1)", params![body])?;
        Ok(())
    }

    pub(crate) fn message(&self, phone: &str, body: &str) -> Result<(), RecordsError> {
        let connection = self.lock();
        connection.execute(
            "insert into message (phone, body) values (?1, ?2)",
            params![phone, body],
        )?;
        if let Some(urgency) = body
            .trim()
            .chars()
            .next()
            .and_then(|first| first.to_digit(10))
        {
            connection.execute(
                "insert into wellbeing (phone, urgency, text) values (?1, ?2, ?3)",
                params![phone, urgency, body],
            )?;
        }
        Ok(())
    }

    pub(crate) fn students(&self, mentor: Option<&str>) -> Result<Vec<Student>, RecordsError> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "select id, name, phone, mentor from student where ?1 is null or mentor = ?1 order by id",
        )?;
        let rows = query.query_map(params![mentor], |row| {
            Ok(Student {
                id: row.get(0)?,
                name: row.get(1)?,
                phone: row.get(2)?,
                mentor: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn checks(&self, student: &str) -> Result<Vec<Check>, RecordsError> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "select urgency, text from wellbeing join student using (phone) where student.id = ?1",
        )?;
        let rows = query.query_map(params![student], |row| {
            Ok(Check {
                urgency: row.get(0)?,
                text: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn every_check(&self) -> Result<Vec<CheckOf>, RecordsError> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "select student.id, name, phone, mentor, urgency, text
             from wellbeing join student using (phone) order by wellbeing.id",
        )?;
        let rows = query.query_map([], |row| {
            Ok(CheckOf {
                student: Student {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    phone: row.get(2)?,
                    mentor: row.get(3)?,
                },
                check: Check {
                    urgency: row.get(4)?,
                    text: row.get(5)?,
                },
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn counts(&self) -> Result<Vec<Count>, RecordsError> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "select urgency, count(*), max(text) from wellbeing group by urgency order by urgency",
        )?;
        let rows = query.query_map([], |row| {
            Ok(Count {
                urgency: row.get(0)?,
                checks: row.get(1)?,
                latest: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_digit_becomes_a_check_and_other_text_only_a_message() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(&folder.path().join("coach.db")).unwrap();
        let student = crate::synthetic(1).remove(0);
        records.register(&student, "{}").unwrap();
        records
            .message(&student.phone, "3 ik slaap slecht")
            .unwrap();
        records.message(&student.phone, "dank je").unwrap();
        assert_eq!(
            records.checks(&student.id).unwrap(),
            [Check {
                urgency: 3,
                text: "3 ik slaap slecht".to_owned()
            }]
        );
        let every = records.every_check().unwrap();
        assert_eq!((every.len(), &every[0].student), (1, &student));
        assert_eq!(
            records.counts().unwrap(),
            [Count {
                urgency: 3,
                checks: 1,
                latest: "3 ik slaap slecht".to_owned()
            }]
        );
    }
}
