//! The ordered list of stages: the table of contents of the product.
//!
//! Owns the order in which a request is judged, and nothing else: each stage is a module of its own
//! with typed input and output, its own refusal and its own metric. Refuses to forward anything
//! that did not pass every stage; the only way to a [`forward::write_head`] is an [`Admitted`],
//! which no other code can make. Trusts `wire` for the framing of what it is handed.
//!
//! The engine drives a request through four calls:
//!
//! 1. [`admit_head`], without awaiting: most requests end here, with an [`Admitted`] or an answer
//!    of our own;
//! 2. [`admit_body`], when a stage must see the whole body (webhook, ticket), with the bytes;
//!    or [`upload::admit`], with the proof that the body was judged on its way to the disk; or
//!    [`admit_recorded`], when the decision must be on disk first;
//! 3. [`forward::write_head`], which takes the [`Admitted`] and gives a [`Forwarding`];
//! 4. [`response::write_head`] for the app's answer, and [`record::finish`] at the end.
//!
//! An [`OwnAnswer`] from any of them is written with [`response::write_own`] and ended with
//! [`record::finish_own`].

pub mod authenticate;
pub mod authorise;
pub mod body;
pub mod client;
mod confine;
mod content;
mod cookies;
pub mod cors;
pub mod desk;
pub mod exchange;
pub mod files;
pub mod forward;
pub mod framing;
pub mod host;
pub mod login;
pub mod observe;
pub mod output;
pub mod own;
pub mod password;
mod peer;
pub mod rate;
pub mod record;
pub mod redirect;
pub mod response;
pub mod route;
pub mod rows;
pub mod session;
pub mod sign_in;
pub mod ticket;
pub mod upload;
pub mod webhook;

use control::{ControlId, Reason, Refusal};
use ledger::Kind;
use wire::Request;

use self::{
    authorise::{Pass, Passed},
    content::Unread,
    exchange::Content,
    forward::Proof,
    webhook::{Heard, Next},
};
pub use self::{
    exchange::{Exchange, OwnAnswer},
    forward::{Admitted, Destination, Forwarding},
    peer::{Peer, Spoken},
};
use crate::{
    core::{Core, CurrentSite},
    metrics::Metric,
    site::route::Guard,
};

/// What became of a request's head.
#[derive(Debug)]
pub enum HeadDecision {
    /// It goes no further: a refusal or an answer of our own.
    Answer(OwnAnswer),
    /// It may go upstream now; its body streams.
    Forward(Admitted),
    /// A stage must see the whole body: read up to [`AwaitingBody::cap`] bytes, then
    /// [`admit_body`].
    Body(AwaitingBody),
    /// Its body is an upload: judge it as it comes, then [`upload::admit`].
    Upload(Box<upload::AwaitingUpload>),
    /// The decision must be on disk first: [`admit_recorded`].
    Record(AwaitingRecord),
    /// It asks the gate itself for something: read up to [`desk::CAP`] bytes, then [`desk::serve`].
    Desk(desk::AwaitingDesk),
    /// It asks for a file that is served here: [`files::open`].
    File(Box<files::AwaitingFile>),
    /// Only the store knows whether what it presents counts: [`admit_proven`].
    Unproven(Box<AwaitingProof>),
    /// Other processes may have let as many pass as there may be: [`admit_turn`].
    Turn(Box<rate::AwaitingTurn>),
}

/// A request whose body must be whole before it is judged.
#[derive(Debug)]
pub struct AwaitingBody {
    passed: Passed,
    cap: u64,
}

impl AwaitingBody {
    /// Most bytes to hold; one more is 413, see [`AwaitingBody::too_large`].
    #[must_use]
    pub const fn cap(&self) -> u64 {
        self.cap
    }

    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.passed.exchange
    }

    /// Ends the request because its body does not come as it should: too large, too slow, broken.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> OwnAnswer {
        OwnAnswer::refused(self.passed.exchange, refusal)
    }

    /// Ends the request because its body is longer than [`AwaitingBody::cap`].
    #[must_use]
    pub fn too_large(self) -> OwnAnswer {
        self.refuse(body::TOO_LARGE)
    }
}

/// A request with a session or a token of which only the store knows whether it counts.
#[derive(Debug)]
pub struct AwaitingProof {
    exchange: Exchange,
    ticket: Option<crate::tickets::Claimed>,
    unproven: authenticate::Unproven,
}

