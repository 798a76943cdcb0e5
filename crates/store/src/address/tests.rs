use super::*;

fn read(kind: Kind, url: &str) -> Result<Address, AddressFault> {
    Address::parse(kind, &Secret::new(url.as_bytes().to_vec()))
}

fn postgres(url: &str) -> Result<Address, AddressFault> {
    read(Kind::Postgres, url)
}

#[test]
fn each_part_is_read_and_escapes_are_taken_out() {
    let address = postgres("postgres://us%40er:p%3Aw%2F@DB.example:6543/da-ta").unwrap();
    assert_eq!(address.user.as_deref(), Some("us@er"));
    assert_eq!(address.password.as_ref().unwrap().expose(), b"p:w/");
    assert_eq!(address.host, Host::Name("db.example".to_owned()));
    assert_eq!((address.port, address.database.as_str()), (6543, "da-ta"));
    assert!(address.needs_ca());
    let short = postgres("postgresql://u@[2001:db8::1]/d").unwrap();
    assert_eq!((short.port, short.password.is_none()), (5432, true));
    assert_eq!(short.place().to_string(), "[2001:db8::1]:5432/d");
}

#[test]
fn another_machine_always_has_to_prove_who_it_is() {
    for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
        let url = format!("postgres://u@db.example/d?sslmode={mode}");
        assert_eq!(postgres(&url).unwrap_err(), AddressFault::WeakTls(mode));
    }
    for url in [
        "postgres://u@db.example/d",
        "postgres://u@db.example/d?sslmode=verify-full",
        "postgres://u@10.0.0.1/d",
        "postgres://u@127.0.0.1.example/d",
    ] {
        assert!(postgres(url).unwrap().needs_ca(), "{url}");
    }
}

#[test]
fn this_machine_is_asked_for_proof_only_where_the_url_says_so() {
    for here in ["127.0.0.1", "[::1]", "localhost", "127.8.9.1"] {
        let url = format!("postgres://u@{here}/d");
        assert!(!postgres(&url).unwrap().needs_ca());
        assert!(
            !postgres(&format!("{url}?sslmode=disable"))
                .unwrap()
                .needs_ca()
        );
        assert!(
            postgres(&format!("{url}?sslmode=verify-full"))
                .unwrap()
                .needs_ca()
        );
        let half = postgres(&format!("{url}?sslmode=prefer"));
        assert_eq!(half.unwrap_err(), AddressFault::WeakTls("prefer"));
    }
    let both = postgres("postgres://u@localhost/d?sslmode=disable&sslmode=verify-full");
    assert_eq!(both.unwrap_err(), AddressFault::WeakTls("disable"));
}

#[test]
fn a_unix_socket_is_named_in_either_way() {
    for url in [
        "postgres://u@%2Frun%2Fpostgresql/d",
        "postgres://u@/d?host=/run/postgresql",
    ] {
        let address = postgres(url).unwrap();
        assert_eq!(address.host, Host::Folder("/run/postgresql".into()));
        assert!(!address.needs_ca());
    }
    for url in [
        "postgres://u@h/d?host=/run",
        "postgres://u@/d?host=h",
        "postgres://u@/d",
    ] {
        assert_eq!(postgres(url).unwrap_err(), AddressFault::Host, "{url}");
    }
}

#[test]
fn plain_text_to_another_redis_is_refused_and_there_is_no_way_around() {
    let redis = |url: &str| read(Kind::Redis, url);
    assert_eq!(
        redis("redis://cache.example").unwrap_err(),
        AddressFault::Plain
    );
    assert_eq!(
        redis("redis://cache.example?sslmode=disable").unwrap_err(),
        AddressFault::Parameter
    );
    assert!(!redis("redis://127.0.0.1:7000/3").unwrap().needs_ca());
    let far = redis("rediss://:pw@cache.example/3").unwrap();
    assert!(far.needs_ca() && far.user.is_none() && far.password.is_some());
    assert_eq!(far.number(), Some(3));
    for database in ["x", "-1", "99999999"] {
        let url = format!("redis://localhost/{database}");
        assert_eq!(redis(&url).unwrap_err(), AddressFault::Database);
    }
}

#[test]
fn what_is_no_url_of_the_kind_is_refused_without_repeating_it() {
    let long = format!("postgres://u:{}@h/d", "s3cret".repeat(400));
    for (url, fault) in [
        ("mysql://u:s3cret@h/d", AddressFault::Scheme(Kind::Postgres)),
        ("s3cret", AddressFault::Scheme(Kind::Postgres)),
        ("postgres://u:s3cret @h/d", AddressFault::NotText),
        ("postgres://u:s3cret\n@h/d", AddressFault::NotText),
        ("postgres://u:s3cret%@h/d", AddressFault::Escape),
        ("postgres://u:s3cret%zz@h/d", AddressFault::Escape),
        ("postgres://u:s3cret%00@h/d", AddressFault::Escape),
        ("postgres://u:s3cret%ff@h/d", AddressFault::Escape),
        ("postgres://u:s3cret@h:0/d", AddressFault::Port),
        ("postgres://u:s3cret@h:70000/d", AddressFault::Port),
        ("postgres://u:s3cret@h:+1/d", AddressFault::Port),
        ("postgres://u:s3cret@h!/d", AddressFault::Host),
        ("postgres://u:s3cret@[::1/d", AddressFault::Host),
        ("postgres://u:s3cret@[h]/d", AddressFault::Host),
        ("postgres://u:s3cret@a,b/d", AddressFault::Host),
        ("postgres://h/d", AddressFault::User),
        ("postgres://u:s3cret@h", AddressFault::Database),
        ("postgres://u:s3cret@h/d?s3cret", AddressFault::Parameter),
        ("postgres://u@h/d?password=s3cret", AddressFault::Parameter),
        ("postgres://u:p/s3cret@h/d", AddressFault::Port),
        ("postgres://u@x:1/s3cret@h/d", AddressFault::Database),
        (&long, AddressFault::TooLong),
    ] {
        let found = postgres(url).unwrap_err();
        assert_eq!(found, fault, "{url}");
        let said = format!("{found} {found:?} {} {}", found.hint(), found.code());
        assert!(!said.contains("s3cret") && found.hint().len() > 10);
    }
}

#[test]
fn debug_shows_no_password_and_no_user() {
    let address = postgres("postgres://someone:s3cret@h:1/d").unwrap();
    assert_eq!(format!("{address:?}"), "Address(h:1/d)");
}
