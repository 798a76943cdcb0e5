//! Where the app's side effects show.
//!
//! Owns the reading of declared observers: files, rows of a read-only query, the answer to a GET
//! sent past the gate. It searches them for a canary and never compares counts, because others write
//! there too. Refuses to write: databases are opened read-only.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use config::secret::{SecretReference, Sources};
use control::{
    Clock,
    probe::{AppFact, Observed, Reply, TargetError},
};
use globset::GlobBuilder;
use rusqlite::{Connection, OpenFlags, types::ValueRef};

use crate::{
    http::LARGEST_BODY,
    search::{self, Needle},
    settings::Observer,
    target::dial::Dialer,
};

const DOING: &str = "look for side effects";
/// Rows one query may give.
const MOST_ROWS: usize = 100_000;

/// The observers of one deployment.
pub struct Observers {
    declared: Vec<Observer>,
    folder: PathBuf,
    apps: Vec<AppFact>,
    /// Where credentials of observers are looked up.
    sources: Sources,
    clock: Arc<dyn Clock>,
}

impl Observers {
    /// Observers of a configuration that lies in `folder`.
    #[must_use]
    pub fn new(
        declared: Vec<Observer>,
        folder: &Path,
        apps: Vec<AppFact>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            declared,
            folder: folder.to_owned(),
            apps,
            sources: Sources::of_process(&folder.join("vouchsafe.toml")),
            clock,
        }
    }

    /// Looks for `canary` everywhere.
    pub fn look(&self, canary: &str) -> Result<Observed, TargetError> {
        if self.declared.is_empty() {
            return Ok(Observed::NoObserver);
        }
        let needle = Needle::new(canary).ok_or_else(|| failed("the canary is too short"))?;
        let (mut places, mut found) = (0, Vec::new());
        for observer in &self.declared {
            let (looked, hits) = match observer {
                Observer::Files(globs) => self.files(globs, &needle)?,
                Observer::Rows { database, query } => {
                    rows(&self.folder.join(database), query, &needle)?
                }
                Observer::Get {
                    app,
                    path,
                    credential,
                } => self.get(app, path, credential.as_ref(), &needle)?,
            };
            places += looked;
            found.extend(hits);
        }
        Ok(Observed::Looked { places, found })
    }

    fn files(
        &self,
        globs: &[String],
        needle: &Needle,
    ) -> Result<(usize, Vec<String>), TargetError> {
        let (mut places, mut found) = (0, Vec::new());
        for glob in globs {
            let pattern = self.folder.join(glob);
            let matcher = GlobBuilder::new(&pattern.to_string_lossy())
                .literal_separator(true)
                .build()
                .map_err(failed)?
                .compile_matcher();
            let files = search::files(&[fixed_part(&pattern)]).map_err(failed)?;
            for file in files.iter().filter(|file| matcher.is_match(file)) {
                places += 1;
                let walk = needle.walk(std::slice::from_ref(file)).map_err(failed)?;
                if !walk.hits.is_empty() {
                    found.push(name(file));
                }
            }
        }
        Ok((places, found))
    }

    fn get(
        &self,
        app: &str,
        path: &str,
        credential: Option<&(String, SecretReference)>,
        needle: &Needle,
    ) -> Result<(usize, Vec<String>), TargetError> {
        let upstream: SocketAddr = self
            .apps
            .iter()
            .find(|fact| fact.name == app)
            .map(|fact| fact.upstream)
            .ok_or_else(|| failed(format!("no app is called {app}")))?;
        let mut request =
            format!("GET {path} HTTP/1.1\r\nHost: {upstream}\r\nConnection: close\r\n")
                .into_bytes();
        if let Some((name, reference)) = credential {
            let secret = self.sources.resolve(reference).map_err(failed)?;
            let line = |byte: &u8| (b' '..=b'~').contains(byte);
            if !secret.expose().iter().all(line) {
                return Err(failed(format!(
                    "what stands in {name} is no text of one line"
                )));
            }
            request.extend_from_slice(name.as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(secret.expose());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let reply = Dialer::plain(upstream, Arc::clone(&self.clock)).send(&request)?;
        match reply {
            // What lies behind the part that is kept was not searched.
            Reply::Answer(answer) if answer.body.len() >= LARGEST_BODY => Err(failed(format!(
                "GET {path} of {app} answered with {LARGEST_BODY} bytes or more: ask for less"
            ))),
            Reply::Answer(answer) if (200..300).contains(&answer.status) => {
                let hit = needle.find(&answer.body).is_some();
                let found = hit.then(|| format!("GET {path} of {app}"));
                Ok((1, found.into_iter().collect()))
            }
            Reply::Answer(answer) => Err(failed(format!(
                "GET {path} of {app} answered {}",
                answer.status
            ))),
            Reply::Closed | Reply::TimedOut => {
                Err(failed(format!("GET {path} of {app} was not answered")))
            }
        }
    }
}

fn rows(
    database: &Path,
    query: &str,
    needle: &Needle,
) -> Result<(usize, Vec<String>), TargetError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(failed)?;
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .map_err(failed)?;
    let mut statement = connection.prepare(query).map_err(failed)?;
    if !statement.readonly() {
        return Err(failed("the query would write"));
    }
    let columns = statement.column_count();
    let mut rows = statement.query([]).map_err(failed)?;
    let (mut places, mut found) = (0, Vec::new());
    while let Some(row) = rows.next().map_err(failed)? {
        if places >= MOST_ROWS {
            return Err(failed(format!(
                "the query gives more than {MOST_ROWS} rows"
            )));
        }
        places += 1;
        for column in 0..columns {
            let hit = match row.get_ref(column).map_err(failed)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => needle.find(bytes).is_some(),
                ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => false,
            };
            if hit {
                found.push(format!("row {places} of {}", name(database)));
                break;
            }
        }
    }
    Ok((places, found))
}