impl AwaitingProof {
    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Ends the request because there is no room for it.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> OwnAnswer {
        OwnAnswer::refused(self.exchange, refusal)
    }
}

/// A request that passed every stage and waits for its decision to be on disk.
#[derive(Debug)]
pub struct AwaitingRecord {
    exchange: Exchange,
    proof: Proof,
    unread: Unread,
}

impl AwaitingRecord {
    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Ends the request because there is no room for it.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> OwnAnswer {
        OwnAnswer::refused(self.exchange, refusal)
    }
}

/// Judges a request by its head. Never awaits.
#[must_use]
#[cfg_attr(feature = "profile", inline(never))]
pub fn admit_head(
    core: &Core,
    site: &CurrentSite,
    peer: &Peer,
    request: &Request<'_>,
) -> HeadDecision {
    core.counters.add(Metric::Requests, 1);
    let (mut exchange, named) = Exchange::begin(core, site, peer, request.method());
    let judged = if named {
        judge_head(core, &mut exchange, peer, request)
    } else {
        Err(NAMELESS)
    };
    decide(exchange, judged)
}

/// Asks the store whether a session or a token counts, and goes on with the judgement.
pub async fn admit_proven(
    core: &Core,
    awaiting: AwaitingProof,
    request: &Request<'_>,
) -> HeadDecision {
    let AwaitingProof {
        mut exchange,
        ticket,
        unproven,
    } = awaiting;
    let proven = authenticate::prove(core, unproven, exchange.at).await;
    let proven = proven
        .map(authenticate::Caller::Known)
        .or_else(|refusal| unknown(core, &mut exchange, refusal));
    let judged = proven.and_then(|caller| {
        let paths = framing::paths(request)?;
        let site = exchange.site.clone();
        let route = exchange.route.and_then(|index| site.routes().get(index));
        let route = route.ok_or(route::NOTHING)?;
        judge_caller(core, &mut exchange, caller, ticket, route, request, &paths)
    });
    decide(exchange, judged)
}

/// Asks whether all processes together have let too many pass, and goes on with what was decided.
pub async fn admit_turn(core: &Core, awaiting: rate::AwaitingTurn) -> HeadDecision {
    rate::ask(core, awaiting).await
}

fn decide(exchange: Exchange, judged: Result<Judged, Refusal>) -> HeadDecision {
    rate::before(decided(exchange, judged))
}

fn decided(exchange: Exchange, judged: Result<Judged, Refusal>) -> HeadDecision {
    match judged {
        Err(refusal) => HeadDecision::Answer(OwnAnswer::refused(exchange, refusal)),
        Ok(Judged::Unproven { unproven, ticket }) => {
            HeadDecision::Unproven(Box::new(AwaitingProof {
                exchange,
                ticket,
                unproven,
            }))
        }
        Ok(Judged::Own(document)) => HeadDecision::Answer(OwnAnswer {
            exchange,
            content: Content::Document(document),
        }),
        Ok(Judged::Desk { asked, ticket }) => {
            HeadDecision::Desk(desk::AwaitingDesk::new(exchange, asked, ticket))
        }
        Ok(Judged::File { proof, wanted }) => {
            HeadDecision::File(Box::new(files::AwaitingFile::new(exchange, proof, wanted)))
        }
        Ok(Judged::Held { pass, ticket, cap }) => HeadDecision::Body(AwaitingBody {
            passed: Passed {
                exchange,
                pass,
                ticket,
            },
            cap,
        }),
        Ok(Judged::Upload {
            proof,
            ticket,
            planned,
        }) => HeadDecision::Upload(Box::new(upload::AwaitingUpload::new(
            exchange, proof, ticket, planned,
        ))),
        Ok(Judged::Proven(proof, unread)) if exchange.site.durable() => {
            HeadDecision::Record(AwaitingRecord {
                exchange,
                proof,
                unread,
            })
        }
        Ok(Judged::Proven(proof, unread)) => {
            let content = content::Passed::Unread(unread);
            HeadDecision::Forward(Admitted::new(exchange, proof, content, None, None))
        }
    }
}

