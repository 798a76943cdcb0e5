use super::*;

fn host(text: &str) -> String {
    Target::parse(text)
        .unwrap_or_else(|fault| panic!("{text}: {fault}"))
        .destination()
        .host()
        .to_string()
}

#[track_caller]
fn refused(cases: &[(&str, UrlFault)]) {
    for (text, fault) in cases {
        assert_eq!(Target::parse(text), Err(*fault), "{text:?}");
    }
}

/// Found by fuzzing beside the parser of the `url` crate, which keeps such a segment from `..` under
/// every scheme; the URL Standard does so in file URLs alone, and so do browsers.
#[test]
fn fuzz_finding_a_segment_like_a_drive_was_thought_to_be_kept_from_dots() {
    for (text, asked) in [
        ("http://a.example/c:/../x", "/x"),
        ("http://a.example/b/c:/../x", "/b/x"),
        ("http://a.example/b/c:/../../x", "/x"),
        ("http://a.example/b/c:/x", "/b/c:/x"),
    ] {
        assert_eq!(Target::parse(text).unwrap().path_and_query(), asked);
    }
}

#[test]
fn plain_urls_are_read() {
    for (text, destination, asked) in [
        ("https://id.example", "https://id.example", "/"),
        ("https://id.example/", "https://id.example", "/"),
        (
            "HTTPS://ID.Example:443/a?b=c",
            "https://id.example",
            "/a?b=c",
        ),
        (
            "http://id.example:8080/a/b",
            "http://id.example:8080",
            "/a/b",
        ),
        ("https://id.example:80/", "https://id.example:80", "/"),
        ("https://93.184.216.34/", "https://93.184.216.34", "/"),
        (
            "https://[2606:4700::1]:8443/x",
            "https://[2606:4700::1]:8443",
            "/x",
        ),
        ("https://a_b.example/", "https://a_b.example", "/"),
        (
            "https://xn--bcher-kva.example/",
            "https://xn--bcher-kva.example",
            "/",
        ),
        ("https://id.example./a", "https://id.example", "/a"),
        (
            "https://id.example/a%20b?x=%0d&y[]=1#top",
            "https://id.example",
            "/a%20b?x=%0d&y[]=1",
        ),
        (
            "https://id.example/a/./b/../c",
            "https://id.example",
            "/a/c",
        ),
        ("https://id.example/?", "https://id.example", "/?"),
        ("https://id.example/@b:1", "https://id.example", "/@b:1"),
    ] {
        let target = Target::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(target.destination().to_string(), destination, "{text}");
        assert_eq!(target.path_and_query(), asked, "{text}");
    }
}

#[test]
fn ipv4_in_a_form_only_some_readers_take_for_an_address_is_refused() {
    for text in [
        "http://127.1/",
        "http://127.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0X7F000001/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://0x7f.0x0.0x0.0x1/",
        "http://127.0.0.0x1/",
        "http://127.0.0.01/",
        "http://127.0.0.1.1/",
        "http://127.0.0.256/",
        "http://256.256.256.256/",
        "http://4294967296/",
        "http://4294967295/",
        "http://0/",
        "http://0x/",
        "http://0x./",
        "http://00000000/",
        "http://3232235521/",
        "http://a.127/",
        "http://good.example.1/",
        "http://good.example.0x7f/",
        "http://1.2.3/",
        "http://127.0.0.1.:1.2.3.4/",
    ] {
        let fault = Target::parse(text).unwrap_err();
        let accepted = [UrlFault::LegacyAddress, UrlFault::Port];
        assert!(accepted.contains(&fault), "{text}: {fault:?}");
    }
    // Their twins: four plain decimal numbers are an address, and a digit elsewhere is a name.
    assert_eq!(host("http://127.0.0.1/"), "127.0.0.1");
    assert_eq!(host("http://127.0.0.1./"), "127.0.0.1");
    assert_eq!(host("http://127.0.0.1.example/"), "127.0.0.1.example");
    assert_eq!(host("http://0x7f.example/"), "0x7f.example");
    assert_eq!(host("http://1e100.net/"), "1e100.net");
}

