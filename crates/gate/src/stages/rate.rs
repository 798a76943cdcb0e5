//! Rate: how often, and how many at once, by who asks.
//!
//! Owns when a request is counted: for its address before anything is looked up for it, for whoever it
//! is of once that is known, and on a server that processes share once nothing else refuses it. Refuses
//! with 429 and when to come again. Trusts `limits` for the counting, and a ticket alone to say that a
//! request belongs to a proof, which must not use up what others have: it counts by a principal of its
//! own, or not at all.

use control::Refusal;
use hooks::alerts::{Alert, What};
use limits::{By, Rate, TOO_MANY_AT_ONCE, TOO_OFTEN, Who, rate::Counted, rate::Over, shared};
use tokio::time::timeout;
use wire::Request;

use super::{
    HeadDecision,
    authenticate::Caller,
    exchange::{Exchange, OwnAnswer},
    framing::Paths,
    observe,
};
use crate::{
    core::{Core, CurrentSite},
    metrics::Metric,
};

/// A request that passed every stage, and of which other processes must be asked.
#[derive(Debug)]
pub struct AwaitingTurn {
    site: CurrentSite,
    asked: shared::Asked,
    then: HeadDecision,
}

impl AwaitingTurn {
    /// Ends the request.
    #[must_use]
    pub fn refuse(self, core: &Core, refusal: Refusal) -> OwnAnswer {
        self.then.refuse(core, refusal)
    }
}

/// Counts a request for the limits that need not know who asks.
///
/// # Errors
/// One of them is reached.
#[cfg_attr(feature = "profile", inline(never))]
pub(super) fn of_address(
    core: &Core,
    exchange: &mut Exchange,
    ticketed: bool,
    request: &Request<'_>,
    paths: &Paths<'_>,
) -> Result<(), Refusal> {
    if exchange.site.rates().is_empty() || ticketed {
        return Ok(());
    }
    let address = exchange.client;
    count(core, exchange, request, paths, |by| match by {
        By::Address => Some(Who::at(address)),
        By::Everyone => Some(Who::Everyone),
        By::Caller | By::Session => None,
    })
}

/// Counts a request for the limits that go by who asks.
///
/// # Errors
/// One of them is reached.
#[cfg_attr(feature = "profile", inline(never))]
pub(super) fn of_caller(
    core: &Core,
    exchange: &mut Exchange,
    caller: &Caller,
    ticketed: bool,
    request: &Request<'_>,
    paths: &Paths<'_>,
) -> Result<(), Refusal> {
    if exchange.site.rates().is_empty() {
        return Ok(());
    }
    let principal = match caller {
        Caller::Known(verified) => Some(verified.principal()),
        Caller::Open(_) | Caller::Unsigned | Caller::Unproven(_) | Caller::Observed(_) => None,
    };
    if principal.is_none() && ticketed {
        return Ok(());
    }
    let address = exchange.client;
    count(core, exchange, request, paths, |by| {
        let caller = || principal.map_or_else(|| Who::at(address), |it| Who::principal(it.id()));
        match by {
            By::Caller => Some(caller()),
            By::Session => {
                let session = principal.and_then(|it| it.session());
                Some(session.map_or_else(caller, |it| Who::Session(*it.as_bytes())))
            }
            By::Address | By::Everyone => None,
        }
    })
}

fn count(
    core: &Core,
    exchange: &mut Exchange,
    request: &Request<'_>,
    paths: &Paths<'_>,
    who: impl Fn(By) -> Option<Who>,
) -> Result<(), Refusal> {
    let counted = Counted {
        method: request.method_text(),
        folded: paths.folded(),
        now: nanoseconds(exchange),
        shared: core.gate.limits.get().is_some(),
    };
    let site = exchange.site.clone();
    site.rates()
        .count(&mut exchange.tally, &counted, who)
        .map_err(|over| refused(exchange, over))
}

/// Notes how the caller stands, and what it meets.
#[cold]
fn refused(exchange: &mut Exchange, over: Over) -> Refusal {
    match over {
        Over::AtOnce(_) => TOO_MANY_AT_ONCE,
        Over::Pace(rate, seconds) => {
            exchange.tally.standing = Some(limits::Standing {
                rate,
                left: 0,
                reset: seconds,
            });
            TOO_OFTEN.retry_after(seconds)
        }
    }
}

/// Counts the end of a request, where its failure counts.
pub(super) fn ended(exchange: &Exchange, status: Option<u16>) {
    // A route that is observed counts what it would have said.
    let status = exchange.observed.map(|it| it.status).or(status);
    if let Some(status) = status {
        let now = nanoseconds(exchange);
        exchange.site.rates().ended(&exchange.tally, status, now);
    }
}

