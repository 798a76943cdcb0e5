//! The student outreach app: WhatsApp check-ins, registrations and a small interface for mentors.
//!
//! Owns an ordinary little web app and the documents of its deployment. It is deliberately without
//! any check of its own, as the apps are that Vouchsafe stands in front of: it believes every
//! sender, every header and every caller. Trusts everything; that is the point.
//!
//! Replacing it by a real app must only change `upstream` and paths in `vouchsafe.toml`.

mod app;
mod class;
mod records;

use std::{net::SocketAddr, path::Path};

pub use class::{Student, synthetic};
pub use records::RecordsError;

/// Its security document, with anchors.
pub const SECURITY: &str = include_str!("../SECURITY.md");

/// Its configuration, as a deployment would start from it.
pub const CONFIGURATION: &str = include_str!("../vouchsafe.toml");

/// The app could not start or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Its database did not open.
    #[error("the app's database did not open")]
    Records(#[from] RecordsError),
    /// Its listener failed.
    #[error("the app's listener failed")]
    Listener(#[from] std::io::Error),
}

/// Serves the app on `listener`, with its records in the file `database`, until the task is ended.
pub async fn serve(listener: tokio::net::TcpListener, database: &Path) -> Result<(), AppError> {
    let records = records::Records::open(database)?;
    axum::serve(listener, app::router(records)).await?;
    Ok(())
}

/// Binds `address` (port 0 takes a free one) and says where it listens.
pub async fn bind(
    address: SocketAddr,
) -> Result<(tokio::net::TcpListener, SocketAddr), std::io::Error> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}
