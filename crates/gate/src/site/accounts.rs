//! People who have a password here, and when guessing one locks.
//!
//! Owns `[accounts]`. Without the table there are no local accounts, no page to sign in and none to
//! claim one. Refuses a public address under which no browser would keep the cookie of a session, and
//! an address that would be locked before any account is.

use std::{ops::RangeInclusive, time::Duration};

use config::{Fault, Table};
use identity::{account::Settings, password::Documented};

use super::{deployment::PublicUrl, login};

/// The bounds of `attempts`: fewer lock out people who mistype, more are no limit.
const ATTEMPTS: RangeInclusive<u64> = 3..=20;

/// The bounds of `address_attempts`.
const ADDRESS_ATTEMPTS: RangeInclusive<u64> = 3..=1000;

/// The bounds of `shortest`: below 8 nothing is a password (NIST SP 800-63B), and beyond 64 nobody
/// takes one.
const SHORTEST: RangeInclusive<u64> = 8..=64;

/// Most passwords that are named as documented ones.
const DOCUMENTED: usize = 100;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[accounts]`, where it is there.
pub(super) fn read(root: &mut Table<'_>, url: Option<&PublicUrl>) -> Option<Settings> {
    let mut table = root.optional_table("accounts")?;
    let otherwise = Settings::default();
    let attempts = count(&mut table, "attempts", ATTEMPTS);
    let settings = Settings {
        attempts: attempts.unwrap_or(otherwise.attempts),
        address_attempts: count(&mut table, "address_attempts", ADDRESS_ATTEMPTS)
            .unwrap_or(otherwise.address_attempts),
        window: length(&mut table, "window", MINUTE..=DAY).unwrap_or(otherwise.window),
        lock: length(&mut table, "lock", MINUTE..=DAY).unwrap_or(otherwise.lock),
        link: length(&mut table, "link", MINUTE * 10..=DAY * 7).unwrap_or(otherwise.link),
        shortest: count(&mut table, "shortest", SHORTEST)
            .and_then(|shortest| usize::try_from(shortest).ok())
            .unwrap_or(otherwise.shortest),
        documented: documented(&mut table),
        idle: length(&mut table, "idle", login::IDLE_BOUNDS).unwrap_or(otherwise.idle),
        longest: length(&mut table, "longest", login::LONGEST_BOUNDS).unwrap_or(otherwise.longest),
    };
    if settings.address_attempts < settings.attempts {
        table.fault(
            Fault::new(
                "accounts.address-first",
                "an address is locked before any account can be",
            )
            .at(table.span())
            .hint("let address_attempts be no less than attempts: many people share an address"),
        );
    }
    login::refuse_open_address(&table, "accounts.open-address", url);
    table.done();
    Some(settings)
}

/// Passwords that stand where anybody can read them.
fn documented(table: &mut Table<'_>) -> Documented {
    let mut documented = Documented::default();
    let texts = table.texts("documented").unwrap_or_default();
    if let Some(further) = texts.get(DOCUMENTED) {
        table.fault(
            Fault::new(
                "accounts.documented",
                format!("more than {DOCUMENTED} documented passwords"),
            )
            .at(further.span)
            .hint("name those of the documentation and of demos; common ones are refused anyhow"),
        );
    }
    for text in texts {
        if let Err(fault) = documented.add(&text.value) {
            table.fault(
                Fault::new("accounts.documented", fault.to_string())
                    .at(text.span)
                    .hint("write the password as it stands in the documentation"),
            );
        }
    }
    documented
}

fn count(table: &mut Table<'_>, key: &str, bounds: RangeInclusive<u64>) -> Option<u32> {
    let found = table.count_in(key, bounds)?;
    u32::try_from(found.value).ok()
}

fn length(table: &mut Table<'_>, key: &str, bounds: RangeInclusive<Duration>) -> Option<Duration> {
    Some(table.duration_in(key, bounds)?.value)
}
