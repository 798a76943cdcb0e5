//! Where uploads are judged and kept: off the threads that serve.
//!
//! Owns the folder and the quota of what is kept, and how many pieces are judged at once. Whatever
//! reads, judges or touches the disk runs on the service runtime, one piece at a time for each
//! upload, so that one who sends is waited for and nobody else waits. Refuses nothing itself. What is
//! let go of is removed there too, because closing a long file costs its disk something.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use control::Rng;
use tokio::{runtime::Handle, sync::Semaphore};
use upload::{
    Form, Intake, Quota, UploadRefusal,
    intake::{Kept, Place, Proof},
};

/// Pieces that are judged or read at once.
const PIECES: usize = 4;

/// Whole files that are judged at once: each may be read from one end to the other.
const WHOLES: usize = 2;

/// The place of all uploads of a gate.
pub(crate) struct Uploads {
    folder: PathBuf,
    quota: Quota,
    pieces: Arc<Semaphore>,
    wholes: Arc<Semaphore>,
    rng: Arc<dyn Rng>,
    service: Handle,
}

/// Something with a file, which is let go of on the service runtime.
pub(crate) struct Away<T: Send + 'static> {
    inner: Option<T>,
    service: Handle,
}

impl<T: Send + 'static> Drop for Away<T> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            drop(self.service.spawn_blocking(move || drop(inner)));
        }
    }
}

impl<T: Send + 'static> Away<T> {
    fn take(mut self) -> Option<T> {
        self.inner.take()
    }
}

impl Away<Kept> {
    pub(crate) fn get(&self) -> Option<&Kept> {
        self.inner.as_ref()
    }
}

impl Uploads {
    /// A place in `folder`, which is made where there is none, for `most` bytes.
    pub(crate) fn new(
        folder: &Path,
        most: u64,
        rng: Arc<dyn Rng>,
        service: Handle,
    ) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            quota: Quota::new(most),
            pieces: Arc::new(Semaphore::new(PIECES)),
            wholes: Arc::new(Semaphore::new(WHOLES)),
            rng,
            service,
        })
    }

    /// Bytes that are kept now.
    pub(crate) fn used(&self) -> u64 {
        self.quota.used()
    }

    fn away<T: Send + 'static>(&self, inner: T) -> Away<T> {
        Away {
            inner: Some(inner),
            service: self.service.clone(),
        }
    }

    /// Runs `work` where it may block, once there is a place.
    async fn run<T: Send + 'static>(
        &self,
        places: &Arc<Semaphore>,
        work: impl FnOnce() -> Result<T, UploadRefusal> + Send + 'static,
    ) -> Result<T, UploadRefusal> {
        let place = Arc::clone(places).acquire_owned().await;
        let place = place.map_err(|_| UploadRefusal::SpoolFailed)?;
        let job = self.service.spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        // A panic of a reader is a fault of ours and never a pass.
        job.await.unwrap_or(Err(UploadRefusal::SpoolFailed))
    }

    /// Begins an upload; see [`Intake::new`].
    pub(crate) async fn begin(
        self: &Arc<Self>,
        form: Arc<Form>,
        content_type: Option<Vec<u8>>,
        digested: bool,
    ) -> Result<Away<Intake>, UploadRefusal> {
        let place = Arc::clone(self);
        self.run(&self.pieces, move || {
            let at = Place {
                folder: &place.folder,
                quota: &place.quota,
            };
            let intake = Intake::new(&form, content_type.as_deref(), at, digested, &*place.rng)?;
            Ok(place.away(intake))
        })
        .await
    }

    /// Judges and keeps `bytes`, whose storage comes back empty.
    pub(crate) async fn push(
        &self,
        intake: Away<Intake>,
        mut bytes: Vec<u8>,
    ) -> Result<(Away<Intake>, Vec<u8>), UploadRefusal> {
        self.run(&self.pieces, move || {
            let mut intake = intake;
            let inner = intake.inner.as_mut().ok_or(UploadRefusal::NotHeld)?;
            inner.push(&bytes)?;
            bytes.clear();
            Ok((intake, bytes))
        })
        .await
    }

    /// Judges what only the end and the whole show.
    pub(crate) async fn finish(
        self: &Arc<Self>,
        intake: Away<Intake>,
    ) -> Result<(Proof, Away<Kept>), UploadRefusal> {
        let place = Arc::clone(self);
        self.run(&self.wholes, move || {
            let inner = intake.take().ok_or(UploadRefusal::NotHeld)?;
            let (proof, kept) = inner.finish()?;
            Ok((proof, place.away(kept)))
        })
        .await
    }

    /// Reads up to `most` of the next bytes of `kept` into `bytes`.
    pub(crate) async fn read(
        &self,
        kept: Away<Kept>,
        mut bytes: Vec<u8>,
        most: u64,
    ) -> Result<(Away<Kept>, Vec<u8>), UploadRefusal> {
        self.run(&self.pieces, move || {
            let mut kept = kept;
            bytes.clear();
            let inner = kept.inner.as_mut().ok_or(UploadRefusal::NotHeld)?;
            inner.read(&mut bytes, most)?;
            Ok((kept, bytes))
        })
        .await
    }
}