fn nanoseconds(exchange: &Exchange) -> i64 {
    exchange.at.millis().saturating_mul(1_000_000)
}

/// Puts the question of other processes before what was decided, where there is one.
pub(super) fn before(mut decision: HeadDecision) -> HeadDecision {
    let Some(exchange) = decision.exchange_mut() else {
        return decision;
    };
    let Some(asked) = exchange.tally.take_asked() else {
        return decision;
    };
    HeadDecision::Turn(Box::new(AwaitingTurn {
        site: exchange.site.clone(),
        asked,
        then: decision,
    }))
}

/// Asks on the service runtime whether all processes together have let too many pass. Where nobody
/// answers in time, what this process has counted stands.
pub(super) async fn ask(core: &Core, awaiting: AwaitingTurn) -> HeadDecision {
    let AwaitingTurn {
        site,
        asked,
        mut then,
    } = awaiting;
    let (now, monotonic) = (core.gate.clock.now(), core.gate.clock.monotonic());
    let gate = std::sync::Arc::clone(&core.gate);
    let shared_site = site.to_shared();
    let answer = core.gate.service.spawn(async move {
        let server = gate.limits.get()?;
        let asking = server.ask(shared_site.rates(), &asked, now, monotonic);
        let answer = timeout(shared::PATIENCE, asking).await;
        let answer = answer.unwrap_or_else(|_| server.gone(monotonic));
        if let shared::Answered::Over(_) = answer {
            shared_site.rates().take_back(&asked);
        }
        Some(answer)
    });
    let Some(exchange) = then.exchange_mut() else {
        return then;
    };
    match answer.await {
        Ok(Some(shared::Answered::Granted(standing))) => {
            exchange.tally.standing = standing.or(exchange.tally.standing);
            then
        }
        Ok(Some(shared::Answered::Over(over))) => {
            let refusal = refused(exchange, over);
            match observe::instead(core, exchange, refusal) {
                Ok(_) => then,
                Err(refusal) => HeadDecision::Answer(then.refuse(core, refusal)),
            }
        }
        Ok(Some(shared::Answered::Away { first })) => {
            core.counters.add(Metric::LimitsAlone, 1);
            if first {
                tell(core, exchange);
            }
            then
        }
        Ok(None) | Err(_) => then,
    }
}

/// Raises an alert: limits hold for each process alone from now on.
#[cold]
fn tell(core: &Core, exchange: &Exchange) {
    if let Some(alerts) = core.gate.alerts.get() {
        alerts.raise(Alert {
            what: What::LimitsAlone,
            at: exchange.at,
            principal: None,
            request: exchange.id.0,
            seconds: 0,
            address: None,
            proof: false,
            count: 1,
        });
    }
}

/// The limit that an answer tells of, with how the caller stands.
pub(super) fn told(exchange: &Exchange) -> Option<(&Rate, limits::Standing)> {
    let standing = exchange.tally.standing?;
    Some((exchange.site.rates().get(standing.rate)?, standing))
}

impl HeadDecision {
    /// The request, where it has not ended and nothing else is to be asked of it first.
    fn exchange_mut(&mut self) -> Option<&mut Exchange> {
        match self {
            Self::Forward(admitted) => Some(admitted.exchange_mut()),
            Self::Body(awaiting) => Some(&mut awaiting.passed.exchange),
            Self::Upload(awaiting) => Some(awaiting.exchange_mut()),
            Self::Record(awaiting) => Some(&mut awaiting.exchange),
            Self::File(awaiting) => Some(awaiting.exchange_mut()),
            Self::Answer(_) | Self::Desk(_) | Self::Unproven(_) | Self::Turn(_) => None,
        }
    }

    /// Ends a decision that is not carried out.
    fn refuse(self, core: &Core, refusal: Refusal) -> OwnAnswer {
        match self {
            Self::Answer(answer) => answer,
            Self::Forward(admitted) => admitted.refuse(core, refusal),
            Self::Body(awaiting) => awaiting.refuse(refusal),
            Self::Upload(awaiting) => awaiting.refuse(refusal),
            Self::Record(awaiting) => awaiting.refuse(refusal),
            Self::Desk(awaiting) => awaiting.refuse(refusal),
            Self::File(awaiting) => awaiting.refuse(refusal),
            Self::Unproven(awaiting) => awaiting.refuse(refusal),
            Self::Turn(awaiting) => awaiting.then.refuse(core, refusal),
        }
    }
}
