//! The pages and interfaces of the app.
//!
//! Owns the routes. Every handler does what it is told by whoever asks.

use std::{future::poll_fn, pin::Pin};

use axum::{
    Json, Router,
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, FromRequest, Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calls::{Calls, NewCall};

pub(crate) fn router(calls: Calls) -> Router {
    Router::new()
        .route("/", get(landing))
        .route("/health", get(health))
        .route("/auth/token", post(token))
        .route("/auth/generate-key", post(generate_key))
        .route("/api/v1/whoami", get(whoami))
        .route("/api/v1/analyze", post(analyze))
        .route("/api/v1/calls", get(list).post(add))
        .route("/api/v1/calls/{id}", get(read).delete(remove))
        .route("/api/v1/calls/{id}/export", get(read))
        .layer(DefaultBodyLimit::disable())
        .with_state(calls)
}

async fn landing() -> Html<&'static str> {
    Html(concat!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Helpline</title>",
        "<h1>Somebody listens</h1><p>Call us, day or night.</p></html>"
    ))
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Gives everybody what they ask for, as prototypes do.
async fn token() -> Json<Value> {
    Json(json!({ "access_token": "anything", "token_type": "Bearer" }))
}

async fn generate_key() -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "key": "anything" })))
}

/// Believes whoever says who they are, as apps behind a proxy do.
async fn whoami(headers: HeaderMap) -> Json<Value> {
    let user = headers
        .get("x-forwarded-user")
        .and_then(|value| value.to_str().ok());
    Json(json!({ "user": user.unwrap_or("anonymous") }))
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

/// Words with a capital letter, which is all a stand-in knows of names.
async fn analyze(Json(Text { text }): Json<Text>) -> Json<Value> {
    let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
    let names: Vec<&str> = text.split_whitespace().filter(capital).collect();
    Json(json!({ "words": text.split_whitespace().count(), "names": names }))
}

async fn list(State(calls): State<Calls>) -> Json<Value> {
    Json(json!({ "calls": calls.all() }))
}

/// Takes a call that somebody wrote down, or whatever else comes as its recording.
async fn add(State(calls): State<Calls>, request: Request) -> Response {
    let headers = request.headers();
    let json = headers.get("content-type").and_then(|it| it.to_str().ok());
    if json.is_some_and(|it| it.starts_with("application/json")) {
        return match Json::<NewCall>::from_request(request, &()).await {
            Ok(Json(new)) => (StatusCode::CREATED, Json(calls.add(new))).into_response(),
            Err(fault) => fault.into_response(),
        };
    }
    let bytes = length(request.into_body()).await;
    let call = calls.add(NewCall {
        subject: "a caller".to_owned(),
        consent: true,
        transcript: format!("(a recording of {bytes} bytes)"),
    });
    (
        StatusCode::CREATED,
        Json(json!({ "id": call.id, "bytes": bytes })),
    )
        .into_response()
}

/// Listens to a recording without keeping it.
async fn length(mut body: Body) -> usize {
    let mut bytes = 0;
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        bytes += frame.data_ref().map_or(0, |data| data.len());
    }
    bytes
}

async fn read(State(calls): State<Calls>, Path(id): Path<String>) -> Response {
    match calls.get(&id) {
        Some(call) => Json(call).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn remove(State(calls): State<Calls>, Path(id): Path<String>) -> StatusCode {
    if calls.remove(&id) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}
