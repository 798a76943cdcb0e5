//! Opening a connection.
//!
//! Owns the one call that dials. Takes a [`Judged`] by value and connects to exactly the address in
//! it: no name is looked up here, and no verdict is used twice. Trusts the kernel.

use std::{io, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use crate::policy::Judged;

/// Connects to a judged address within `limit`.
///
/// # Errors
///
/// Those of the system, and [`io::ErrorKind::TimedOut`].
pub async fn dial(judged: Judged, limit: Duration) -> io::Result<TcpStream> {
    let stream = timeout(limit, TcpStream::connect(judged.address()))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}
