//! What a flaw makes of the answer to a request.
//!
//! Owns the one list of flaws that show on the wire, each with what it needs of a request and its answer.

use std::net::IpAddr;

use control::probe::{Guard, KeyWish, Reply, TargetError, TicketWish};

use super::{
    Sham,
    alter::{
        forward_again, is_identity, keep, overrides_method, repeat_origin, taken, tells_of_a_name,
        traced, uploads,
    },
    credentials::Presented,
    flaw::Flaw,
    people::returns_from_login,
    request::Request,
};

/// What a key is for that opens anything.
pub(super) const EVERYTHING: &str = "GET,HEAD,POST,PUT,PATCH,DELETE /";

impl Sham<'_> {
    /// Sends `request` on the probe's behalf under a ticket of its own.
    pub(super) fn instead(&self, request: Request, otherwise: Reply) -> Result<Reply, TargetError> {
        let ticket = self.good.ticket(&TicketWish {
            method: &request.method,
            target: &request.target,
            body: &request.body,
            webhook: None,
        })?;
        let reply = self
            .good
            .send(&request.with_ticket(&ticket.value).bytes())?;
        Ok(if status(&reply) == Some(200) {
            reply
        } else {
            otherwise
        })
    }

    fn wide_key(&self) -> Result<String, TargetError> {
        let roles = self
            .facts
            .routes
            .iter()
            .filter_map(|route| match &route.guard {
                Guard::Key(roles) => roles.first().cloned(),
                Guard::Open(_)
                | Guard::Token(_)
                | Guard::Session(_)
                | Guard::Certificate(_)
                | Guard::Webhook(_) => None,
            });
        let wish = KeyWish {
            scopes: vec![EVERYTHING.to_owned()],
            roles: roles.collect(),
        };
        self.good.mint_key(&wish).map(|minted| minted.key)
    }

    pub(super) fn alter(
        &self,
        flaw: Flaw,
        bytes: &[u8],
        reply: Reply,
    ) -> Result<Reply, TargetError> {
        let Some(request) = Request::read(bytes) else {
            return Ok(reply);
        };
        let Some(ticket) = request.ticket().map(str::to_owned) else {
            // Without a ticket nothing is altered, but for the flaws that are about just that.
            return match flaw {
                Flaw::KeyWithoutTicket
                    if self.carries_key(&request) || self.session_of(&request).is_some() =>
                {
                    self.instead(request, reply)
                }
                Flaw::LoginForged if returns_from_login(&request) && refused(&reply, 403) => {
                    self.logged_in()
                }
                Flaw::LinksFollowed if refused(&reply, 404) => {
                    Ok(self.serve_carelessly(&request, reply))
                }
                Flaw::ListWithContents if succeeded(&reply) => {
                    Ok(self.list_with_contents(&request, reply))
                }
                _ => Ok(reply),
            };
        };
        let used = !self.tickets.borrow_mut().insert(ticket);
        let public = &self.facts.public_host;
        match flaw {
            Flaw::FramingLenient if refused(&reply, 400) && request.plain_target() => {
                match request.hosts().as_slice() {
                    [host] if host != public => Ok(reply),
                    _ => self.instead(request.sanitised(public), reply),
                }
            }
            Flaw::AnyHost if refused(&reply, 400) => match request.hosts().as_slice() {
                [host] if host != public => self.instead(request.for_host(public), reply),
                _ => Ok(reply),
            },
            Flaw::UploadNamed
                if refused(&reply, 400) && uploads(&request) && tells_of_a_name(&reply) =>
            {
                Ok(taken(&request))
            }
            Flaw::UploadTraced if refused(&reply, 422) && uploads(&request) => Ok(traced(reply)),
            Flaw::IdTrusted if refused(&reply, 401) && request.field("x-request-id").is_some() => {
                let key = self.wide_key()?;
                self.instead(request.without("X-Request-Id").with_key(&key), reply)
            }
            Flaw::KeyInQuery if refused(&reply, 401) => match request.key_from_query() {
                Some(changed) => self.instead(changed, reply),
                None => Ok(reply),
            },
            Flaw::ScopeIgnored
                if refused(&reply, 403) && !used && request.field("x-api-key").is_some() =>
            {
                let key = self.wide_key()?;
                self.instead(request.with_key(&key).without_tricks(), reply)
            }
            Flaw::RoleIgnored if refused(&reply, 403) && !used => {
                self.as_somebody_who_may(request, reply)
            }
            Flaw::HealthByPrefix if request.plain_target() => {
                match self.health_check(&request, &reply) {
                    Some(changed) => self.instead(changed, reply),
                    None => Ok(reply),
                }
            }
            Flaw::TokenForged
                if refused(&reply, 401)
                    && self.presents_token(&request) == Some(Presented::MadeUp) =>
            {
                let key = self.wide_key()?;
                self.instead(request.without("Authorization").with_key(&key), reply)
            }
            Flaw::TokenEndless
                if refused(&reply, 401)
                    && self.presents_token(&request) == Some(Presented::Minted) =>
            {
                let key = self.wide_key()?;
                self.instead(request.without("Authorization").with_key(&key), reply)
            }
            Flaw::KeysForAnybody if self.asks_for_a_key(&request) && !succeeded(&reply) => {
                self.key_for_anybody(&request, reply)
            }
            Flaw::SessionMixed if succeeded(&reply) => match self.of_another(&request) {
                Some(changed) => self.instead(changed, reply),
                None => Ok(reply),
            },
            Flaw::CsrfIgnored
                if refused(&reply, 403)
                    && !used
                    && request.comes_from_elsewhere()
                    && self.session_of(&request).is_some() =>
            {
                let origin = format!("{}://{public}", self.facts.scheme);
                let same = request.without("Sec-Fetch-Site").without("Upgrade");
                self.instead(same.with_origin(&origin), reply)
            }
            Flaw::DocumentedTaken if refused(&reply, 422) => {
                Ok(self.take_documented(&request, reply))
            }
            Flaw::NamesTold if refused(&reply, 401) => Ok(self.tell_unknown(&request, reply)),
            Flaw::OriginRepeated => Ok(repeat_origin(reply, &request)),
            Flaw::CookieKept => Ok(keep(reply, &request, |name, _| {
                name.eq_ignore_ascii_case("cookie")
            })),
            Flaw::TicketTwice if used && refused(&reply, 403) => self.instead(request, reply),
            Flaw::MethodOverridden => Ok(keep(reply, &request, |name, _| overrides_method(name))),
            Flaw::HeadersKept => Ok(keep(reply, &request, |name, _| is_identity(name))),
            Flaw::ForwardedBelieved => Ok(keep(reply, &request, |name, value| {
                name.eq_ignore_ascii_case("x-forwarded-for") && value.parse::<IpAddr>().is_ok()
            })),
            Flaw::ReplayForwarded => Ok(forward_again(reply, &request)),
            _ => Ok(reply),
        }
    }

    /// The open exact path that `request` only looks like.
    fn health_check(&self, request: &Request, reply: &Reply) -> Option<Request> {
        let path = request.target.split('?').next()?;
        let route = self.facts.routes.iter().find(|route| {
            route.exact
                && matches!(route.guard, Guard::Open(_))
                && path.starts_with(&format!("{}/", route.path))
        })?;
        (status(reply) != Some(200) && request.field("x-api-key").is_none())
            .then(|| request.for_target(&route.path))
    }
}

pub(super) fn status(reply: &Reply) -> Option<u16> {
    reply.answer().map(|answer| answer.status)
}

pub(super) fn succeeded(reply: &Reply) -> bool {
    status(reply).is_some_and(|status| (200..300).contains(&status))
}

pub(super) fn refused(reply: &Reply, with: u16) -> bool {
    match reply {
        Reply::Answer(answer) => answer.status == with,
        Reply::Closed => with == 400,
        Reply::TimedOut => false,
    }
}
