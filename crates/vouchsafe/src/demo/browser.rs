//! A person's browser, as far as a demo needs one.
//!
//! Owns the cookies of each host and the steps from a page to the login provider and back.

use std::{collections::BTreeMap, net::SocketAddr};

use control::probe::{Answer, Reply};

use super::{provider::Provider, stage::Stage};
use crate::failure::Failure;

/// Most steps of one login: to the provider, through its pages, and back.
const MOST_STEPS: usize = 20;

/// The cookie of a session.
const SESSION: &str = "__Host-vouchsafe";

/// Cookies by host and name.
#[derive(Default)]
struct Jar(BTreeMap<(String, String), String>);

/// Has somebody log in at the provider on their way to `page`, and gives the cookie of their session.
pub(super) fn logged_in(stage: &Stage, login: &str, page: &str) -> Result<String, Failure> {
    let provider = stage.provider()?;
    let mut jar = Jar::default();
    let mut place = format!("{}{page}", stage.public_url());
    for _ in 0..MOST_STEPS {
        let there = Place::of(stage, provider, &place)?;
        let mut answer = there.ask(stage, &mut jar, None)?;
        if answer.status == 200 && there.is_ours {
            let host = (there.host.to_owned(), SESSION.to_owned());
            if let Some(id) = jar.0.get(&host) {
                return Ok(format!("{SESSION}={id}"));
            }
        }
        if answer.status == 200 && !there.is_ours {
            let page = String::from_utf8_lossy(&answer.body).into_owned();
            let form = if page.contains("value=\"login\"") {
                format!("prompt=login&login={login}&password=anything")
            } else {
                "prompt=consent".to_owned()
            };
            answer = there.ask(stage, &mut jar, Some(&form))?;
        }
        let Some(next) = answer
            .field("Location")
            .filter(|_| (300..400).contains(&answer.status))
        else {
            break;
        };
        place = if next.starts_with('/') {
            format!("{}://{}{next}", there.scheme, there.host)
        } else {
            next.to_owned()
        };
    }
    Err(Failure::new(
        format!("{login} could not log in: the way ended at {place}"),
        "run the demo again",
    ))
}

/// Somewhere a browser is sent.
struct Place<'p> {
    scheme: &'p str,
    address: SocketAddr,
    host: &'p str,
    path: &'p str,
    is_ours: bool,
}

impl<'p> Place<'p> {
    fn of(stage: &Stage, provider: &Provider, place: &'p str) -> Result<Self, Failure> {
        let (ours, theirs) = (stage.public_url(), provider.issuer());
        let (address, is_ours) = if place.starts_with(&format!("{ours}/")) {
            (stage.gate(), true)
        } else if place.starts_with(&format!("{theirs}/")) {
            (provider.address(), false)
        } else {
            let what = format!("a browser was sent to {place}");
            return Err(Failure::new(what, "report this as a defect"));
        };
        let (scheme, rest) = place.split_once("://").unwrap_or(("http", place));
        let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self {
            scheme,
            address,
            host,
            path: rest.get(host.len()..).unwrap_or("/"),
            is_ours,
        })
    }

    fn ask(&self, stage: &Stage, jar: &mut Jar, form: Option<&str>) -> Result<Answer, Failure> {
        let kept = jar.0.iter().filter(|((of, _), _)| of == self.host);
        let cookies: Vec<String> = kept
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let cookies = match cookies.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", cookies.join("; ")),
        };
        let (method, rest) = match form {
            None => ("GET", "\r\n".to_owned()),
            Some(form) => (
                "POST",
                format!(
                    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                    form.len()
                ),
            ),
        };
        let request = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\n{cookies}Sec-Fetch-Mode: navigate\r\n\
             Accept: text/html\r\nConnection: close\r\n{rest}",
            self.path, self.host
        );
        let Reply::Answer(answer) = stage.send(self.address, request.as_bytes())? else {
            let what = format!("{} did not answer", self.host);
            return Err(Failure::new(what, "run the demo again"));
        };
        for (name, value) in &answer.fields {
            if name.eq_ignore_ascii_case("set-cookie") {
                jar.keep(self.host, value);
            }
        }
        Ok(answer)
    }
}

impl Jar {
    fn keep(&mut self, host: &str, set: &str) {
        let pair = set.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else {
            return;
        };
        let place = (host.to_owned(), name.to_owned());
        if value.is_empty() {
            self.0.remove(&place);
        } else {
            self.0.insert(place, value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_kept_for_its_host_until_it_is_taken_back() {
        let mut jar = Jar::default();
        jar.keep("a", "x=1; Path=/");
        jar.keep("b", "x=2");
        jar.keep("a", "x=; Max-Age=0");
        let kept: Vec<_> = jar
            .0
            .iter()
            .map(|((host, _), value)| (&**host, &**value))
            .collect();
        assert_eq!(kept, [("b", "2")]);
    }
}
