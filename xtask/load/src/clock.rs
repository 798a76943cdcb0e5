//! The time that is measured.

use std::{
    fs::File,
    io,
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use tokio::net::unix::pipe::Receiver;

/// Now.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// A timer finer than the runtime's own, which counts in milliseconds: a schedule of ten thousand
/// requests a second would come in bursts of ten.
pub(crate) struct Timer {
    timer: TimerFd,
    /// The same timer once more, as the runtime sees it: it is read like a pipe.
    expired: Receiver,
}

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let again = File::from(timer.as_fd().try_clone_to_owned()?);
        let expired = Receiver::from_file_unchecked(again)?;
        Ok(Self { timer, expired })
    }

    /// Waits for `time`; where there is none, only for those who are ready.
    pub(crate) async fn wait(&self, time: Duration) -> io::Result<()> {
        if time.is_zero() {
            tokio::task::yield_now().await;
            return Ok(());
        }
        let once = Expiration::OneShot(TimeSpec::from_duration(time));
        self.timer.set(once, TimerSetTimeFlags::empty())?;
        loop {
            self.expired.readable().await?;
            match self.expired.try_read(&mut [0; 8]) {
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.map(|_| ()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_waits_at_least_as_long_as_it_was_asked() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            for micros in [0, 1, 300] {
                let (time, begun) = (Duration::from_micros(micros), clock());
                timer.wait(time).await.unwrap();
                assert!(begun.elapsed() >= time);
            }
        });
    }
}
