//! The pages and interfaces of the app.
//!
//! Owns the routes. Every handler does what it is told by whoever asks.

use axum::{
    Json, Router,
    extract::{Path, State},
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

async fn add(State(calls): State<Calls>, Json(new): Json<NewCall>) -> Response {
    (StatusCode::CREATED, Json(calls.add(new))).into_response()
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