#[test]
fn text_that_readers_drop_map_or_turn_is_refused() {
    refused(&[
        ("", UrlFault::Empty),
        (" http://a.example/", UrlFault::Space),
        ("http://a.example/ ", UrlFault::Space),
        ("http://a.example/a b", UrlFault::Space),
        ("\thttp://a.example/", UrlFault::Control),
        ("http://good.com\n.evil.com/", UrlFault::Control),
        ("http://good.com\t.evil.com/", UrlFault::Control),
        ("ht\ntp://a.example/", UrlFault::Control),
        ("http://a.example\0.evil.com/", UrlFault::Control),
        ("http://a.example/\r\nHost: b.example", UrlFault::Control),
        ("http://a.example/\u{7f}", UrlFault::Control),
        ("http://good.com\\@evil.com/", UrlFault::Backslash),
        ("http:\\\\evil.com/", UrlFault::Backslash),
        ("http:/\\127.0.0.1/", UrlFault::Backslash),
        ("http://evil.com\\.good.com/", UrlFault::Backslash),
        ("http://①②⑦.⓪.⓪.①/", UrlFault::NonAscii),
        ("http://127。0。0。1/", UrlFault::NonAscii),
        ("http://127．0．0．1/", UrlFault::NonAscii),
        ("http://loc\u{ad}alhost/", UrlFault::NonAscii),
        ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", UrlFault::NonAscii),
        ("http://a.example／b/", UrlFault::NonAscii),
        ("http://bücher.example/", UrlFault::NonAscii),
        ("http://a.example/\u{ff0e}\u{ff0e}/", UrlFault::NonAscii),
    ]);
}

#[test]
fn schemes_and_slashes_are_exact() {
    refused(&[
        ("a.example", UrlFault::NoScheme),
        ("//a.example/", UrlFault::NoScheme),
        ("/a", UrlFault::NoScheme),
        ("://a.example/", UrlFault::NoScheme),
        ("1http://a.example/", UrlFault::NoScheme),
        ("file:///etc/passwd", UrlFault::Scheme),
        ("ftp://a.example/", UrlFault::Scheme),
        ("gopher://127.0.0.1:6379/_", UrlFault::Scheme),
        ("dict://a.example/", UrlFault::Scheme),
        ("jar:http://a.example/!/", UrlFault::Scheme),
        ("url:http://a.example/", UrlFault::Scheme),
        ("a.example:80/", UrlFault::Scheme),
        ("javascript:alert(1)", UrlFault::Scheme),
        ("http:127.0.0.1", UrlFault::Slashes),
        ("http:/127.0.0.1/", UrlFault::Slashes),
        ("http:///127.0.0.1/", UrlFault::Slashes),
        ("http:////127.0.0.1/", UrlFault::Slashes),
        ("http:", UrlFault::Slashes),
        ("http://", UrlFault::Host),
    ]);
}