/// The folders of a pattern in front of its first wildcard.
fn fixed_part(pattern: &Path) -> PathBuf {
    pattern
        .components()
        .take_while(|part| {
            !part
                .as_os_str()
                .to_string_lossy()
                .contains(['*', '?', '[', '{'])
        })
        .collect()
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn failed(cause: impl ToString) -> TargetError {
    TargetError::new(DOING, cause)
}

#[cfg(test)]
mod tests {
    use control::SystemClock;

    use super::*;
    use crate::target::echo::Echo;

    const CANARY: &str = "canary-4711-wellbeing";

    fn look(
        declared: Vec<Observer>,
        folder: &Path,
        apps: Vec<AppFact>,
    ) -> Result<Observed, TargetError> {
        Observers::new(declared, folder, apps, Arc::new(SystemClock::new())).look(CANARY)
    }

    #[test]
    fn without_observers_nothing_was_looked_at() {
        assert_eq!(
            look(Vec::new(), Path::new("."), Vec::new()),
            Ok(Observed::NoObserver)
        );
    }

    #[test]
    fn files_are_found_by_glob_and_searched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/a.csv"), "nothing").unwrap();
        std::fs::write(folder.path().join("data/b.csv"), format!("1,{CANARY}")).unwrap();
        std::fs::write(folder.path().join("data/c.txt"), CANARY).unwrap();
        let observer = Observer::Files(vec!["data/*.csv".into()]);
        let seen = look(vec![observer], folder.path(), Vec::new()).unwrap();
        assert_eq!(
            seen,
            Observed::Looked {
                places: 2,
                found: vec!["b.csv".into()]
            }
        );
    }

    #[test]
    fn rows_are_searched_read_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE m (t TEXT); INSERT INTO m VALUES ('x'), ('{CANARY}');"
            ))
            .unwrap();
        let observer = |query: &str| Observer::Rows {
            database: "app.db".into(),
            query: query.into(),
        };
        let seen = look(vec![observer("SELECT * FROM m")], folder.path(), Vec::new()).unwrap();
        assert_eq!(
            seen,
            Observed::Looked {
                places: 2,
                found: vec!["row 2 of app.db".into()]
            }
        );
        let refused = look(vec![observer("DELETE FROM m")], folder.path(), Vec::new()).unwrap_err();
        assert!(
            refused.to_string().contains("the query would write"),
            "{refused}"
        );
        let left: i64 = connection
            .query_row("SELECT count(*) FROM m", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 2);
    }

    #[test]
    fn the_answer_of_an_app_is_searched() {
        let echo = Echo::start().unwrap();
        let apps = vec![AppFact {
            name: "coach".into(),
            upstream: echo.address(),
            local: true,
        }];
        let get = |path: String| Observer::Get {
            app: "coach".into(),
            path,
            credential: None,
        };
        let hit = look(
            vec![get(format!("/{CANARY}"))],
            Path::new("."),
            apps.clone(),
        )
        .unwrap();
        assert!(matches!(hit, Observed::Looked { places: 1, found } if found.len() == 1));
        let miss = look(vec![get("/other".into())], Path::new("."), apps).unwrap();
        assert_eq!(
            miss,
            Observed::Looked {
                places: 1,
                found: Vec::new()
            }
        );
    }

    /// An app that shows what it keeps to whoever has the team's credential, behind `size` bytes.
    fn guarded(size: usize) -> AppFact {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let (mut read, mut piece) = (Vec::new(), [0; 1024]);
            while !read.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut piece).unwrap();
                read.extend_from_slice(piece.get(..count).unwrap());
            }
            let head = String::from_utf8(read).unwrap();
            let status = match head.contains("\r\nX-Team: let me see\r\n") {
                true => "200 OK",
                false => "401 Unauthorized",
            };
            let body = format!("{}{CANARY}", "x".repeat(size));
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
        });
        AppFact {
            name: "coach".into(),
            upstream,
            local: true,
        }
    }

    fn with_credential(secret: &str, size: usize) -> Result<Observed, TargetError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credential");
        std::fs::write(&file, secret).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
        let observer = Observer::Get {
            app: "coach".into(),
            path: "/records".into(),
            credential: Some(("X-Team".into(), SecretReference::File("credential".into()))),
        };
        look(vec![observer], folder.path(), vec![guarded(size)])
    }

    #[test]
    fn an_app_is_asked_with_the_credential_that_the_file_refers_to() {
        let seen = with_credential("let me see", 0).unwrap();
        assert!(matches!(seen, Observed::Looked { places: 1, found } if found.len() == 1));
        let fault = with_credential("wrong-secret", 0).unwrap_err().to_string();
        assert!(
            fault.contains("401") && !fault.contains("wrong-secret"),
            "{fault}"
        );
        let fault = with_credential("two\nX-Other: lines", 0)
            .unwrap_err()
            .to_string();
        assert!(
            fault.contains("one line") && !fault.contains("Other"),
            "{fault}"
        );
    }

    #[test]
    fn an_answer_that_is_too_long_to_be_searched_whole_is_no_answer() {
        let fault = with_credential("let me see", LARGEST_BODY).unwrap_err();
        assert!(fault.to_string().contains("ask for less"), "{fault}");
    }
}
