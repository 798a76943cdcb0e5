//! Forward: what the app receives.
//!
//! Owns [`Admitted`], the proof that every stage was passed, and the head that goes upstream: the
//! client's fields less everything that speaks of identity, forwarding or one connection, then
//! ours. Refuses to write a head without that proof: [`write_head`] takes it by value, and only the
//! stages make one. Trusts nothing of the client's fields beyond their framing.

mod head;

use std::{net::SocketAddr, sync::LazyLock};

use control::{ControlId, Reason, Refusal, Timestamp};
use identity::{Principal, Standing, rows::Narrow};
use wire::{BodyFraming, CleanText, Request, WriteFault};

use self::head::Head;
use super::{
    content::Passed,
    exchange::{Exchange, OwnAnswer},
    observe::LetPass,
};
use crate::{
    assertion::{Assertions, Bound, Claims, Place, Subject},
    core::Core,
    metrics::Metric,
    site::{
        app::Upstream,
        limits::RouteLimits,
        route::{Guard, OpenPass, Route},
    },
    tickets::Redeemed,
};

/// The control that answers for upstreams.
pub const UPSTREAM: ControlId = ControlId("gate.upstream");

const UNWRITABLE: Refusal = Refusal::new(
    UPSTREAM,
    400,
    "The request cannot be passed on as it stands.",
    Reason("head-unwritable"),
);

const NO_ECHO: Refusal = Refusal::new(
    crate::tickets::TICKET,
    503,
    "The gate's echo is not running.",
    Reason("echo-not-running"),
)
.retry_after(1);

/// Proof that a request passed every stage. Cannot be copied, and is used up by [`write_head`].
#[derive(Debug)]
pub struct Admitted {
    exchange: Exchange,
    proof: Proof,
    /// Held for being demanded: what is forwarded was judged or need not be.
    _content: Passed,
    echo: Option<Redeemed>,
    /// Boxed, because every request is moved and few have one.
    claim: Option<Box<hooks::Claim>>,
}

/// What proves it. Each of these can only be made by the check it is named after.
#[derive(Debug)]
pub(crate) enum Proof {
    /// The route's own statement that it is open.
    Open(OpenPass),
    /// A credential that allows this, and what may be seen of the answer.
    Known(identity::Authorised, identity::Sight),
    /// The provider's signature over this very delivery.
    Signed(Box<hooks::Verified<hooks::Signature>>),
    /// Nothing: a route that is observed lets it pass all the same. The app is told of nobody.
    Observed(Unidentified),
}

/// A request that an observed route lets pass, of whoever it may be.
#[derive(Debug)]
pub(crate) struct Unidentified {
    pass: LetPass,
    /// Whether it showed a key or token that is good, and not for this.
    shown: bool,
}

impl Proof {
    /// Of a request that showed nothing which counts.
    pub(super) const fn observed(pass: LetPass) -> Self {
        Self::Observed(Unidentified { pass, shown: false })
    }

    /// Of a request whose key or token, where `shown`, is genuine and does not allow this.
    pub(super) const fn observed_of(pass: LetPass, shown: bool) -> Self {
        Self::Observed(Unidentified { pass, shown })
    }
}

