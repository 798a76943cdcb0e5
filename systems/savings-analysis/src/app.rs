//! The pages and interfaces of the app.
//!
//! Owns the routes. Every handler does what it is told by whoever asks.

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    csv,
    practices::{Practices, Upload},
};

pub(crate) fn router(practices: Practices) -> Router {
    Router::new()
        .route("/", get(landing))
        .route("/health", get(health))
        .route("/app", get(home))
        .route("/app/whoami", get(whoami))
        .route("/app/practices", get(all))
        .route("/app/practices/{id}/note", post(note))
        .route("/app/pipeline", get(pipeline))
        .route("/app/accounts", get(accounts))
        .route("/app/board", get(board))
        .route("/app/uploads", post(upload))
        .route("/app/uploads/{id}", get(results))
        .route("/app/uploads/{id}/export", get(export))
        .route("/api/import", post(upload))
        .layer(DefaultBodyLimit::disable())
        .with_state(practices)
}

async fn landing() -> Html<&'static str> {
    Html(concat!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Savings</title>",
        "<h1>What could you save?</h1><p><a href=\"/app\">Log in</a></p></html>"
    ))
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Everything there is, for whoever comes.
async fn home(State(practices): State<Practices>) -> Html<String> {
    let rows: String = practices
        .list(|_| true)
        .iter()
        .map(|one| format!("<li>{} ({})</li>", one.name, one.id))
        .collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Savings</title>\
         <h1>Practices</h1><ul>{rows}</ul>\
         <form method=\"post\" action=\"/.vouchsafe/logout\"><button>Log out</button></form></html>"
    ))
}

/// Believes whoever says who they are, as apps behind a proxy do.
async fn whoami(headers: HeaderMap) -> Json<Value> {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Json(json!({
        "user": said("x-forwarded-user").unwrap_or("anonymous"),
        "assertion": said("x-vouchsafe-assertion"),
    }))
}

async fn all(State(practices): State<Practices>) -> Json<Value> {
    Json(json!({ "practices": practices.list(|_| true) }))
}

async fn pipeline(State(practices): State<Practices>) -> Json<Value> {
    Json(json!({ "pipeline": practices.list(|one| !one.customer) }))
}

async fn accounts(State(practices): State<Practices>) -> Json<Value> {
    Json(json!({ "accounts": practices.list(|one| one.customer) }))
}

async fn board(State(practices): State<Practices>) -> Json<Value> {
    let all = practices.list(|_| true).len();
    Json(json!({ "practices": all, "total_saving": practices.total() }))
}

#[derive(Deserialize)]
struct Note {
    note: String,
}

async fn note(
    State(practices): State<Practices>,
    Path(id): Path<String>,
    Form(Note { note }): Form<Note>,
) -> Response {
    if practices.note(&id, &note) {
        Json(json!({ "noted": note })).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

#[derive(Deserialize)]
struct For {
    practice: Option<String>,
}

/// Takes whatever comes, in a form or as it is.
async fn upload(
    State(practices): State<Practices>,
    Query(For { practice }): Query<For>,
    body: Bytes,
) -> Response {
    let body = String::from_utf8_lossy(&body);
    let (file, table) = file_of(&body);
    let practice = practice.unwrap_or_else(|| "p1".to_owned());
    let upload = practices.upload(&practice, csv::read(table));
    let mut made = json!(upload);
    if let Some(made) = made.as_object_mut() {
        made.insert("file".to_owned(), json!(file));
    }
    (StatusCode::CREATED, Json(made)).into_response()
}

/// Name and content of the first file of a form; all of a body that is none.
fn file_of(body: &str) -> (Option<&str>, &str) {
    let Some((_, named)) = body.split_once("filename=\"") else {
        return (None, body);
    };
    let (name, rest) = named.split_once('"').unwrap_or((named, ""));
    let (_, content) = rest.split_once("\r\n\r\n").unwrap_or(("", rest));
    let (content, _) = content.rsplit_once("\r\n--").unwrap_or((content, ""));
    (Some(name), content)
}

async fn results(State(practices): State<Practices>, Path(id): Path<String>) -> Response {
    if !id.starts_with('u') {
        return debug_page(&id);
    }
    match practices.found(&id) {
        Some(upload) => Json(upload).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn export(State(practices): State<Practices>, Path(id): Path<String>) -> Response {
    match practices.found(&id) {
        Some(upload) => {
            ([(CONTENT_TYPE, "text/csv; charset=utf-8")], table(&upload)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Shows whoever asks where it fell and with what settings, as frameworks in debug mode do.
fn debug_page(id: &str) -> Response {
    let trace = format!(
        "Traceback (most recent call last):\n  uploads.py, line 41, in results\n\
         ValueError: no number of an upload: {id:?}\n\
         DATABASE_URL=postgres://savings@db.internal/savings\n"
    );
    (StatusCode::INTERNAL_SERVER_ERROR, trace).into_response()
}

/// The results as a table, with whatever the supplier wrote.
fn table(upload: &Upload) -> String {
    let mut text = "sku,description,quantity,saving\n".to_owned();
    for line in &upload.lines {
        let bought = &line.purchase;
        let saving = format!("{}.{:02}", line.saving / 100, line.saving % 100);
        let row = [
            csv::quote(&bought.sku),
            csv::quote(&bought.description),
            bought.quantity.to_string(),
            saving,
        ];
        text.push_str(&row.join(","));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::practices::synthetic;

    #[test]
    fn a_form_and_a_bare_file_hold_the_same_table() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"t\"; filename=\"a.csv\"\r\n\
                    \r\nsku\nA\r\n--b--\r\n";
        assert_eq!(file_of(form), (Some("a.csv"), "sku\nA"));
        assert_eq!(file_of("sku\nA\n"), (None, "sku\nA\n"));
    }

    #[test]
    fn a_fault_shows_the_settings() {
        assert_eq!(debug_page("x").status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn an_export_has_a_row_for_each_line() {
        let text = table(&Practices::default().upload("p1", synthetic()));
        assert_eq!(text.lines().count(), 6);
        assert!(
            text.contains("GLV-100,\"nitrile gloves, 100\",40,60.00\n"),
            "{text}"
        );
    }
}