/// What the head alone decides.
enum Judged {
    Own(own::Document),
    Desk {
        asked: desk::Asked,
        ticket: Option<crate::tickets::Claimed>,
    },
    File {
        proof: Proof,
        wanted: files::Wanted,
    },
    Proven(Proof, Unread),
    Unproven {
        unproven: authenticate::Unproven,
        ticket: Option<crate::tickets::Claimed>,
    },
    Held {
        pass: Pass,
        ticket: Option<crate::tickets::Claimed>,
        cap: u64,
    },
    Upload {
        proof: Proof,
        ticket: Option<crate::tickets::Claimed>,
        planned: upload::Planned,
    },
}

/// The stages, in order.
fn judge_head(
    core: &Core,
    exchange: &mut Exchange,
    peer: &Peer,
    request: &Request<'_>,
) -> Result<Judged, Refusal> {
    let site = exchange.site.clone();

    // framing: first, because nothing may be decided about bytes that two parsers read differently.
    // `wire` has refused those; here the path becomes what policy speaks of.
    let paths = framing::paths(request)?;

    // client address: before anything is refused by policy, so that every refusal names its client.
    let client = client::judge(site.deployment(), peer, request);
    exchange.client = client.address;
    exchange.secure = client.secure;

    // host: before any route, because routes and links belong to a name and a stranger may not
    // choose it.
    let host = host::judge(site.deployment(), &client, request)?;
    exchange.forwarded_host = host.forwarded;

    // challenge: before anybody is sent to HTTPS, because the certificate for that is what it is about.
    if let Some(document) = own::challenge(core, peer, &paths, request) {
        return Ok(Judged::Own(document));
    }

    // redirect: before anything of ours is said, and behind the name, which stands in the answer.
    if peer.spoken == Spoken::Redirect {
        return Err(redirect::judge(exchange, &host, request));
    }

    // ours: before routes, so that no route can take the place of the health check or the key set.
    let ours = own::find(core, &site, &paths, request).map_err(|(refusal, allowed)| {
        exchange.allowed = allowed.map(Into::into);
        refusal
    });
    let desk = match ours? {
        Some(own::Ours::Document(document)) => return Ok(Judged::Own(document)),
        Some(own::Ours::Desk(desk)) => Some(desk),
        None => None,
    };

    // room: before anything is looked up, and behind our own documents, which cost next to nothing.
    client::count(exchange, &client)?;

    // ticket: before the route, so that a ticket is used up by whatever request it came with.
    let ticket = ticket::claim(core, request)?;

    // desk: what the gate hands out itself has stages of its own from here on.
    if let Some(desk) = desk {
        let asked = desk::judge(
            core,
            exchange,
            desk,
            ticket.is_some(),
            request,
            &paths.plain,
        )?;
        return Ok(Judged::Desk { asked, ticket });
    }

    // cors: a preflight comes without a credential, and is about the route of what it announces.
    if let Some(preflight) = cors::preflight(&site, host.name, &paths, request) {
        exchange.route = Some(preflight.route);
        preflight.answer(exchange)?;
        return Ok(Judged::Own(own::Document::Preflight));
    }

    // route: everything from here on is the route's to say.
    let index = route::find(&site, host.name, &paths, request).inspect_err(|refusal| {
        if refusal.status == 405 {
            exchange.allowed = Some(site.allowed(host.name, &paths.plain));
        }
    })?;
    exchange.route = Some(index);
    let route = site.routes().get(index).ok_or(route::NOTHING)?;
    cors::note(exchange, request);
    if let Some(ticket) = &ticket {
        ticket
            .check_route(&route.path)
            .map_err(|refusal| refusal.to_refusal())?;
    }

    // rate: by address, before anything is looked up for a stranger.
    rate::of_address(core, exchange, ticket.is_some(), request, &paths)
        .or_else(|refusal| observe::instead(core, exchange, refusal).map(drop))?;

    // authenticate: before anything costs memory or a disk, because strangers are many.
    let caller = authenticate::judge(core, exchange, route, request)
        .or_else(|refusal| unknown(core, exchange, refusal))?;
    if let authenticate::Caller::Unproven(unproven) = caller {
        return Ok(Judged::Unproven { unproven, ticket });
    }
    judge_caller(core, exchange, caller, ticket, route, request, &paths)
}

