//! One request from its head to its record.
//!
//! Owns what every later stage needs to know of a request and what the ledger will say of it.
//! Refuses to hold a path, a query or a field. Every request that began ends in
//! [`super::record`], however it ends: one that is dropped before it was recorded is cut off.

use std::{net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use control::{Refusal, Timestamp};
use hooks::{Ack, Answer};
use identity::{certificate::Presented, session::fault::SESSION};
use ledger::{Kind, PrincipalId, RequestId};
use limits::rate::Tally;
use schema::openapi::Place;
use wire::Method;

use super::{
    Peer,
    files::{Body, FileAnswer, Reading},
    login::Sent,
    observe::Observed,
    record::{self, Books},
    sign_in::Page,
};
use crate::{
    core::{Core, CurrentSite},
    site::route::Route,
};

/// A request under way.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) site: CurrentSite,
    pub(crate) id: RequestId,
    pub(crate) client: IpAddr,
    /// Whether the client's side speaks TLS, here or at a trusted proxy.
    pub(crate) secure: bool,
    pub(crate) route: Option<usize>,
    pub(crate) principal: Option<PrincipalId>,
    /// The certificate that its connection began with.
    pub(crate) certificate: Option<Arc<Presented>>,
    /// Whether the answer must come without a body.
    pub(crate) head: bool,
    /// When it began, by the monotonic clock.
    pub(crate) began: Duration,
    /// When it began, by the wall clock.
    pub(crate) at: Timestamp,
    /// What `Allow` lists, where the method was refused.
    pub(crate) allowed: Option<Box<str>>,
    /// Where a browser that is refused for want of a session is sent instead.
    pub(crate) login: Option<Box<str>>,
    /// Where a client is sent that came without TLS.
    pub(crate) moved: Option<Box<str>>,
    /// What a browser is shown of a refusal instead of JSON.
    pub(crate) page: Option<Box<Page>>,
    /// Whether the browser shows a session that it need not keep when it is refused.
    pub(crate) clears: bool,
    /// Whether the host it was asked for is the one a trusted proxy forwarded.
    pub(crate) forwarded_host: bool,
    /// Whether it is counted among the requests of its client.
    pub(crate) counted: bool,
    /// Whether it has a place in the ledger's ring for each of its events.
    pub(crate) reserved: bool,
    /// The kind of event that is its end; none once that is recorded.
    pub(crate) ends: Option<Kind>,
    /// What is wrong with its body, for whoever sent it.
    pub(crate) told: Option<Box<str>>,
    /// Which operation of the description of its route it is, where one was found.
    pub(crate) operation: Option<Place>,
    /// Its place among the origins that its route names, if it comes from one of them.
    pub(crate) origin: Option<usize>,
    /// What would have refused it, where its route is observed.
    pub(crate) observed: Option<Observed>,
    /// What its limits have to do with it.
    pub(crate) tally: Tally,
    pub(crate) books: Rc<Books>,
}

/// However a request is let go of, it has an end and gives its place back.
impl Drop for Exchange {
    fn drop(&mut self) {
        record::cut_off(self);
        if self.reserved {
            self.books.give_back();
        }
        if self.counted {
            self.books.room.clients.leave(self.client);
        }
    }
}

impl Exchange {
    /// A request of which nothing is known but the connection it came in on. Without randomness it
    /// gets an id of zeros and the flag is false: the caller must refuse it.
    #[cfg_attr(feature = "profile", inline(never))]
    pub(crate) fn begin(
        core: &Core,
        site: &CurrentSite,
        peer: &Peer,
        method: Method,
    ) -> (Self, bool) {
        let id = core.ids.borrow_mut().draw();
        let exchange = Self {
            site: site.clone(),
            id: id.unwrap_or_default(),
            client: peer.address.ip().to_canonical(),
            secure: peer.is_secure(),
            route: None,
            principal: None,
            certificate: peer.certificate.clone(),
            head: method == Method::Head,
            began: core.gate.clock.monotonic(),
            at: core.gate.clock.now(),
            allowed: None,
            login: None,
            moved: None,
            page: None,
            clears: false,
            forwarded_host: false,
            counted: false,
            reserved: false,
            ends: Some(Kind::REQUEST),
            told: None,
            operation: None,
            origin: None,
            observed: None,
            tally: Tally::default(),
            books: Rc::clone(&core.books),
        };
        (exchange, id.is_ok())
    }

