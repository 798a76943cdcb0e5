//! The pages and interfaces of the app.
//!
//! Owns the routes. Every handler does what it is told by whoever asks.

use std::collections::HashMap;

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{FromRequest, Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

use crate::{Student, records::Records};

pub(crate) fn router(records: Records) -> Router {
    Router::new()
        .route("/", get(landing))
        .route("/webhook/health", get(health))
        .route("/webhook/whatsapp", post(whatsapp))
        .route("/webhook/register", post(register))
        .route("/api/students", get(students))
        .route("/api/students/{id}/checks", get(checks))
        .route("/api/groups", get(groups))
        .route("/api/whoami", get(whoami))
        .route("/mentor/checks", get(every_check))
        .route("/group/checks", get(groups))
        .with_state(records)
}

async fn landing() -> Html<&'static str> {
    Html(concat!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Student outreach</title>",
        "<h1>How are you doing?</h1><p>Once a week we ask by WhatsApp. ",
        "Answer 1 (fine), 2 (so so) or 3 (please call me).</p></html>"
    ))
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// What Twilio sends, of which we use two fields.
#[derive(Default, Deserialize)]
struct Message {
    #[serde(default, rename = "From")]
    from: String,
    #[serde(default, rename = "Body")]
    body: String,
}

async fn whatsapp(State(records): State<Records>, request: Request) -> Response {
    let json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    // What does not parse is empty, as in many a small app.
    let message = if json {
        Json::from_request(request, &())
            .await
            .map(|Json(message)| message)
            .unwrap_or_default()
    } else {
        Form::from_request(request, &())
            .await
            .map(|Form(message)| message)
            .unwrap_or_default()
    };
    let Message { from, body } = message;
    match records.message(from.trim_start_matches("whatsapp:"), &body) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], TWIML).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

const TWIML: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<Response><Message>Dank je, we lezen het.</Message></Response>"
);

#[derive(Deserialize)]
struct Registration {
    student: Student,
}

async fn register(State(records): State<Records>, body: Bytes) -> Response {
    let Ok(registration) = serde_json::from_slice::<Registration>(&body) else {
        return (StatusCode::UNPROCESSABLE_ENTITY, "a student is missing").into_response();
    };
    let text = String::from_utf8_lossy(&body);
    match records.register(&registration.student, &text) {
        Ok(()) => (
            StatusCode::CREATED,
            Json(json!({ "id": registration.student.id })),
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn students(
    State(records): State<Records>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    answer(records.students(query.get("mentor").map(String::as_str)))
}

async fn checks(State(records): State<Records>, Path(student): Path<String>) -> Response {
    answer(records.checks(&student))
}

/// Every check there is: which of them are whose is for somebody else to say.
async fn every_check(State(records): State<Records>) -> Response {
    answer(records.every_check())
}

async fn groups(State(records): State<Records>) -> Response {
    answer(records.counts())
}

/// Believes whoever says who they are, as apps behind a proxy do.
async fn whoami(headers: HeaderMap) -> Json<serde_json::Value> {
    let user = headers
        .get("x-forwarded-user")
        .and_then(|value| value.to_str().ok());
    Json(json!({ "user": user.unwrap_or("anonymous") }))
}

fn answer<T: serde::Serialize>(result: Result<T, crate::RecordsError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
