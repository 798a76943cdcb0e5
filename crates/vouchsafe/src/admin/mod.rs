//! The admin surface: JSON over a socket that only the owner of the data folder may open.
//!
//! Owns the socket, its thread and limits, and the table of what can be asked. Refuses peers of another
//! user, bodies above 64 KiB, and more than 32 connections at once. Every change it makes is a durable
//! ledger event before it is answered. Shares no thread with anything that waits for a disk, so that
//! an instance whose disk hangs still says how it is: what may wait does so on threads of its own, few
//! enough to leave connections for the question.

mod ask;
mod instance;
mod people;
mod pulse;
mod tokens;

use std::{
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Semaphore, oneshot},
};

pub(crate) use self::{
    instance::Instance,
    pulse::{Faults, Pulse},
};
use crate::{
    failure::{Failure, io},
    load::Loaded,
};

const BODY_LIMIT: usize = 64 * 1024;
const BODY_TIME: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 32;

/// Asks that may wait for a disk at once; the connections beyond them are for those that do not.
const WAITING: usize = 24;

/// Longest path a Unix socket may have, with its final NUL.
const SOCKET_PATH: usize = 107;

/// Where the admin socket of a deployment lies. A path too long for a socket moves to the
/// temporary folder under a name made of the path's digest, so that both sides find it.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    let plain = plain_path(data_dir);
    if plain.as_os_str().len() < SOCKET_PATH {
        return plain;
    }
    let digest = seal::sha256(plain.as_os_str().as_encoded_bytes());
    let name = seal::encode::hex(digest.get(..8).unwrap_or_default());
    std::env::temp_dir()
        .join(format!("vouchsafe-{name}"))
        .join("admin.sock")
}

fn plain_path(data_dir: &Path) -> PathBuf {
    std::path::absolute(data_dir)
        .unwrap_or_else(|_| data_dir.to_owned())
        .join("admin.sock")
}

/// The client side: the surface of the instance that this configuration belongs to.
pub(crate) fn client(loaded: &Loaded) -> prove::admin::Admin {
    let clock = Arc::new(control::SystemClock::new());
    prove::admin::Admin::new(&socket_path(&loaded.data_dir), clock)
}

/// An admin error as a failure of the verb that asked.
pub(crate) fn unanswered(fault: prove::admin::AdminError) -> Failure {
    let hint = match &fault {
        prove::admin::AdminError::Nobody { .. } => {
            "start the gate with vouchsafe up, and ask as the same user; one that was started with \
             another data_dir must be stopped by its pid"
        }
        prove::admin::AdminError::Impostor { .. } => {
            "ask as the user the gate runs as; if it should run as this one, find out who listens there"
        }
        prove::admin::AdminError::Refused { .. } | prove::admin::AdminError::Strange(_) => {
            "see the gate's own log"
        }
    };
    Failure::new(fault.to_string(), hint)
}

/// Binds the socket. The caller holds the lock on the data folder, so a file that is there was left
/// by an instance that is gone.
pub(crate) fn bind(
    path: &Path,
    data_dir: &Path,
) -> Result<std::os::unix::net::UnixListener, Failure> {
    let doing = format!("listen on {}", path.display());
    let hint = "choose a shorter data_dir, or one that can be written";
    if let Some(folder) = path.parent()
        && path != plain_path(data_dir)
    {
        own_folder(folder).map_err(io(&doing, hint))?;
    }
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            return Err(io(&doing, hint)(cause));
        }
        _ => {}
    }
    // Nobody may connect between bind and chmod: the peer's user is checked as well.
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(io(&doing, hint))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(io(&doing, hint))?;
    listener.set_nonblocking(true).map_err(io(&doing, hint))?;
    Ok(listener)
}

/// Makes the folder of a socket that was moved, or makes sure that it is ours alone: below the
/// temporary folder anybody could have made it before us, and would decide who listens there.
fn own_folder(folder: &Path) -> std::io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::AlreadyExists => return Err(cause),
        _ => {}
    }
    let about = std::fs::symlink_metadata(folder)?;
    let own = about.uid() == nix::unistd::geteuid().as_raw();
    if about.is_dir() && own && about.mode() & 0o077 == 0 {
        Ok(())
    } else {
        let whose = format!("{} is not a folder of this user alone", folder.display());
        Err(std::io::Error::other(whose))
    }
}

