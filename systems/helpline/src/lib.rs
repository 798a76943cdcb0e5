//! The helpline app: calls of children, and what is made of them.
//!
//! Owns an ordinary little web app and the documents of its deployment. It is deliberately without
//! any check of its own, as the apps are that Vouchsafe stands in front of: it reads whatever a token
//! says without asking who signed it, and gives keys to everybody. Trusts everything; that is the
//! point. It keeps its calls in memory and forgets them at its end.
//!
//! Replacing it by a real app must only change `upstream` and paths in `vouchsafe.toml`.

mod app;
mod calls;

/// Its security document, with anchors.
pub const SECURITY: &str = include_str!("../SECURITY.md");

/// Its configuration, as a deployment would start from it.
pub const CONFIGURATION: &str = include_str!("../vouchsafe.toml");

/// Files that its configuration names, by name.
pub const FILES: [(&str, &str); 1] = [("openapi.json", include_str!("../openapi.json"))];

/// Serves the app on `listener` until the task is ended.
///
/// # Errors
///
/// Where the listener fails.
pub async fn serve(listener: tokio::net::TcpListener) -> std::io::Result<()> {
    axum::serve(listener, app::router(calls::Calls::default())).await
}
