//! What a flaw makes of a role that may not.

use control::probe::{Guard, KeyWish, Reply, RouteFact, SessionWish, TargetError};

use super::{Sham, answers::EVERYTHING, request::Request};
use crate::rights::{Rights, is_below};

impl Sham<'_> {
    /// The answer to somebody whom the table lets do what is asked, for somebody whom it does not.
    /// Only where it was asked as the probe of roles asks: with a key or a token as Bearer, or with a
    /// session on a page of the site itself.
    pub(super) fn as_somebody_who_may(
        &self,
        request: Request,
        reply: Reply,
    ) -> Result<Reply, TargetError> {
        let Some((route, role)) = self.who_may(&request) else {
            return Ok(reply);
        };
        let roles = vec![role];
        let changed = match &route.guard {
            Guard::Session(_) => {
                let wish = SessionWish {
                    roles,
                    ..SessionWish::default()
                };
                request.with_cookie(&self.good.mint_session(&wish)?.cookie)
            }
            _ => {
                let scopes = vec![EVERYTHING.to_owned()];
                let minted = self.good.mint_key(&KeyWish { scopes, roles })?;
                request.without("Authorization").with_key(&minted.key)
            }
        };
        self.instead(changed, reply)
    }

    fn who_may(&self, request: &Request) -> Option<(&RouteFact, String)> {
        let rights = Rights::of(&self.facts.configuration)?;
        let path = request.target.as_str();
        let bearer = request.field("authorization").is_some();
        let at_home = request.field("cookie").is_some() && !request.comes_from_elsewhere();
        let governed = self
            .facts
            .routes
            .iter()
            .filter(|it| is_below(path, &it.path));
        governed.into_iter().find_map(|route| {
            let (roles, asked) = match &route.guard {
                Guard::Key(roles) | Guard::Token(roles) => (roles, bearer),
                Guard::Session(roles) => (roles, at_home),
                Guard::Open(_) | Guard::Certificate(_) | Guard::Webhook(_) => return None,
            };
            let may = |role: &&String| rights.may(&[role], &request.method, path);
            let role = roles.iter().find(may).filter(|_| asked)?;
            Some((route, role.clone()))
        })
    }
}