impl Admitted {
    pub(super) const fn new(
        exchange: Exchange,
        proof: Proof,
        content: Passed,
        echo: Option<Redeemed>,
        claim: Option<Box<hooks::Claim>>,
    ) -> Self {
        Self {
            exchange,
            proof,
            _content: content,
            echo,
            claim,
        }
    }

    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) const fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// Ends the request because there is no room for it. A webhook delivery is released.
    #[must_use]
    pub fn refuse(self, core: &Core, refusal: Refusal) -> OwnAnswer {
        if let Some(claim) = self.claim {
            super::webhook::release(core, *claim);
        }
        OwnAnswer::refused(self.exchange, refusal)
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// To its app.
    App(&'a Upstream),
    /// To the gate's own echo, because a ticket says so.
    Echo(SocketAddr),
}

/// A request on its way: everything its answer and its record need. End it with
/// [`super::record::finish`] or [`Forwarding::fail`].
#[derive(Debug)]
#[must_use = "a request that is not ended is recorded as cut off"]
pub struct Forwarding {
    pub(super) exchange: Exchange,
    pub(super) claim: Option<Box<hooks::Claim>>,
    echo: Option<SocketAddr>,
    route: usize,
    app: usize,
    standing: Option<Standing>,
    /// When its route enforces again, where it passed because that is observed.
    observed_until: Option<Timestamp>,
    narrow: Option<Box<Narrow>>,
    /// Whether its answer is the echo's own word, which is no answer of an app.
    own_word: bool,
}

/// Where a request goes whose app is not there: no address, so nothing can be dialled. A site is
/// only made when each route's app is.
static NOWHERE: LazyLock<Upstream> = LazyLock::new(|| Upstream {
    host: "".into(),
    port: 0,
    address: None,
});

impl Forwarding {
    /// Where it goes.
    #[must_use]
    pub fn destination(&self) -> Destination<'_> {
        match self.echo {
            Some(echo) => Destination::Echo(echo),
            None => {
                let app = self.exchange.site.apps().get(self.app);
                Destination::App(app.map_or(&NOWHERE, |app| &app.upstream))
            }
        }
    }

    /// The sizes and times that hold for it.
    #[must_use]
    pub fn limits(&self) -> RouteLimits {
        let route = self.exchange.site.routes().get(self.route);
        route.map_or_else(|| self.exchange.site.limits().of_route(), |r| r.limits)
    }

    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Whether the body of its answer is an app's, and not the echo's own word.
    pub(super) const fn is_of_an_app(&self) -> bool {
        !self.own_word
    }

    /// What its answer must be cut to, where whoever asks may not see all of it.
    #[must_use]
    pub fn narrow(&self) -> Option<&Narrow> {
        self.narrow.as_deref()
    }

    /// Whether it was asked with a credential, which may be taken back or end while it lasts, or passed
    /// on a route that is observed, which may end as well.
    #[must_use]
    pub const fn has_credential(&self) -> bool {
        self.standing.is_some() || self.observed_until.is_some()
    }

    /// Whether its credential, where it was asked with one, still stands. Ask it about once a second.
    #[must_use]
    pub fn credential_stands(&self, core: &Core) -> bool {
        let standing = self.standing.as_ref();
        let (gate, now) = (&core.gate, core.gate.clock.now());
        if self.observed_until.is_some_and(|until| until <= now) {
            return false;
        }
        standing.is_none_or(|standing| standing.holds(&gate.keys, &gate.revocations, now))
    }

    /// Whether a WebSocket or an event stream may go on: its credential still stands, and its route
    /// is still what it was. Ask it about once a second.
    #[must_use]
    pub fn stands(&self, core: &Core) -> bool {
        if !self.credential_stands(core) {
            return false;
        }
        let latest = core.site();
        if latest.is_same_as(&self.exchange.site) {
            return true;
        }
        let here = self.exchange.site.apps().get(self.app);
        let goes_here = |other: &Route| {
            let there = latest.apps().get(other.app);
            there.map(|app| &app.upstream) == here.map(|app| &app.upstream)
        };
        self.exchange.route().is_some_and(|route| {
            latest.routes().iter().any(|other| {
                other.admits_like(route) && goes_here(other) && self.passes(core, other)
            })
        })
    }

    /// Whether what let it pass is so on `route` as well: a route that is observed no more ends what it
    /// let pass without a proof.
    fn passes(&self, core: &Core, route: &Route) -> bool {
        let now = core.gate.clock.now();
        self.observed_until.is_none()
            || route
                .observation()
                .is_some_and(|observation| observation.holds(now))
    }

    /// Ends it with a refusal, because the upstream or the client's body failed before a byte of an
    /// answer was sent. A webhook delivery is released.
    #[must_use]
    pub fn fail(mut self, core: &Core, refusal: Refusal) -> OwnAnswer {
        self.release(core);
        if refusal.control == UPSTREAM {
            core.counters.add(Metric::UpstreamFailures, 1);
        }
        OwnAnswer::refused(self.exchange, refusal)
    }

    pub(super) fn release(&mut self, core: &Core) {
        if let Some(claim) = self.claim.take() {
            super::webhook::release(core, *claim);
        }
    }
}

