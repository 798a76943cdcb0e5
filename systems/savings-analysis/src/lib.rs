//! The savings analysis app: what dental practices bought, and what they could have paid.
//!
//! Owns an ordinary little web app, the documents of its deployment, and the login provider of its demo.
//! It is deliberately without any check of its own, as prototypes are that Vouchsafe stands in front of:
//! everybody sees every practice, uploads for any of them, and is whoever they say they are. Trusts
//! everything; that is the point. It keeps its purchases in memory and forgets them at its end.
//!
//! Replacing it by a real app must only change `upstream` and paths in `vouchsafe.toml`.

mod app;
mod catalogue;
mod csv;
mod practices;

/// Its security document, with anchors.
pub const SECURITY: &str = include_str!("../SECURITY.md");

/// Its configuration, as a deployment would start from it.
pub const CONFIGURATION: &str = include_str!("../vouchsafe.toml");

/// The login provider of its demo: a script for Node.
pub const PROVIDER: &str = include_str!("../provider/provider.mjs");

/// Files that its deployment serves beside the app, by name.
pub const FILES: [(&str, &str); 1] = [(
    "templates/purchases.csv",
    include_str!("../templates/purchases.csv"),
)];

/// What the script needs, by name of the file that npm reads.
pub const PROVIDER_PACKAGES: [(&str, &str); 2] = [
    ("package.json", include_str!("../provider/package.json")),
    (
        "package-lock.json",
        include_str!("../provider/package-lock.json"),
    ),
];

/// Purchases of one practice that nobody made, as a supplier would export them.
#[must_use]
pub fn synthetic() -> String {
    csv::write(&practices::synthetic())
}

/// Serves the app on `listener` until the task is ended.
///
/// # Errors
///
/// Where the listener fails.
pub async fn serve(listener: tokio::net::TcpListener) -> std::io::Result<()> {
    axum::serve(listener, app::router(practices::Practices::default())).await
}