/// Nobody, in place of whoever could not be told, on a route that is observed.
fn unknown(
    core: &Core,
    exchange: &mut Exchange,
    refusal: Refusal,
) -> Result<authenticate::Caller, Refusal> {
    observe::instead(core, exchange, refusal).map(authenticate::Caller::Observed)
}

/// The stages from the moment on that it is known who asks, in order.
fn judge_caller(
    core: &Core,
    exchange: &mut Exchange,
    mut caller: authenticate::Caller,
    ticket: Option<crate::tickets::Claimed>,
    route: &crate::site::route::Route,
    request: &Request<'_>,
    paths: &framing::Paths<'_>,
) -> Result<Judged, Refusal> {
    if let authenticate::Caller::Known(verified) = &caller {
        authenticate::take_up(core, exchange, verified, ticket.is_some())?;

        // csrf: what a browser sends unasked proves who it is of, and not who wanted it.
        let site = exchange.site.clone();
        let wanted = match verified.principal() {
            identity::Principal::Session(_) => {
                exchange.clears = false;
                session::same_site(site.deployment(), request)
            }
            identity::Principal::Certificate(_) => {
                session::not_of_another_site(site.deployment(), request)
            }
            _ => Ok(()),
        };
        if let Err(refusal) = wanted {
            caller = unknown(core, exchange, refusal)?;
        }
    }

    // rate: by who asks, before the rest of the work is done for them.
    rate::of_caller(core, exchange, &caller, ticket.is_some(), request, paths)
        .or_else(|refusal| observe::instead(core, exchange, refusal).map(drop))?;

    // authorise: who asks is known; may they, here?
    let shown = caller.shows_a_key_or_token();
    let pass = match authorise::judge(caller, &exchange.site, route, request, &paths.plain) {
        Ok(pass) => pass,
        Err(refusal) => {
            let pass = observe::instead(core, exchange, refusal)?;
            Pass::Proven(Proof::observed_of(pass, shown))
        }
    };

    // confine: parameters that the app takes for names of files, once it is known who sends them.
    let confined = confine::judge(exchange, route, request, paths)?;

    // files: what lies beneath a root is served here, to whoever has proven that they may ask for it.
    // With a ticket the name is judged as well, and what follows ends at the echo.
    let wanted = route.files.as_ref();
    let wanted = wanted.map(|folder| files::judge(folder, route, request, paths));
    let pass = match (wanted.transpose()?, pass) {
        (Some(wanted), Pass::Proven(proof)) if ticket.is_none() => {
            record::reserve(exchange)?;
            return Ok(Judged::File { proof, wanted });
        }
        (_, pass) => pass,
    };

    // body: its declared length, and whether it must be whole first: what is to be judged, and what a
    // signature or a ticket covers.
    let plan = match upload::plan(exchange, route, request, &confined)? {
        Some(planned) => body::Plan::Upload(planned),
        None => body::plan(route, request, ticket.is_some(), &confined)?,
    };

    // record: the ledger must have room for the events this request will end in.
    record::reserve(exchange)?;

    // forward, response: behind the proof, see `forward::write_head` and `response::write_head`.
    Ok(match (pass, plan) {
        (Pass::Proven(proof), body::Plan::Stream(unread)) => Judged::Proven(proof, unread),
        (pass, body::Plan::Hold(cap)) => Judged::Held { pass, ticket, cap },
        (Pass::Proven(proof), body::Plan::Upload(planned)) => Judged::Upload {
            proof,
            ticket,
            planned,
        },
        // Only a webhook is unsigned, and its body is always held; were it not, nothing passes.
        (Pass::Unsigned, body::Plan::Stream(_) | body::Plan::Upload(_)) => {
            return Err(body::TOO_LARGE);
        }
    })
}

