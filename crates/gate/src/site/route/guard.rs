//! Who may pass a route, as the file says it.
//!
//! Owns `auth`, `reason`, `roles` and `webhook` of `[[route]]`. Refuses two guards, none, and an open
//! route that does not say why.

use std::sync::Arc;

use config::{Fault, Found, Table};
use hooks::Setting;

use super::{Accepts, Context, Guard, OpenReason, WebhookGuard};
use crate::site::{Surroundings, roles::known};

/// Who may pass. Exactly one of `auth` and `webhook` must say so.
pub(super) fn read(table: &mut Table<'_>, source: &str, context: &Context<'_>) -> Option<Guard> {
    let auth = table.one_or_more("auth");
    let auth_span = table.span_of("auth");
    let reason = table.has("reason").then(|| table.text("reason"));
    let roles = table.texts("roles");
    let roles_span = table.span_of("roles");
    let webhook = table.optional_table("webhook").map(Setting::read);
    if let (Some(_), Some(_)) = (&auth, &webhook) {
        table.fault(
            Fault::new(
                "route.two-guards",
                "a route is guarded by auth or by webhook, not by both",
            )
            .at(auth_span)
            .hint("remove auth: the signature is the credential of a webhook route"),
        );
        return None;
    }
    let guard = match (auth, webhook) {
        (None, None) => {
            table.fault(
                Fault::new(
                    "route.unguarded",
                    format!("{} says nothing about who may pass", table.title()),
                )
                .at(table.span())
                .label("neither auth nor webhook")
                .hint("write auth = [\"api-key\"], or auth = \"none\" with a reason"),
            );
            None
        }
        (_, Some(webhook)) => {
            webhook.and_then(|setting| webhook_guard(table, &setting, source, context.surroundings))
        }
        (Some(auth), None) => credential_guard(table, &auth, reason, roles.as_deref(), context),
    };
    if let (Some(span), Some(Guard::Open(_) | Guard::Webhook(_))) = (roles_span, &guard) {
        table.fault(
            Fault::new(
                "route.roles-without-key",
                "roles come with a credential, and this route asks for none",
            )
            .at(span)
            .hint("remove roles, or write auth = [\"api-key\"]"),
        );
    }
    guard
}

fn credential_guard(
    table: &Table<'_>,
    auth: &[Found<String>],
    reason: Option<Option<Found<String>>>,
    roles: Option<&[Found<String>]>,
    context: &Context<'_>,
) -> Option<Guard> {
    let first = auth.first();
    match auth {
        [only] if only.value == "none" => {
            // A reason that does not read was told where it stands.
            let Some(reason) = reason else {
                table.fault(
                    Fault::new(
                        "route.open-without-reason",
                        "a route without a credential must say why",
                    )
                    .at(first.map(|found| found.span))
                    .label("open")
                    .hint("add reason = \"...\", such as \"public landing page\""),
                );
                return None;
            };
            let stated = reason.and_then(|reason| OpenReason::stated(&reason.value));
            stated.map(Guard::Open)
        }
        kinds => {
            let roles = roles.unwrap_or_default();
            for role in roles {
                known(table, context.roles, role);
            }
            Some(Guard::Credential {
                accepts: accepted(table, kinds, context)?,
                roles: roles.iter().map(|it| it.value.as_str().into()).collect(),
            })
        }
    }
}

/// The kinds of credentials that are listed, each of which must be known and stand once.
fn accepted(table: &Table<'_>, kinds: &[Found<String>], context: &Context<'_>) -> Option<Accepts> {
    let mut accepts = Accepts {
        keys: false,
        tokens: false,
        sessions: false,
        certificates: false,
    };
    let mut wrong = kinds.is_empty().then(|| table.span());
    for kind in kinds {
        let place = match kind.value.as_str() {
            "api-key" => &mut accepts.keys,
            "token" => &mut accepts.tokens,
            "session" => &mut accepts.sessions,
            "certificate" => &mut accepts.certificates,
            _ => {
                wrong = Some(Some(kind.span));
                break;
            }
        };
        if std::mem::replace(place, true) {
            wrong = Some(Some(kind.span));
        }
    }
    if let Some(span) = wrong {
        table.fault(
            Fault::new(
                "route.unknown-auth",
                "auth takes \"none\", or a list of \"api-key\", \"token\", \"session\" and \"certificate\"",
            )
            .at(span)
            .hint("write auth = [\"api-key\"], or auth = \"none\" with a reason"),
        );
        return None;
    }
    if accepts.certificates && accepts.sessions {
        table.fault(
            Fault::new(
                "route.certificate-and-session",
                "a browser shows a certificate and a session unasked, and only one can say who asks",
            )
            .at(table.span())
            .hint("give people and programs a route each, by path or by host"),
        );
        return None;
    }
    if accepts.tokens && !context.tokens {
        let place = kinds.iter().find(|kind| kind.value == "token");
        table.fault(
            Fault::new(
                "route.no-tokens",
                "nobody issues the tokens this route accepts",
            )
            .at(place.map(|kind| kind.span))
            .hint("add a [tokens] table, with which the gate issues them, or an [[issuer]]"),
        );
        return None;
    }
    if accepts.sessions && !context.people {
        let place = kinds.iter().find(|kind| kind.value == "session");
        table.fault(
            Fault::new(
                "route.no-login",
                "nobody can log in for the sessions this route accepts",
            )
            .at(place.map(|kind| kind.span))
            .hint("add a [login] table with the provider that people log in at, or [accounts] for people who have a password here"),
        );
        return None;
    }
    if accepts.certificates && !context.certificates {
        let place = kinds.iter().find(|kind| kind.value == "certificate");
        table.fault(
            Fault::new(
                "route.no-certificates",
                "nobody is known by the certificates this route accepts",
            )
            .at(place.map(|kind| kind.span))
            .hint("add a [[certificate]] table for each program, and clients to the tls of a listener"),
        );
        return None;
    }
    Some(accepts)
}

fn webhook_guard(
    table: &Table<'_>,
    setting: &Setting,
    source: &str,
    surroundings: &Surroundings<'_>,
) -> Option<Guard> {
    match setting.source(source, surroundings.secrets) {
        Ok(source) => Some(Guard::Webhook(WebhookGuard {
            source: Arc::new(source),
        })),
        Err(faults) => {
            for fault in faults {
                table.fault(fault);
            }
            None
        }
    }
}
