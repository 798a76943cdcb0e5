//! Who stands behind the pseudonyms in the ledger.
//!
//! Owns the keys under which clients and principals become pseudonyms: one a month, kept beside the
//! ledger and never in it, so that a copy of the ledger opens nothing. Refuses to use a key that is
//! not durable: nobody could open what it made. An operator who holds the file can open them.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::Arc,
};

use control::{Rng, Timestamp, rng};
use seal::{
    encode::{base64, unbase64},
    pseudonym::{Domain, PseudonymFault, Pseudonymiser, key_id_of},
};
use serde::{Deserialize, Serialize};

use crate::{
    disk::{Access, Disk, write_synced},
    event::PrincipalId,
};

/// Places for pseudonyms that are remembered, so that a busy client costs one encryption; a power
/// of two.
const PLACES: usize = 2048;

/// The file's name in the data folder.
pub const FILE: &str = "ledger-pseudonyms.json";

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Base64 keys by month, `2026-11`.
    keys: BTreeMap<String, String>,
}

/// Makes and opens pseudonyms.
pub struct Pseudonyms {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    rng: Arc<dyn Rng>,
    file: File,
    keys: BTreeMap<String, Pseudonymiser>,
    current: String,
    /// The day for which `current` was chosen.
    day: i64,
    /// Made with the first pseudonym. Each has one place, by its identifier: whoever chooses
    /// addresses that share a place costs an encryption each time, and nothing more.
    remembered: Vec<Option<Remembered>>,
}

/// A pseudonym made under the current key.
struct Remembered {
    client: bool,
    identifier: [u8; 16],
    /// As a JSON string, which is how it is written each time.
    quoted: Box<str>,
}

/// What a pseudonym stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The address of a client.
    Client(IpAddr),
    /// Who authenticated: the public id of a key, the name of a webhook source.
    Principal(String),
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(address) => write!(f, "client {address}"),
            Self::Principal(id) => write!(f, "principal {id}"),
        }
    }
}

/// A pseudonym could not be opened, or the keys could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PseudonymsError {
    /// The file of keys cannot be used.
    #[error("{}: {cause}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: io::Error,
    },
    /// The text is no pseudonym, or was changed.
    #[error(transparent)]
    Pseudonym(#[from] PseudonymFault),
    /// Its key is not in the file.
    #[error("this pseudonym was made under the key {0}, which is not in the file")]
    NoSuchKey(String),
}

impl Pseudonyms {
    /// Reads the keys at `path`, if there are any yet.
    pub fn load(
        disk: Arc<dyn Disk>,
        path: &Path,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, PseudonymsError> {
        let fault = |cause: io::Error| PseudonymsError::File {
            path: path.to_owned(),
            cause,
        };
        let file: File = match disk.read_secret(path) {
            Ok(secret) => serde_json::from_slice(secret.expose())
                .map_err(|_| fault(io::Error::other("not a file of pseudonym keys")))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => File::default(),
            Err(cause) => return Err(fault(cause)),
        };
        let mut keys = BTreeMap::new();
        for (id, key) in &file.keys {
            let key = unbase64(key).ok().and_then(|key| key.try_into().ok());
            let key = key.ok_or_else(|| fault(io::Error::other("a key is not 32 bytes")))?;
            keys.insert(id.clone(), Pseudonymiser::new(id, key)?);
        }
        Ok(Self {
            disk,
            path: path.to_owned(),
            rng,
            file,
            keys,
            current: String::new(),
            day: i64::MIN,
            remembered: Vec::new(),
        })
    }

    /// Chooses the key for `now`, if there is one already.
    pub(crate) fn choose(&mut self, now: Timestamp) -> bool {
        let day = now.seconds().div_euclid(86_400);
        if day == self.day {
            return true;
        }
        let month = month(now);
        if !self.keys.contains_key(&month) {
            return false;
        }
        if self.current != month {
            self.remembered.clear();
            self.current = month;
        }
        self.day = day;
        true
    }

    /// Chooses the key for `now`, and makes it durable if it is the first of its month.
    pub fn prepare(&mut self, now: Timestamp) -> io::Result<()> {
        if !self.choose(now) {
            let month = month(now);
            let key = rng::array::<32>(&*self.rng).map_err(io::Error::other)?;
            let made = Pseudonymiser::new(&month, key).map_err(io::Error::other)?;
            self.file.keys.insert(month.clone(), base64(&key));
            if let Err(cause) = self.write() {
                self.file.keys.remove(&month);
                return Err(cause);
            }
            self.keys.insert(month, made);
            self.choose(now);
        }
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.file)?;
        let draft = self.path.with_extension("new");
        write_synced(&*self.disk, &draft, Access::Secret, &text)?;
        self.disk.rename(&draft, &self.path)?;
        match self.path.parent() {
            Some(folder) => self.disk.sync_folder(folder),
            None => Ok(()),
        }
    }

    /// The pseudonym of a client's address as a JSON string. IPv4 addresses are taken as their mapped IPv6 ones.
    pub(crate) fn client(&mut self, address: IpAddr) -> Option<&str> {
        let mapped = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        self.seal(true, mapped.octets())
    }

    /// The pseudonym of a principal as a JSON string.
    pub(crate) fn principal(&mut self, principal: PrincipalId) -> Option<&str> {
        self.seal(false, *principal.padded())
    }