/// The surface as it is served, on a thread of its own. Dropping it ends it.
pub(crate) struct Surface {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How long asks that still wait for a disk keep the surface once it is told to end.
const END_TIME: Duration = Duration::from_secs(1);

/// Serves what `listener` accepts until the surface is dropped.
pub(crate) fn serve(
    listener: std::os::unix::net::UnixListener,
    instance: Arc<Instance>,
) -> Result<Surface, Failure> {
    let serving = "serve the admin surface";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .thread_name("admin-ask")
        .max_blocking_threads(WAITING)
        .enable_all()
        .build()
        .map_err(io(serving, "raise the limits on processes (ulimit -u)"))?;
    let listener = {
        let _runtime = runtime.enter();
        UnixListener::from_std(listener).map_err(io(serving, "report this as a defect"))?
    };
    let (end, ended) = oneshot::channel();
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(listener, instance) => {}
                _ = ended => {}
            }
        });
        runtime.shutdown_timeout(END_TIME);
    };
    let thread = std::thread::Builder::new()
        .name("admin".to_owned())
        .spawn(run)
        .map_err(io(serving, "raise the limits on processes (ulimit -u)"))?;
    Ok(Surface {
        end: Some(end),
        thread: Some(thread),
    })
}

impl Drop for Surface {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // One that fell over has ended too.
            let _ = thread.join();
        }
    }
}

/// Accepts for ever. A descriptor is kept in hand, so that an instance without descriptors can still
/// be asked how it is.
async fn accept(listener: UnixListener, instance: Arc<Instance>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let waiting = Arc::new(Semaphore::new(WAITING));
    let mut spare = None;
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        if spare.is_none() {
            spare = std::fs::File::open("/dev/null").ok();
        }
        let Ok((stream, _)) = listener.accept().await else {
            if spare.take().is_none() {
                // Those in use come back when their connections end.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            continue;
        };
        if !is_ours(&stream) {
            continue;
        }
        let (instance, waiting) = (Arc::clone(&instance), Arc::clone(&waiting));
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                answer(Arc::clone(&instance), Arc::clone(&waiting), request)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(BODY_TIME)
                .serve_connection(TokioIo::new(stream), service);
            // A peer that goes away in the middle has its reasons.
            let _ = connection.await;
            drop(permit);
        });
    }
}

/// Whether the peer is the user we run as, or root.
fn is_ours(stream: &UnixStream) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// What an ask comes to.
pub(crate) enum Said {
    /// JSON with a status.
    Json(StatusCode, Value),
    /// Prometheus text.
    Metrics(String),
}

impl Said {
    pub(crate) fn ok(value: Value) -> Self {
        Self::Json(StatusCode::OK, value)
    }

    pub(crate) fn refused(
        status: StatusCode,
        error: impl AsRef<str>,
        hint: impl AsRef<str>,
    ) -> Self {
        Self::Json(
            status,
            json!({ "error": error.as_ref(), "hint": hint.as_ref() }),
        )
    }
}

async fn answer(
    instance: Arc<Instance>,
    waiting: Arc<Semaphore>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_LIMIT).collect()).await;
    let said = match read {
        Ok(Ok(body)) => said(instance, &waiting, head, body.to_bytes()).await,
        _ => Said::refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large or too slow",
            "send less",
        ),
    };
    Ok(render(said))
}

/// What an ask comes to, here where it never waits, and on a thread of its own where it may.
async fn said(
    instance: Arc<Instance>,
    waiting: &Arc<Semaphore>,
    head: http::request::Parts,
    body: Bytes,
) -> Said {
    if let Some(said) = ask::answer_at_once(&instance, head.method.as_str(), head.uri.path()) {
        return said;
    }
    let Ok(place) = Arc::clone(waiting).try_acquire_owned() else {
        return Said::refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many asks wait for a disk",
            "vouchsafe healthcheck says which disk does not answer",
        );
    };
    let answered = tokio::task::spawn_blocking(move || {
        let said = ask::answer(&instance, head.method.as_str(), head.uri.path(), &body);
        drop(place);
        said
    });
    answered.await.unwrap_or_else(|_| {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Said::refused(status, "the ask failed", "see the gate's own log")
    })
}

fn render(said: Said) -> Response<Full<Bytes>> {
    let (status, kind, text) = match said {
        Said::Json(status, value) => (status, "application/json", value.to_string()),
        Said::Metrics(text) => (StatusCode::OK, "text/plain; version=0.0.4", text),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_another_could_write_to_is_not_taken_for_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("vouchsafe-1");
        own_folder(&place).unwrap();
        own_folder(&place).unwrap();
        for mode in [0o770, 0o755] {
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(own_folder(&place).is_err(), "{mode:o}");
        }
        std::fs::remove_dir(&place).unwrap();
        std::os::unix::fs::symlink(folder.path(), &place).unwrap();
        assert!(own_folder(&place).is_err());
    }

    #[test]
    fn a_path_too_long_for_a_socket_moves_to_the_temporary_folder() {
        let long = PathBuf::from("/x".repeat(80));
        assert!(socket_path(&long).as_os_str().len() < SOCKET_PATH);
        assert_eq!(
            socket_path(Path::new("/data")),
            PathBuf::from("/data/admin.sock")
        );
    }
}
