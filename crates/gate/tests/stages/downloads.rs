//! What people put there, on its way out again.

use crate::{
    answers::{count, relayed_to},
    house::{HOST, House, ROUTES},
};

const INERT: &str = "Content-Security-Policy: default-src 'none'; sandbox\r\n";

fn handed_out(download: bool, status: &str, said: &[&str]) -> String {
    let route = format!("download = {download}\nauth = \"none\"");
    let house = House::with(&ROUTES.replace("auth = \"none\"", &route), false);
    let line = format!("HTTP/1.1 {status}");
    let answer = [&[line.as_str(), "Content-Length: 0"], said].concat();
    relayed_to(&house, &["GET / HTTP/1.1", HOST], &answer)
}

#[test]
fn what_people_put_there_is_stored_and_runs_nothing() {
    for said in [
        &["Content-Type: text/html"][..],
        &["Content-Type: image/svg+xml", "Content-Disposition: inline"],
        &["Content-Disposition: inline; filename=attachment"],
        &[
            "content-disposition: inline",
            "Content-Disposition: form-data",
        ],
    ] {
        let head = handed_out(true, "200 OK", said);
        assert!(
            head.contains("Content-Disposition: attachment\r\n"),
            "{head}"
        );
        assert_eq!(count(&head, "Content-Disposition"), 1, "{head}");
        assert!(head.contains(INERT), "{head}");
    }
    // The name is the app's to choose, once.
    let named = "Content-Disposition: ATTACHMENT; filename=\"a.csv\"";
    let other = "Content-Disposition: attachment; filename=\"b.csv\"";
    let head = handed_out(true, "206 Partial Content", &[named, other]);
    assert!(head.contains(named) && !head.contains("b.csv"), "{head}");
    assert_eq!(count(&head, "Content-Disposition"), 1, "{head}");
}

#[test]
fn an_error_is_told_and_another_route_shows_what_its_app_says() {
    let head = handed_out(true, "404 Not Found", &["Content-Type: text/html"]);
    assert!(head.contains(INERT), "{head}");
    assert_eq!(count(&head, "Content-Disposition"), 0, "{head}");
    let head = handed_out(false, "200 OK", &["Content-Disposition: inline"]);
    assert!(head.contains("Content-Disposition: inline\r\n"), "{head}");
    assert!(!head.contains(INERT), "{head}");
}
