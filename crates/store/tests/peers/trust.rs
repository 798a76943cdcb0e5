//! Servers that prove who they are, and servers that cannot.

use std::fs;

use store::{Roots, Store, StoreError, keys};

use crate::{
    authority::Authority,
    cluster::{Cluster, ESCAPED},
    every,
    held_port::HeldPort,
    key, options,
};

/// A server with a certificate for `name`.
fn cluster(authority: &Authority, name: &str) -> (Cluster, HeldPort) {
    let port = HeldPort::new();
    let mut cluster = Cluster::with(port.number(), &["fsync=off"]);
    cluster.kill();
    let (certificate, secret) = authority.sign(name);
    for (file, text) in [("server.crt", certificate), ("server.key", secret)] {
        let path = cluster.folder().join("data").join(file);
        fs::write(&path, text).unwrap();
        Cluster::give(&path);
    }
    cluster.set("ssl=on");
    cluster.up();
    (cluster, port)
}

fn connect(host: &str, port: u16, authority: &Authority) -> Result<Store, StoreError> {
    let url = format!("postgres://vouchsafe:{ESCAPED}@{host}:{port}/vouchsafe?sslmode=verify-full");
    let mut options = options(&url);
    options.roots = Some(Roots::from_pem(authority.pem().as_bytes()).unwrap());
    Store::connect(&options)
}

#[test]
fn only_a_server_with_the_right_certificate_is_told_the_password() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (cluster, port) = cluster(&ours, "localhost");
    let at = port.number();
    let store = connect("localhost", at, &ours).unwrap();
    let row = key("a", false, None);
    assert_eq!(
        every(&store, move |within| keys::insert(within, &row)),
        Ok(true)
    );
    let encrypted = cluster.sql(
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = 'vouchsafe'",
    );
    assert_eq!(encrypted, "t");
    let unknown = connect("localhost", at, &other).unwrap_err();
    assert_eq!(unknown.code(), "store.untrusted", "{unknown}");
    // The same server under a name that its certificate does not carry.
    let misnamed = connect("127.0.0.1", at, &ours).unwrap_err();
    assert_eq!(misnamed.code(), "store.untrusted", "{misnamed}");
}

#[test]
fn a_server_without_tls_is_refused_where_the_url_asks_for_it() {
    let port = HeldPort::new();
    let _cluster = Cluster::with(port.number(), &["fsync=off"]);
    let refused = connect("localhost", port.number(), &Authority::new()).unwrap_err();
    assert_eq!(refused.code(), "store.untrusted", "{refused}");
    assert!(refused.to_string().contains("no TLS"));
}
