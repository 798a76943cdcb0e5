//! A route that is held to the description of its API, both ways.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
};

use control::probe::Answer;

use crate::{
    observe::soon,
    support::{Client, Deployment, body, field, request, site},
};

const ORDERS: &str = r##"{
  "openapi": "3.1.0", "info": { "title": "Orders", "version": "1" },
  "paths": {
    "/orders": { "post": {
      "requestBody": { "required": true, "content": { "application/json": { "schema": {
        "type": "object", "required": ["sku"], "additionalProperties": false,
        "properties": { "sku": { "type": "string", "maxLength": 8 } } } } } },
      "responses": { "201": { "description": "made" } } } },
    "/orders/{id}": { "get": {
      "parameters": [
        { "name": "id", "in": "path", "required": true, "schema": { "type": "integer", "minimum": 1 } },
        { "name": "lang", "in": "query", "schema": { "enum": ["en", "fr"] } } ],
      "responses": { "200": { "content": { "application/json": { "schema": {
        "type": "object", "required": ["sku"], "additionalProperties": false,
        "properties": { "sku": { "type": "string" } } } } } } } } } }
}"##;

/// An app whose second order says more than is described.
fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let count = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            let (status, said) = match head.split(' ').nth(1) {
                Some("/v1/orders") => ("201 Created", ""),
                Some("/v1/orders/2") => ("200 OK", "{\"sku\":\"A\",\"margin\":\"q7canary\"}"),
                Some("/v1/orders/3") => ("404 Not Found", "{\"what\":\"none\"}"),
                _ => ("200 OK", "{\"sku\":\"A\"}"),
            };
            // An answer to HEAD tells of a body and has none.
            let sent = if head.starts_with("HEAD ") { "" } else { said };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{sent}",
                said.len()
            );
        }
    });
    address
}

fn deployment(accepts: &str) -> Deployment {
    let route = "[[route]]\npath = \"/v1\"\napp = \"app\"\nauth = \"none\"\nreason = \"a test\"\n";
    let deployment = Deployment::new(&format!("{}{route}accepts = {accepts}\n", site(app())));
    deployment.write("orders.json", ORDERS.as_bytes());
    deployment
}

const HELD: &str = "{ openapi = \"orders.json\", base = \"/v1\" }";

#[test]
fn requests_and_answers_are_what_is_described_or_do_not_pass() {
    let deployment = deployment(HELD);
    deployment.run(&["check"], &[]).exits(0);
    let gate = deployment.up();
    let ask = |method: &str, path: &str, kind: &str, body: &str| -> Answer {
        let kind = match kind {
            "" => String::new(),
            kind => format!("Content-Type: {kind}\r\n"),
        };
        Client::dial(gate.address).ask(request(method, path, &kind, body))
    };
    let json = "application/json";
    for (method, path, kind, sent, status) in [
        ("GET", "/v1/orders/1", "", "", 200),
        ("GET", "/v1/orders/1?lang=fr", "", "", 200),
        ("HEAD", "/v1/orders/1", "", "", 200),
        ("POST", "/v1/orders", json, "{\"sku\":\"A\"}", 201),
        // The app may say that there is none: what fails is not described.
        ("GET", "/v1/orders/3", "", "", 404),
    ] {
        let answer = ask(method, path, kind, sent);
        assert_eq!(answer.status, status, "{method} {path}: {}", body(&answer));
    }
    for (method, path, kind, sent, status) in [
        ("GET", "/v1/orders/0", "", "", 422),
        ("GET", "/v1/orders/q7canary", "", "", 422),
        ("GET", "/v1/orders/1?lang=q7canary", "", "", 422),
        ("GET", "/v1/orders/1?q7canary=1", "", "", 422),
        ("GET", "/v1/orders/1/q7canary", "", "", 404),
        ("GET", "/v1", "", "", 404),
        ("DELETE", "/v1/orders/1", "", "", 405),
        (
            "POST",
            "/v1/orders",
            json,
            "{\"sku\":\"q7canary-long\"}",
            422,
        ),
        ("POST", "/v1/orders", json, "{\"q7canary\":1}", 422),
        ("POST", "/v1/orders", "text/plain", "q7canary", 415),
        ("POST", "/v1/orders", json, "", 400),
        // What the app says more than it should stays here.
        ("GET", "/v1/orders/2", "", "", 502),
    ] {
        let answer = ask(method, path, kind, sent);
        let told = body(&answer);
        assert_eq!(answer.status, status, "{method} {path}: {told}");
        assert!(!told.contains("q7canary"), "{told}");
        if status == 405 {
            assert_eq!(field(&answer, "Allow"), "GET");
        }
    }
    assert!(!gate.log().contains("q7canary"));
    gate.stop();
}

#[test]
fn answers_pass_as_they_are_where_that_is_said() {
    let deployment = deployment(&HELD.replace(" }", ", answers = false }"));
    let gate = deployment.up();
    let answer = Client::dial(gate.address).ask(request("GET", "/v1/orders/2", "", ""));
    assert_eq!(answer.status, 200);
    assert!(body(&answer).contains("q7canary"));
    gate.stop();
}

#[test]
fn what_is_observed_passes_both_ways_though_nobody_described_it() {
    let until = format!("mode = \"observe\"\nuntil = {}\naccepts = ", soon());
    let deployment = deployment(HELD);
    let text = std::fs::read_to_string(deployment.configuration()).unwrap();
    deployment.configure(&text.replace("accepts = ", &until));
    let gate = deployment.up();
    let ask = |path: &str| Client::dial(gate.address).ask(request("GET", path, "", ""));
    assert_eq!(ask("/v1/orders/1/elsewhere").status, 200);
    assert_eq!(ask("/v1/orders/1?more=1").status, 200);
    gate.stop();
}

#[test]
fn a_description_that_cannot_be_held_to_refuses_to_start() {
    for (accepts, file, parts) in [
        (HELD, "{}", &["accepts.openapi", "orders.json"][..]),
        (HELD, "openapi: 3.1.0", &["accepts.openapi"]),
        (
            "{ openapi = \"missing.json\" }",
            ORDERS,
            &["accepts.openapi"],
        ),
        (
            "{ openapi = \"orders.json\", json = {} }",
            ORDERS,
            &["accepts.both"],
        ),
        (
            "{ openapi = \"orders.json\", bases = \"/v1\" }",
            ORDERS,
            &["did you mean `base`?"],
        ),
    ] {
        let deployment = deployment(accepts);
        deployment.write("orders.json", file.as_bytes());
        deployment.run(&["check"], &[]).exits(2).says(parts);
    }
}
