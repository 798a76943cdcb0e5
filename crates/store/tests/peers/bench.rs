//! A database for a test, as a file or on a server.

use store::Store;

use crate::{cluster::Cluster, options};

/// A database of its own.
pub(crate) enum Bench<'c> {
    File(tempfile::TempDir),
    Server(&'c Cluster, &'static str),
}

impl Bench<'_> {
    pub(crate) fn open(&self) -> Store {
        match self {
            Self::File(folder) => Store::open(&folder.path().join("vouchsafe.db")),
            Self::Server(cluster, database) => {
                Store::connect(&options(&cluster.url_of("vouchsafe", database)))
            }
        }
        .unwrap()
    }

    /// Changes the database behind the store's back.
    pub(crate) fn meddle(&self, sql: &str) {
        match self {
            Self::File(folder) => {
                let path = folder.path().join("vouchsafe.db");
                let other = rusqlite::Connection::open(path).unwrap();
                other.execute(sql, []).unwrap();
            }
            Self::Server(cluster, database) => {
                let sql = format!("SET search_path = vouchsafe; {sql}");
                cluster.sql_in(database, "postgres", &sql).unwrap();
            }
        }
    }
}

/// Each behaviour is a test on a file, and one step of the test on a server: to start one for each
/// would take longer than all the rest.
macro_rules! on_both {
    ($($name:ident,)*) => {
        mod on_a_file {
            $(
                #[test]
                fn $name() {
                    super::$name(&$crate::bench::Bench::File(tempfile::tempdir().unwrap()));
                }
            )*
        }

        #[test]
        fn a_server_behaves_as_a_file_does() {
            let cluster = $crate::cluster::Cluster::start();
            $(
                let name = stringify!($name);
                // Shown where the test fails.
                println!("{name}");
                // Names of databases are shorter than ours.
                let database = &name[..name.len().min(60)];
                cluster.create(database);
                $name(&$crate::bench::Bench::Server(&cluster, database));
            )*
        }
    };
}

pub(crate) use on_both;
