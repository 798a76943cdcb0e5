//! An upload that was judged, on its way to its app.
//!
//! Owns the reading of what was kept, a piece at a time and never ahead of the app: the next piece is
//! asked for when the last has been taken. Refuses to end early: a disk that fails is a fault of the
//! stream, never its end.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};
use upload::{UploadRefusal, intake::Kept};

use crate::uploads::{Away, Uploads};

/// Bytes that are read at once.
const PIECE: u64 = 64 * 1024;

type Read = Result<(Away<Kept>, Vec<u8>), UploadRefusal>;

/// The bytes of an upload.
pub(super) struct Upload {
    place: Arc<Uploads>,
    /// What has been read and not yet taken, from `at`.
    bytes: Vec<u8>,
    at: usize,
    /// Bytes that are still to be read.
    left: u64,
    kept: Option<Away<Kept>>,
    reading: Option<Pin<Box<dyn Future<Output = Read> + Send>>>,
}

impl Upload {
    pub(super) fn new(place: Arc<Uploads>, kept: Away<Kept>) -> Self {
        let left = kept.get().map_or(0, Kept::len);
        Self {
            place,
            bytes: Vec::new(),
            at: 0,
            left,
            kept: Some(kept),
            reading: None,
        }
    }

    fn take(&mut self, read: Read) -> io::Result<()> {
        let (kept, bytes) = read.map_err(io::Error::other)?;
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if count == 0 || count > self.left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count;
        self.kept = Some(kept);
        (self.bytes, self.at) = (bytes, 0);
        Ok(())
    }
}

impl AsyncRead for Upload {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let here = self.bytes.get(self.at..).unwrap_or_default();
            if !here.is_empty() {
                let count = here.len().min(out.remaining());
                out.put_slice(here.get(..count).unwrap_or_default());
                self.at += count;
                return Poll::Ready(Ok(()));
            }
            if let Some(reading) = &mut self.reading {
                let read = ready!(reading.as_mut().poll(cx));
                self.reading = None;
                self.take(read)?;
                continue;
            }
            if self.left == 0 {
                return Poll::Ready(Ok(()));
            }
            let Some(kept) = self.kept.take() else {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            };
            let place = Arc::clone(&self.place);
            let bytes = std::mem::take(&mut self.bytes);
            self.at = 0;
            let reading = async move { place.read(kept, bytes, PIECE).await };
            self.reading = Some(Box::pin(reading));
        }
    }
}