    /// Counts it among the requests of its client, unless those are as many as there may be.
    pub(super) fn count(&mut self) -> bool {
        let most = self.site.limits().requests_per_address;
        self.counted = self.books.room.clients.enter(self.client, most);
        self.counted
    }

    /// Where the browser is sent instead of this refusal, which the ledger keeps.
    pub(crate) fn goes_to_login(&self, refusal: &Refusal) -> Option<&str> {
        let place = self.login.as_deref()?;
        (refusal.control == SESSION && refusal.status == 401).then_some(place)
    }

    /// Its id: what `X-Request-Id` says to the client and to the app.
    #[must_use]
    pub const fn id(&self) -> &RequestId {
        &self.id
    }

    /// The configuration it began under.
    #[must_use]
    pub const fn site(&self) -> &CurrentSite {
        &self.site
    }

    /// The route that governs it, once one does.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        self.route.and_then(|index| self.site.routes().get(index))
    }
}

/// An answer made here: the request goes no further.
#[derive(Debug)]
pub struct OwnAnswer {
    pub(crate) exchange: Exchange,
    pub(crate) content: Content,
}

/// What an answer of our own says.
#[derive(Debug)]
pub(crate) enum Content {
    /// Turned away.
    Refusal(Refusal),
    /// One of our own documents.
    Document(super::own::Document),
    /// A repeated delivery, acknowledged as its provider expects.
    Duplicate(&'static Ack),
    /// What a provider asked of its endpoint.
    Question(Box<Answer>),
    /// A browser that logs in or out is sent on.
    Sent(Box<Sent>),
    /// A page for a person.
    Page(Box<Page>),
    /// A file, or what is said of one.
    File(Box<FileAnswer>),
}

impl OwnAnswer {
    pub(crate) const fn refused(exchange: Exchange, refusal: Refusal) -> Self {
        Self {
            exchange,
            content: Content::Refusal(refusal),
        }
    }

    /// The refusal, where it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match &self.content {
            Content::Refusal(refusal) => Some(refusal),
            Content::Document(_)
            | Content::Duplicate(_)
            | Content::Question(_)
            | Content::Sent(_)
            | Content::Page(_)
            | Content::File(_) => None,
        }
    }

    /// Whether the connection must be closed behind it.
    #[must_use]
    pub const fn closes(&self) -> bool {
        match &self.content {
            Content::Refusal(refusal) => refusal.close,
            Content::Document(_)
            | Content::Duplicate(_)
            | Content::Question(_)
            | Content::Sent(_)
            | Content::Page(_)
            | Content::File(_) => false,
        }
    }

    /// What is still to be read of a file and sent behind the head.
    pub fn take_reading(&mut self) -> Option<Reading> {
        let Content::File(file) = &mut self.content else {
            return None;
        };
        match std::mem::replace(&mut file.body, Body::Empty) {
            Body::File(reading) => Some(reading),
            body => {
                file.body = body;
                None
            }
        }
    }

    /// The status it answers with.
    #[must_use]
    pub fn status(&self) -> u16 {
        match &self.content {
            Content::Refusal(refusal) if self.exchange.goes_to_login(refusal).is_some() => 303,
            Content::Refusal(refusal) => refusal.status,
            Content::Document(document) => document.status(),
            Content::Duplicate(ack) => ack.status,
            Content::Sent(sent) => sent.status,
            Content::Question(answer) => answer.status,
            Content::Page(_) => 200,
            Content::File(file) => file.status,
        }
    }
}
