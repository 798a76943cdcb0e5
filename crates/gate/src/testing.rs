//! What the tests of this crate share: a site from its text, a request from its bytes.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use config::Faults;
use control::{Clock, Secret, SystemClock, SystemRng, Timestamp};
use wire::{HeadLimits, Parsed, Request, RequestHead};

use crate::{
    core::CurrentSite,
    fuzz,
    metrics::Metrics,
    site::Site,
    stages::{Exchange, record::Books},
};

/// A whole configuration: one listener, one app, and whatever stands in `rest`.
pub(crate) fn text(rest: &str) -> String {
    format!(
        "[deployment]\nname = \"coach\"\npublic_url = \"https://coach.school.example\"\n\
         hosts = [\"coach.internal\"]\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[app]]\nname = \"coach\"\nupstream = \"http://127.0.0.1:8502\"\n{rest}"
    )
}

/// The site of a configuration, with the secret `hook` at hand.
pub(crate) fn read(text: &str) -> Result<Site, Faults> {
    let secret = Secret::new(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec());
    let secrets = BTreeMap::from([("hook".to_owned(), Some(secret))]);
    let site = fuzz::site(text.to_owned(), &secrets, false)?;
    Ok(site.expect("a configuration without faults is a site"))
}

/// The site of [`text`] with `rest`.
pub(crate) fn site(rest: &str) -> Site {
    read(&text(rest)).unwrap_or_else(|faults| panic!("{}", faults.render(config::Look::Plain)))
}

/// An open route for everything.
pub(crate) const OPEN: &str =
    "[[route]]\npath = \"/\"\napp = \"coach\"\nauth = \"none\"\nreason = \"public\"\n";

/// A request head that can be looked at.
pub(crate) struct Received {
    head: RequestHead,
    bytes: Vec<u8>,
}

impl Received {
    /// The head of `lines`, joined and ended as on the wire.
    pub(crate) fn of(lines: &[&str]) -> Self {
        let bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
        let mut head = RequestHead::new();
        let parsed = head.parse(&bytes, &HeadLimits::REQUEST);
        assert_eq!(parsed, Ok(Parsed::Complete { len: bytes.len() }));
        Self { head, bytes }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        self.head.request(&self.bytes)
    }
}

/// A request on the first route of `site`, from 192.0.2.1.
pub(crate) fn exchange(site: Site) -> Exchange {
    Exchange {
        site: CurrentSite::new(site),
        id: ledger::RequestId([0xab; 16]),
        client: [192, 0, 2, 1].into(),
        secure: false,
        route: Some(0),
        principal: None,
        certificate: None,
        head: false,
        began: std::time::Duration::ZERO,
        at: Timestamp::from_seconds(1_800_000_000),
        allowed: None,
        login: None,
        moved: None,
        page: None,
        clears: false,
        forwarded_host: false,
        counted: false,
        reserved: false,
        ends: None,
        told: None,
        operation: None,
        origin: None,
        observed: None,
        tally: limits::rate::Tally::default(),
        books: books(),
    }
}

/// Books of a ledger that is closed already, so nothing can be recorded in them.
fn books() -> Rc<Books> {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let ledger = ledger::Ledger::open(ledger::Options {
        lock: Arc::new(ledger::Lock::acquire(folder.path()).unwrap()),
        origin: "coach.school.example/coach/1".to_owned(),
        second_place: None,
        keeping: ledger::Keeping::default(),
        ring: 64,
        clock: Arc::clone(&clock),
        rng: Arc::new(SystemRng),
    })
    .unwrap();
    let recorder = ledger.recorder();
    ledger.close().unwrap();
    let (counters, room) = (Metrics::default().core(), Arc::default());
    Rc::new(Books::new(recorder, counters, clock, room))
}