/// Appends the head that goes upstream to `out`. `framing` is how the body will be sent; a
/// WebSocket handshake is recognised from the request and its upgrade is passed on.
///
/// # Errors
///
/// An answer to send instead, when the head cannot be written. `out` is then as it was.
#[expect(
    clippy::result_large_err,
    reason = "the error is the answer, moved once"
)]
#[cfg_attr(feature = "profile", inline(never))]
pub fn write_head(
    core: &Core,
    admitted: Admitted,
    request: &Request<'_>,
    framing: BodyFraming,
    out: &mut Vec<u8>,
) -> Result<Forwarding, OwnAnswer> {
    let Admitted {
        exchange,
        proof,
        _content,
        echo,
        claim,
    } = admitted;
    let start = out.len();
    let mut forwarding = Forwarding {
        route: exchange.route.unwrap_or(usize::MAX),
        app: exchange.route().map_or(usize::MAX, |route| route.app),
        standing: match &proof {
            Proof::Known(authorised, _) => Some(authorised.standing()),
            Proof::Open(_) | Proof::Signed(_) | Proof::Observed(_) => None,
        },
        observed_until: match &proof {
            Proof::Observed(nobody) => Some(nobody.pass.until()),
            Proof::Open(_) | Proof::Known(..) | Proof::Signed(_) => None,
        },
        exchange,
        claim,
        echo: None,
        narrow: None,
        own_word: false,
    };
    if echo.is_some() {
        forwarding.echo = core.gate.echo.get().copied();
        if forwarding.echo.is_none() {
            return Err(forwarding.fail(core, NO_ECHO));
        }
        core.counters.add(Metric::TicketsRedeemed, 1);
    }
    let assertion = assertion(core, &forwarding.exchange, &proof, request);
    // The echo has no rows, but for those that a proof gives it.
    let rowless = forwarding.echo.is_some() && !crate::echo::has_answer(request);
    forwarding.own_word = rowless;
    let narrowed = match &proof {
        Proof::Known(_, sight) => !rowless && sight.narrow().is_some(),
        Proof::Open(_) | Proof::Signed(_) | Proof::Observed(_) => false,
    };
    // A session comes in a cookie and a certificate with the connection: what stands in the fields for
    // keys is the app's.
    let consumed = match &proof {
        Proof::Known(who, _) => !matches!(
            who.principal(),
            Principal::Session(_) | Principal::Certificate(_)
        ),
        Proof::Observed(nobody) => nobody.shown,
        Proof::Open(_) | Proof::Signed(_) => false,
    };
    let written = assertion.and_then(|assertion| {
        let read = forwarding
            .exchange
            .route()
            .is_some_and(|route| route.output.is_read());
        let head = Head {
            exchange: &forwarding.exchange,
            claim: forwarding.claim.as_deref(),
            assertion: assertion.as_ref(),
            consumed,
            whole: narrowed || read,
            tokens: &core.gate.tokens,
        };
        head.write(request, framing, out)
    });
    match written {
        Ok(()) => {
            core.counters.add(Metric::Forwarded, 1);
            if let Proof::Known(_, sight) = proof
                && narrowed
            {
                forwarding.narrow = sight.into_narrow();
            }
            Ok(forwarding)
        }
        Err(_) => {
            out.truncate(start);
            Err(forwarding.fail(core, UNWRITABLE))
        }
    }
}

/// What the app is told of who asks; nothing on an open route.
fn assertion(
    core: &Core,
    exchange: &Exchange,
    proof: &Proof,
    request: &Request<'_>,
) -> Result<Option<CleanText>, WriteFault> {
    let Some(route) = exchange.route() else {
        return Ok(None);
    };
    let (subject, who) = match (proof, &route.guard) {
        (Proof::Known(authorised, _), _) => {
            let who = authorised.principal();
            (Subject::Principal(who.subject()), Some(who))
        }
        (Proof::Signed(_), Guard::Webhook(guard)) => (Subject::Webhook(guard.source.id()), None),
        (Proof::Open(_) | Proof::Signed(_) | Proof::Observed(_), _) => return Ok(None),
    };
    let bound = route.bind_request.then(|| Bound {
        method: request.method_bytes(),
        path: request.path(),
        request: &exchange.id,
    });
    let claims = Claims {
        issuer: &exchange.site.deployment().public_url.text,
        subject,
        roles: who.map_or(&[], Principal::roles),
        tenant: who.map_or("default", Principal::tenant),
        session: who.and_then(Principal::session),
        audience: &route.id,
        bound,
    };
    let signer = &core.gate.signer;
    let Some(principal) = exchange.principal else {
        return Ok(None);
    };
    let asserted = if core.is_current(&exchange.site) {
        let mut kept = core.assertions.borrow_mut();
        let place = Place {
            principal,
            variant: who.map_or(0, Principal::variant),
            route: route.index.into(),
        };
        kept.of(signer, place, &claims, exchange.at)?
    } else {
        Assertions::once(signer, &claims, exchange.at)?
    };
    if asserted.fresh {
        core.counters.add(Metric::AssertionsSigned, 1);
    }
    Ok(Some(asserted.token))
}

impl Route {
    /// Whether `other` lets the same requests pass to the same place for the same reasons.
    fn admits_like(&self, other: &Self) -> bool {
        let same_guard = match (&self.guard, &other.guard) {
            (Guard::Open(_), Guard::Open(_)) => true,
            (
                Guard::Credential { accepts, roles },
                Guard::Credential {
                    accepts: theirs,
                    roles: their_roles,
                },
            ) => accepts == theirs && roles == their_roles,
            (Guard::Webhook(ours), Guard::Webhook(theirs)) => {
                ours.source.scheme().name == theirs.source.scheme().name
            }
            _ => false,
        };
        same_guard
            && self.host == other.host
            && self.path == other.path
            && self.exact == other.exact
            && self.methods == other.methods
    }
}