#[test]
fn the_authority_has_one_reading() {
    let long = format!("http://{}.example/", "a".repeat(64));
    let longer = format!("http://{}example/", "a.".repeat(130));
    refused(&[
        ("http://good.com@evil.com/", UrlFault::UserInfo),
        ("http://user:secret@a.example/", UrlFault::UserInfo),
        ("http://@a.example/", UrlFault::UserInfo),
        ("http://a.example:80@b.example/", UrlFault::UserInfo),
        ("http://good.com%2f@evil.com/", UrlFault::UserInfo),
        ("http://good.com%23.evil.com/", UrlFault::EncodedHost),
        ("http://0x7f000001%2e/", UrlFault::EncodedHost),
        ("http://%31%32%37.0.0.1/", UrlFault::EncodedHost),
        ("http://a%00.example/", UrlFault::EncodedHost),
        ("http://a%09.example/", UrlFault::EncodedHost),
        ("http://good.com#@evil.com/", UrlFault::AuthorityEnd),
        ("http://good.com?@evil.com/", UrlFault::AuthorityEnd),
        ("http://good.com?.evil.com", UrlFault::AuthorityEnd),
        ("http://good.com,evil.com/", UrlFault::Host),
        ("http://good.com;evil.com/", UrlFault::Host),
        ("http://good.com&evil.com/", UrlFault::Host),
        ("http://$(id).example/", UrlFault::Host),
        ("http://a..example/", UrlFault::Host),
        ("http://.a.example/", UrlFault::Host),
        ("http://a.example../", UrlFault::Host),
        ("http://./", UrlFault::Host),
        ("http://*.example/", UrlFault::Host),
        (&long, UrlFault::Host),
        (&longer, UrlFault::Host),
        ("http://:80/", UrlFault::Host),
        ("http://::1/", UrlFault::Host),
        ("http://a.example:/", UrlFault::Port),
        ("http://a.example:0/", UrlFault::Port),
        ("http://a.example:080/", UrlFault::Port),
        ("http://a.example:+80/", UrlFault::Port),
        ("http://a.example:-1/", UrlFault::Port),
        ("http://a.example:65536/", UrlFault::Port),
        ("http://a.example:80:80/", UrlFault::Port),
        ("http://a.example:http/", UrlFault::Port),
        ("http://11.22.33.44:80:22/", UrlFault::Port),
    ]);
    assert_eq!(host("http://a.example:65535/"), "a.example");
}

#[test]
fn brackets_hold_an_ipv6_address_without_a_zone() {
    refused(&[
        ("http://[::1%25lo]/", UrlFault::Zone),
        ("http://[::1%lo]/", UrlFault::Zone),
        ("http://[fe80::1%25eth0]/", UrlFault::Zone),
        ("http://[127.0.0.1]/", UrlFault::Literal),
        ("http://[localhost]/", UrlFault::Literal),
        ("http://[::1/", UrlFault::Literal),
        ("http://[]/", UrlFault::Literal),
        ("http://[::1]a/", UrlFault::Host),
        ("http://[::1].example/", UrlFault::Host),
        ("http://[v1.::1]/", UrlFault::Literal),
        ("http://[::ffff:127.1]/", UrlFault::Literal),
        ("http://[::ffff:0177.0.0.1]/", UrlFault::Literal),
        ("http://[1:2:3:4:5:6:7:8:9]/", UrlFault::Literal),
        ("http://[::1]:/", UrlFault::Port),
        ("http://[[::1]]/", UrlFault::Literal),
    ]);
    assert_eq!(host("http://[::127.0.0.1]/"), "[::7f00:1]");
    assert_eq!(host("http://[::FFFF:7F00:1]/"), "[::ffff:127.0.0.1]");
    assert_eq!(host("http://[0:0:0:0:0:0:0:1]/"), "[::1]");
}

#[test]
fn paths_and_queries_hold_what_a_request_line_may() {
    refused(&[
        ("http://a.example/%", UrlFault::Escape),
        ("http://a.example/%4", UrlFault::Escape),
        ("http://a.example/%zz", UrlFault::Escape),
        ("http://a.example/?%", UrlFault::Escape),
        ("http://a.example/<b>", UrlFault::Byte),
        ("http://a.example/a\"b", UrlFault::Byte),
        ("http://a.example/a|b", UrlFault::Byte),
        ("http://a.example/a[b]", UrlFault::Byte),
        ("http://a.example/#a#b", UrlFault::Byte),
        ("http://a.example/%2e%2e/admin", UrlFault::EncodedDots),
        ("http://a.example/a/.%2E", UrlFault::EncodedDots),
        ("http://a.example/%2E/", UrlFault::EncodedDots),
    ]);
    let long = format!("http://a.example/{}", "a".repeat(LONGEST));
    refused(&[(&long, UrlFault::TooLong)]);
    let fits = &long[..LONGEST];
    assert!(Target::parse(fits).is_ok());
    let three = Target::parse("http://a.example/.../%2e%2e%2e/.a").unwrap();
    assert_eq!(three.path_and_query(), "/.../%2e%2e%2e/.a");
}

