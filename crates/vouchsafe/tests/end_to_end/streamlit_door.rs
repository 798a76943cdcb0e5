//! The other door of the savings analysis: a real Streamlit page, for people who are logged in.
//!
//! All that happens on such a page goes over one WebSocket, so this is what a gate can keep there: who
//! connects at all, uploads and downloads, sizes, and that the end of a session ends the page.

use crate::{
    login::{Browser, House, OURS, house_under, login},
    python_apps::{command, streamlit},
    support::{Client, Socket, request, run, site, status},
};

/// A handshake of the page's WebSocket.
fn handshake(cookie: &str, origin: &str) -> String {
    format!(
        "GET /_stcore/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: streamlit\r\n\
         Origin: {origin}\r\n{cookie}\r\n"
    )
}

fn cookie_of(browser: &Browser<'_>) -> String {
    format!("__Host-vouchsafe={}", browser.session.as_deref().unwrap())
}

fn door(app: std::net::SocketAddr) -> House {
    house_under(|peer, _| {
        let named = "name = \"test\"\nhosts = [\"127.0.0.1\"]";
        site(app).replace("name = \"test\"", named)
            + &login(&peer.issuer(), peer.address.port())
            + "[[route]]\npath = \"/\"\napp = \"app\"\nauth = [\"session\"]\nbody = \"1MiB\"\n"
    })
}

#[test]
fn a_streamlit_page_is_for_people_who_are_logged_in() {
    let (_app, address) = streamlit();
    let house = door(address);
    let gate = house.gate.address;
    // Nobody else sees page, health, downloads or the socket.
    for path in ["/", "/_stcore/health", "/media/0123456789abcdef.csv"] {
        assert_eq!(status(gate, request("GET", path, "", "")), 401, "{path}");
    }
    assert_eq!(status(gate, handshake("", "http://localhost")), 401);
    let mut browser = Browser::logged_in(&house);
    let cookie = cookie_of(&browser);
    // All of it works for whoever is logged in: page, socket, upload.
    let base = format!("http://{gate}");
    let driven = run(&mut command(&["drive_streamlit.py", &base, &cookie])).exits(0);
    for name in ["page", "health", "websocket", "upload"] {
        let line = format!("{name}: ok");
        assert!(
            driven.stdout.lines().any(|said| said == line),
            "{}",
            driven.stdout
        );
    }
    let held = format!("Cookie: {cookie}\r\n");
    let download = request("GET", "/media/0123456789abcdef.csv", &held, "");
    assert_eq!(
        status(gate, download),
        404,
        "it is the app that has no such file"
    );
    // An upload beyond the route's limit, and one that another site sends.
    let target = "/_stcore/upload_file/s/f";
    let too_large = format!("{held}{OURS}");
    let large = "x".repeat((1 << 20) + 1);
    let answer = Client::dial(gate).ask(request("PUT", target, &too_large, &large));
    assert_eq!(answer.status, 413);
    let foreign = format!("{held}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(status(gate, request("PUT", target, &foreign, "x")), 403);
    assert_eq!(status(gate, handshake(&held, "https://evil.test")), 403);
    // The page lives as long as the session.
    let mut page = Socket::dial(gate);
    page.send(handshake(&held, "http://localhost"));
    let head = page.read_until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(browser.send("POST", "/.vouchsafe/logout", OURS).status, 303);
    assert!(page.is_closed(), "the page of an ended session must close");
    assert_eq!(status(gate, request("GET", "/", &held, "")), 401);
    house.gate.stop();
}
