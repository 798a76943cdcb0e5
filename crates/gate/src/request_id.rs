//! Request ids.
//!
//! Owns the making of 16 random bytes per request. Refuses to go on when the system gives no
//! randomness: an id that could be foreseen could be forged in a report. Buys randomness in bulk,
//! so that a request costs no system call.

use std::sync::Arc;

use control::{Rng, rng::NoRandomness};
use ledger::RequestId;

/// Ids bought at once.
const BATCH: usize = 256;

/// A core's supply of request ids.
pub struct RequestIds {
    rng: Arc<dyn Rng>,
    bytes: Box<[u8]>,
    next: usize,
}

impl RequestIds {
    /// A supply that asks `rng` when it runs out.
    #[must_use]
    pub fn new(rng: Arc<dyn Rng>) -> Self {
        let bytes = vec![0; BATCH * 16].into_boxed_slice();
        Self {
            rng,
            next: bytes.len(),
            bytes,
        }
    }

    /// One more id.
    pub fn draw(&mut self) -> Result<RequestId, NoRandomness> {
        if self.next >= self.bytes.len() {
            self.rng.fill(&mut self.bytes)?;
            self.next = 0;
        }
        let id = self
            .bytes
            .get(self.next..)
            .and_then(|rest| rest.first_chunk::<16>())
            .ok_or(NoRandomness)?;
        self.next += 16;
        Ok(RequestId(*id))
    }
}

/// Writes `id` as 32 hexadecimal digits.
#[must_use]
pub fn hex(id: &RequestId) -> [u8; 32] {
    seal::encode::hex_of_16(&id.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::rng::CountingRng;

    #[test]
    fn ids_do_not_repeat_across_refills() {
        let mut ids = RequestIds::new(Arc::new(CountingRng::from_seed(1)));
        let made: std::collections::HashSet<_> =
            (0..3 * BATCH).map(|_| ids.draw().unwrap()).collect();
        assert_eq!(made.len(), 3 * BATCH);
    }

    #[test]
    fn without_randomness_there_is_no_id() {
        struct Dry;
        impl Rng for Dry {
            fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
                Err(NoRandomness)
            }
        }
        assert!(RequestIds::new(Arc::new(Dry)).draw().is_err());
    }

    #[test]
    fn an_id_is_written_as_32_lower_case_digits() {
        let mut bytes = [0; 16];
        bytes[0] = 0xab;
        bytes[15] = 0x0f;
        assert_eq!(&hex(&RequestId(bytes)), b"ab00000000000000000000000000000f");
    }
}