/// RFC 3986 sections 5.4.1 and 5.4.2, with the base as there; the parameters and the fragments it
/// lists are those of the section, less what has no meaning here.
#[test]
fn references_resolve_as_rfc_3986_lists() {
    let base = Target::parse("http://a.example/b/c/d;p?q").unwrap();
    for (reference, resolved) in [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d;p?y"),
        ("g?y", "/b/c/g?y"),
        ("#s", "/b/c/d;p?q"),
        ("g#s", "/b/c/g"),
        ("g?y#s", "/b/c/g?y"),
        (";x", "/b/c/;x"),
        ("g;x", "/b/c/g;x"),
        ("", "/b/c/d;p?q"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../", "/"),
        ("../../g", "/g"),
        ("../../../g", "/g"),
        ("../../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("g.", "/b/c/g."),
        (".g", "/b/c/.g"),
        ("g..", "/b/c/g.."),
        ("..g", "/b/c/..g"),
        ("./../g", "/b/g"),
        ("./g/.", "/b/c/g/"),
        ("g/./h", "/b/c/g/h"),
        ("g/../h", "/b/c/h"),
        ("g;x=1/./y", "/b/c/g;x=1/y"),
        ("g;x=1/../y", "/b/c/y"),
        ("g?y/../x", "/b/c/g?y/../x"),
    ] {
        let joined = base.join(reference).unwrap();
        assert_eq!(joined.destination(), base.destination(), "{reference}");
        assert_eq!(joined.path_and_query(), resolved, "{reference}");
    }
}

#[test]
fn references_to_elsewhere_are_read_as_strictly_as_urls() {
    let base = Target::parse("https://a.example/b").unwrap();
    let at = |reference: &str| base.join(reference).map(|to| to.destination().to_string());
    assert_eq!(at("//b.example/c"), Ok("https://b.example".to_owned()));
    assert_eq!(at("http://b.example/"), Ok("http://b.example".to_owned()));
    for (reference, fault) in [
        ("http:g", UrlFault::Slashes),
        ("///b.example/", UrlFault::Slashes),
        ("/\\b.example/", UrlFault::Backslash),
        ("\\\\b.example/", UrlFault::Backslash),
        ("//user@b.example/", UrlFault::UserInfo),
        ("//127.1/", UrlFault::LegacyAddress),
        ("javascript:alert(1)", UrlFault::Scheme),
        ("g:h", UrlFault::Scheme),
        ("/a\tb", UrlFault::Control),
        ("/%2e%2e/", UrlFault::EncodedDots),
        ("//b.example?x", UrlFault::AuthorityEnd),
    ] {
        assert_eq!(base.join(reference), Err(fault), "{reference:?}");
    }
}

#[test]
fn neither_path_nor_query_is_shown() {
    let target = Target::parse("https://hooks.example/T0/s3cret?token=s3cret").unwrap();
    assert_eq!(format!("{target:?}"), "Target(https://hooks.example/..)");
}

proptest::proptest! {
    /// Whatever is read is read again as the same, and holds nothing that ends a line or a host.
    #[test]
    fn what_is_read_reads_again_as_the_same(
        text in "(?i)(https?|ftp)?:?/{0,3}[a-z0-9.@:%\\[\\]_-]{0,20}[/?#\\\\]?[ -~]{0,20}"
    ) {
        if let Ok(target) = Target::parse(&text) {
            let again = format!("{}{}", target.destination(), target.path_and_query());
            proptest::prop_assert_eq!(Target::parse(&again), Ok(target.clone()));
            proptest::prop_assert!(target.path_and_query().bytes().all(|b| b.is_ascii_graphic()));
            proptest::prop_assert!(target.path_and_query().starts_with('/'));
            // What was typed is what was read: a host never comes from behind an @ or a slash.
            let authority = target.destination().authority();
            let host = authority.split([':', ']']).next().unwrap_or_default();
            let first = text.split('/').nth(2).unwrap_or_default().to_ascii_lowercase();
            if target.destination().host().name().is_some() {
                proptest::prop_assert!(first.starts_with(host), "{} in {}", host, first);
            }
        }
    }
}