/// Judges a request by its whole body, with the framing removed. Awaits only for webhook deliveries
/// and durable decisions.
///
/// # Errors
///
/// The answer to send instead.
pub async fn admit_body(
    core: &Core,
    awaiting: AwaitingBody,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Admitted, OwnAnswer> {
    let Passed {
        mut exchange,
        pass,
        ticket,
    } = awaiting.passed;
    let content = match judge_body(core, &mut exchange, pass, ticket, request, body).await {
        Ok(JudgedBody::Proven {
            proof,
            content,
            echo,
            claim,
        }) => {
            return Ok(Admitted::new(exchange, proof, content, echo, claim));
        }
        Ok(JudgedBody::Duplicate(ack)) => Content::Duplicate(ack),
        Ok(JudgedBody::Question(answer)) => Content::Question(Box::new(answer)),
        Err(refusal) => Content::Refusal(refusal),
    };
    Err(OwnAnswer { exchange, content })
}

/// What the body decides.
enum JudgedBody {
    Proven {
        proof: Proof,
        content: content::Passed,
        echo: Option<crate::tickets::Redeemed>,
        claim: Option<Box<hooks::Claim>>,
    },
    Duplicate(&'static hooks::Ack),
    Question(hooks::Answer),
}

/// The stages that need the whole body, in order.
async fn judge_body(
    core: &Core,
    exchange: &mut Exchange,
    pass: Pass,
    ticket: Option<crate::tickets::Claimed>,
    request: &Request<'_>,
    body: &[u8],
) -> Result<JudgedBody, Refusal> {
    let site = exchange.site.clone();
    let guard = exchange
        .route
        .and_then(|index| site.routes().get(index))
        .map(|route| &route.guard);

    // authenticate: the signature, over the received bytes and before any field of them is read.
    let (proof, webhook) = match (pass, guard) {
        (Pass::Proven(proof), _) => (proof, None),
        (Pass::Unsigned, Some(Guard::Webhook(guard))) => {
            match webhook::verify(core, exchange, guard, ticket.as_ref(), request, body) {
                Ok(Heard::Delivery(verified)) => {
                    exchange.principal = webhook::principal(guard);
                    (Proof::Signed(Box::new(verified)), Some(guard))
                }
                // It stands for no delivery: nothing is claimed, and nothing goes to the app.
                Ok(Heard::Question(answer)) => return Ok(JudgedBody::Question(answer)),
                // Nothing is claimed for it: it must not stand in the way of the genuine one.
                Err(refusal) => {
                    let pass = observe::instead(core, exchange, refusal)?;
                    (Proof::observed(pass), None)
                }
            }
        }
        (Pass::Unsigned, _) => return Err(hooks::SignatureRefusal::NoSecret.into()),
    };

    // ticket: its last property. Before the replay table, so that a wrong one leaves no trace there.
    let echo = ticket
        .map(|ticket| ticket.redeem(body))
        .transpose()
        .map_err(|refusal| refusal.to_refusal())?;

    // content: what stands in it, once it is known to be from whom it says.
    let content = content::judge(core, exchange, request, body)?;

    // replay: last of the checks, because it is the one that is remembered.
    let claim = match (webhook, &proof) {
        (Some(guard), Proof::Signed(verified)) => {
            match webhook::claim(core, exchange, guard, verified).await? {
                Next::Forward(claim) => Some(Box::new(claim)),
                Next::Duplicate(ack) => return Ok(JudgedBody::Duplicate(ack)),
            }
        }
        _ => None,
    };

    // record: on disk before the first byte goes upstream, where the configuration says so.
    if site.durable()
        && let Err(refusal) = record::decide(exchange, Kind::DECISION).await
    {
        if let Some(claim) = claim {
            webhook::release(core, *claim);
        }
        return Err(refusal);
    }
    Ok(JudgedBody::Proven {
        proof,
        content,
        echo,
        claim,
    })
}

/// Admits a request once its decision is on disk.
///
/// # Errors
///
/// The answer to send instead: 503, when it cannot be.
pub async fn admit_recorded(awaiting: AwaitingRecord) -> Result<Admitted, OwnAnswer> {
    let AwaitingRecord {
        mut exchange,
        proof,
        unread,
    } = awaiting;
    match record::decide(&mut exchange, Kind::DECISION).await {
        Ok(()) => {
            let content = content::Passed::Unread(unread);
            Ok(Admitted::new(exchange, proof, content, None, None))
        }
        Err(refusal) => Err(OwnAnswer::refused(exchange, refusal)),
    }
}

/// Without randomness a request gets no id, and what has no id cannot be recorded.
const NAMELESS: Refusal = Refusal::new(
    ControlId("gate.overload"),
    503,
    "The gate cannot serve now. Try again shortly.",
    Reason("no-randomness"),
)
.retry_after(1);