    fn seal(&mut self, client: bool, identifier: [u8; 16]) -> Option<&str> {
        if self.remembered.is_empty() {
            self.remembered.resize_with(PLACES, || None);
        }
        let place = self.remembered.get_mut(place(client, identifier))?;
        let known = place
            .as_ref()
            .is_some_and(|known| known.client == client && known.identifier == identifier);
        if !known {
            // Looked up first: without a key, whatever is remembered there stays as it is.
            let key = self.keys.get(&self.current)?;
            let text = key.seal(domain(client), &identifier).ok()?;
            *place = Some(Remembered {
                client,
                identifier,
                quoted: serde_json::to_string(&text).ok()?.into(),
            });
        }
        place.as_ref().map(|known| &*known.quoted)
    }

    /// Who stands behind `pseudonym`.
    pub fn open(&self, pseudonym: &str) -> Result<Opened, PseudonymsError> {
        let id = key_id_of(pseudonym).ok_or(PseudonymFault::Form)?;
        let key = self
            .keys
            .get(id)
            .ok_or_else(|| PseudonymsError::NoSuchKey(id.to_owned()))?;
        if let Ok(bytes) = key.open(domain(true), pseudonym) {
            let octets: [u8; 16] = bytes.try_into().map_err(|_| PseudonymFault::Form)?;
            let address = IpAddr::V6(Ipv6Addr::from(octets)).to_canonical();
            return Ok(Opened::Client(address));
        }
        let bytes = key.open(domain(false), pseudonym)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        let id = bytes.get(..end).unwrap_or_default();
        Ok(Opened::Principal(String::from_utf8_lossy(id).into_owned()))
    }
}

/// Where a pseudonym is remembered.
const fn place(client: bool, identifier: [u8; 16]) -> usize {
    let wide = u128::from_le_bytes(identifier) ^ client as u128;
    let mixed = (wide as u64 ^ (wide >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize & (PLACES - 1)
}

const fn domain(client: bool) -> Domain {
    if client {
        Domain::CLIENT
    } else {
        Domain::PRINCIPAL
    }
}

/// The month of `at` in UTC, `2026-11`.
fn month(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..7) {
        Some(month) if month.bytes().all(|b| b.is_ascii_digit() || b == b'-') => month.to_owned(),
        // A clock beyond the years that have four digits still gets a key.
        _ => "beyond".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use control::rng::CountingRng;

    use super::*;
    use crate::crash_disk::CrashDisk;

    fn load(disk: &CrashDisk) -> Pseudonyms {
        let rng = Arc::new(CountingRng::from_seed(1));
        Pseudonyms::load(Arc::new(disk.clone()), Path::new("/d/keys.json"), rng).unwrap()
    }

    /// A pseudonym as people see it.
    fn bare(quoted: Option<&str>) -> String {
        serde_json::from_str(quoted.unwrap()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_after_a_crash_and_in_later_months() {
        let disk = CrashDisk::new(Path::new("/d"));
        let mut pseudonyms = load(&disk);
        let now = Timestamp::from_seconds(1_763_719_200);
        pseudonyms.prepare(now).unwrap();
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        let client = bare(pseudonyms.client(address));
        let id = PrincipalId::new("k7f3").unwrap();
        let principal = bare(pseudonyms.principal(id));
        assert!(client.starts_with("p1.2025-11."), "{client}");
        let mut later = load(&disk.after_crash(0));
        later
            .prepare(now.plus(Duration::from_secs(40 * 86_400)))
            .unwrap();
        assert_ne!(bare(later.client(address)), client);
        assert_eq!(later.open(&client).unwrap(), Opened::Client(address));
        let opened = later.open(&principal).unwrap();
        assert_eq!(opened, Opened::Principal("k7f3".to_owned()));
        assert!(matches!(
            later.open(&client.replace("2025-11", "2025-10")),
            Err(PseudonymsError::NoSuchKey(_))
        ));
    }

    #[test]
    fn a_key_that_cannot_be_kept_is_not_used() {
        let disk = CrashDisk::new(Path::new("/d"));
        let mut pseudonyms = load(&disk);
        disk.fail(Some(io::ErrorKind::ReadOnlyFilesystem));
        let now = Timestamp::from_seconds(1_763_719_200);
        assert!(pseudonyms.prepare(now).is_err());
        assert_eq!(pseudonyms.client("::1".parse().unwrap()), None);
        disk.fail(None);
        pseudonyms.prepare(now).unwrap();
        assert!(pseudonyms.client("::1".parse().unwrap()).is_some());
    }

    #[test]
    fn a_cache_that_overflows_still_gives_one_pseudonym_each() {
        let disk = CrashDisk::new(Path::new("/d"));
        let mut pseudonyms = load(&disk);
        pseudonyms.prepare(Timestamp::from_seconds(0)).unwrap();
        let address = |i: u32| IpAddr::from(std::net::Ipv4Addr::from(i));
        let first = pseudonyms.client(address(0)).unwrap().to_owned();
        for i in 0..PLACES as u32 + 10 {
            pseudonyms.client(address(i)).unwrap();
        }
        assert_eq!(pseudonyms.client(address(0)).unwrap(), first);
    }
}
