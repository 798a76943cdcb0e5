mod credentials;

use serde_json::json;

use super::{answers::status, *};
use crate::target::double::{Double, answer, echo};

fn request(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nX-Vouchsafe-Ticket: t\r\n{fields}\r\n")
}

fn sent(good: &Double, flaw: Option<Flaw>, text: &str) -> Option<u16> {
    let sham = Sham::new(good, flaw).unwrap();
    status(&sham.send(text.as_bytes()).unwrap())
}

/// What a strict gate answers, as far as these tests need one.
fn strict() -> Double {
    Double::answering(|text| {
        let count = |part: &str| text.matches(part).count();
        let status = if count("Host: coach.example\r\n") != 1 || count("Content-Length") > 1 {
            400
        } else if text.contains("/api?") || text.contains("GET /health/x") {
            401
        } else if text.contains("/api/other") && !text.contains("vsk_id") {
            403
        } else {
            200
        };
        if status == 200 {
            echo(&[("X-Request-Id", "r")])
        } else {
            answer(status, &json!({}))
        }
    })
}

const HOST: &str = "Host: coach.example\r\n";

#[test]
fn each_flaw_in_what_is_sent_shows_on_its_own_attack_and_on_no_other() {
    let attacks = [
        (
            Flaw::FramingLenient,
            request(
                "GET /health",
                &format!("{HOST}Content-Length: 0\r\nContent-Length: 0\r\n"),
            ),
        ),
        (
            Flaw::AnyHost,
            request("GET /health", "Host: other.invalid\r\n"),
        ),
        (Flaw::KeyInQuery, request("GET /api?api_key=vsk_a_b", HOST)),
        (
            Flaw::ScopeIgnored,
            request("GET /api/other", &format!("{HOST}X-API-Key: narrow\r\n")),
        ),
        (Flaw::HealthByPrefix, request("GET /health/x", HOST)),
    ];
    let good = strict();
    for (flaw, _) in &attacks {
        for (shows, attack) in &attacks {
            let expected = sent(&good, None, attack);
            assert_ne!(expected, Some(200), "{attack}");
            let with_flaw = sent(&good, Some(*flaw), attack);
            let wanted = if flaw == shows { Some(200) } else { expected };
            assert_eq!(with_flaw, wanted, "{} on {attack}", flaw.name());
        }
        assert_eq!(
            sent(&good, Some(*flaw), &request("GET /health", HOST)),
            Some(200)
        );
    }
}

#[test]
fn without_a_ticket_nothing_is_altered() {
    let good = strict();
    let text = "GET /health HTTP/1.1\r\nHost: other.invalid\r\n\r\n";
    assert_eq!(sent(&good, Some(Flaw::AnyHost), text), Some(400));
    assert_eq!(good.sent.borrow().len(), 1);
}

fn fields(flaw: Flaw, text: &str) -> String {
    let good = strict();
    let sham = Sham::new(&good, Some(flaw)).unwrap();
    let reply = sham.send(text.as_bytes()).unwrap();
    reply.answer().unwrap().json().unwrap()["fields"].to_string()
}

#[test]
fn kept_headers_are_those_of_the_flaw() {
    let text = request(
        "GET /health",
        &format!("{HOST}X_Forwarded_User: vsc1\r\nX-Forwarded-For: 203.0.113.77\r\nX-Plain: p\r\n"),
    );
    let kept = fields(Flaw::HeadersKept, &text);
    assert!(kept.contains("vsc1") && !kept.contains("203.0.113.77") && !kept.contains("\"p\""));
    let believed = fields(Flaw::ForwardedBelieved, &text);
    assert!(believed.contains("203.0.113.77") && !believed.contains("vsc1"));
}

#[test]
fn a_repeated_delivery_is_forwarded_again() {
    let good = Double::answering(|_| answer(200, &json!("<Response/>")));
    let sham = Sham::new(&good, Some(Flaw::ReplayForwarded)).unwrap();
    let reply = sham
        .send(request("POST /webhook", HOST).as_bytes())
        .unwrap();
    assert_eq!(reply.answer().unwrap().json().unwrap()["echo"], true);
}

#[test]
fn an_exposed_app_is_reached_from_outside_alone() {
    let good = Double::new();
    let outside: SocketAddr = "127.0.0.2:8502".parse().unwrap();
    assert!(!Sham::new(&good, None).unwrap().reach(outside));
    let sham = Sham::new(&good, Some(Flaw::AppExposed)).unwrap();
    assert!(sham.reach(outside));
    assert!(!sham.reach("127.0.0.1:8502".parse().unwrap()));
}

#[test]
fn a_revoked_key_stays() {
    for (flaw, left) in [(None, 0), (Some(Flaw::RevocationIgnored), 1)] {
        let good = Double::new();
        let sham = Sham::new(&good, flaw).unwrap();
        let minted = sham.mint_key(&KeyWish::default()).unwrap();
        sham.revoke_key(&minted.id).unwrap();
        assert_eq!(good.keys.borrow().len(), left);
    }
}

#[test]
fn a_revoked_token_stays() {
    for (flaw, left) in [(None, 0), (Some(Flaw::TokenRevocationIgnored), 1)] {
        let good = Double::new();
        let sham = Sham::new(&good, flaw).unwrap();
        let minted = sham.mint_token(&TokenWish::default()).unwrap();
        good.keys.borrow_mut().push_back(minted.jti.clone());
        sham.revoke_token(&minted).unwrap();
        assert_eq!(good.keys.borrow().len(), left);
    }
}

fn stored(flaw: Flaw) -> String {
    let good = Double::new();
    let sham = Sham::new(&good, Some(flaw)).unwrap();
    let key = sham.mint_key(&KeyWish::default()).unwrap().key;
    let post = "POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\ncanary";
    sham.send(post.as_bytes()).unwrap();
    let files = sham.storage().unwrap();
    let text = files
        .first()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .unwrap_or_default();
    text.replace(&key, "KEY")
        .replace(&secret_of(&key)[..LEAKED], "PART")
}

#[test]
fn what_should_not_be_written_is_written() {
    assert_eq!(stored(Flaw::KeyStoredRaw), "KEY\n");
    assert_eq!(stored(Flaw::KeyInLog), "PART\n");
    assert_eq!(stored(Flaw::CanaryInLog), "canary\n");
    assert_eq!(stored(Flaw::AnyHost), "");
}

#[test]
fn the_list_shows_most_of_a_key_but_never_all() {
    let good = Double::new();
    let sham = Sham::new(&good, Some(Flaw::KeyShownWhole)).unwrap();
    let key = sham.mint_key(&KeyWish::default()).unwrap().key;
    let list = sham.list_keys().unwrap().to_string();
    assert!(list.contains(&key[..key.len() - KEPT_BACK]) && !list.contains(secret_of(&key)));
}

#[test]
fn an_event_is_dropped_or_forgotten() {
    let mut good = Double::new();
    good.events = (0..20)
        .map(|n| json!({"kind": "request", "request": n, "principal": "p"}))
        .chain([json!({"kind": "request", "request": 20, "control": "identity.key", "reason": "unknown"})])
        .collect();
    let events = |flaw| {
        Sham::new(&good, Some(flaw))
            .unwrap()
            .ledger_since(None)
            .unwrap()
            .events
    };
    let dropped = events(Flaw::EventDropped);
    assert_eq!(dropped.len(), 20);
    assert!(!dropped.iter().any(|event| event["request"] == 10));
    let forgotten = events(Flaw::AuthEventDropped);
    assert_eq!(forgotten.len(), 21);
    assert_eq!(forgotten[20], json!({"kind": "request"}));
}

#[test]
fn a_blind_verifier_calls_everything_whole() {
    let mut good = Double::new();
    good.inspection = Inspection::Altered("entry 3".to_owned());
    let verify = |flaw| {
        Sham::new(&good, flaw)
            .unwrap()
            .verify(Path::new("x"), "", None)
            .unwrap()
    };
    assert_eq!(verify(Some(Flaw::VerifyBlind)), Inspection::Whole(0));
    assert_eq!(verify(None), good.inspection);
    let inspect = |flaw| Sham::new(&good, flaw).unwrap().inspect_ledger(None);
    assert_eq!(inspect(Some(Flaw::VerifyBlind)), Ok(Inspection::Whole(0)));
    assert_eq!(inspect(None), Ok(good.inspection.clone()));
}

#[test]
fn a_refused_start_is_overlooked_by_its_own_flaw() {
    let starts = |flaw| {
        let mut good = Double::new();
        good.facts.configuration = json!({"route": [{"auth": "none", "reason": "x"}]});
        good.start = Box::new(|tree| {
            if tree["route"][0].get("reason").is_some() {
                ChildStart::Up(Box::new(Double::new()))
            } else {
                ChildStart::Refused {
                    exit: 2,
                    stderr: String::new(),
                }
            }
        });
        let sham = Sham::new(&good, flaw).unwrap();
        let change = &mut |tree: &mut Value| {
            tree["route"][0].as_object_mut().unwrap().remove("reason");
        };
        matches!(sham.child(change).unwrap(), ChildStart::Up(_))
    };
    assert!(!starts(None));
    assert!(!starts(Some(Flaw::AuthOptional)));
    assert!(starts(Some(Flaw::OpenWithoutReason)));
}

#[test]
fn what_a_probe_uses_is_noted_once() {
    let good = Double::new();
    let sham = Sham::new(&good, None).unwrap();
    sham.send(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    sham.ledger_mark().unwrap();
    assert_eq!(sham.used(), BTreeSet::from([Sense::Send, Sense::Ledger]));
    assert_eq!(sham.used(), BTreeSet::new());
}

#[test]
fn a_used_ticket_opens_again_by_its_own_flaw_alone() {
    let twice = |flaw| {
        let good = Double::answering(|text| {
            let first = text.contains("Ticket: ticket-/health") || !text.contains("Again: 1");
            if first {
                echo(&[])
            } else {
                answer(403, &json!({}))
            }
        });
        let sham = Sham::new(&good, flaw).unwrap();
        let first = request("GET /health", HOST);
        let again = request("GET /health", &format!("{HOST}Again: 1\r\n"));
        let send = |text: &str| status(&sham.send(text.as_bytes()).unwrap());
        (send(&first), send(&again))
    };
    assert_eq!(twice(None), (Some(200), Some(403)));
    assert_eq!(twice(Some(Flaw::AnyHost)), (Some(200), Some(403)));
    assert_eq!(twice(Some(Flaw::TicketTwice)), (Some(200), Some(200)));
}

#[test]
fn a_key_of_a_proof_opens_without_a_ticket_by_its_own_flaw_alone() {
    let sent = |flaw| {
        let good = Double::answering(|text| {
            let ticketed = text.contains("X-Vouchsafe-Ticket");
            if ticketed {
                echo(&[])
            } else {
                answer(403, &json!({}))
            }
        });
        let sham = Sham::new(&good, flaw).unwrap();
        let key = sham.mint_key(&KeyWish::default()).unwrap().key;
        let send = |key: &str| {
            let text = format!("GET /api HTTP/1.1\r\n{HOST}X-API-Key: {key}\r\n\r\n");
            status(&sham.send(text.as_bytes()).unwrap())
        };
        (send(&key), send("vsk_other"))
    };
    assert_eq!(sent(None), (Some(403), Some(403)));
    let flawed = sent(Some(Flaw::KeyWithoutTicket));
    assert_eq!(flawed, (Some(200), Some(403)));
}

#[test]
fn fields_that_override_the_method_reach_the_app_by_their_own_flaw() {
    let text = request(
        "GET /health",
        &format!("{HOST}X_HTTP_Method_Override: vsc2\r\nX-Remote-User: vsc1\r\n"),
    );
    let kept = fields(Flaw::MethodOverridden, &text);
    assert!(kept.contains("vsc2") && !kept.contains("vsc1"), "{kept}");
    assert!(!fields(Flaw::HeadersKept, &text).contains("vsc2"));
}

/// What a gate answers to people: to whoever it is with an echo of the cookie, and to other sites 403.
fn people() -> Double {
    Double::answering(|text| {
        let foreign = text.contains("cross-site")
            || text.starts_with("POST") && !text.contains("Origin: http");
        let cookie = text.lines().find_map(|line| line.strip_prefix("Cookie: "));
        match (foreign, cookie) {
            (true, _) => answer(403, &json!({})),
            (false, Some(cookie)) => echo(&[("Seen", cookie)]),
            (false, None) => answer(401, &json!({})),
        }
    })
}

#[test]
fn a_session_is_taken_for_the_one_before_by_its_own_flaw_alone() {
    let seen = |flaw| {
        let good = people();
        let sham = Sham::new(&good, flaw).unwrap();
        let wish = SessionWish::default();
        let (one, other) = (
            sham.mint_session(&wish).unwrap(),
            sham.mint_session(&wish).unwrap(),
        );
        let cookies = format!("{HOST}Cookie: a=1; {}; b=2\r\n", other.cookie);
        let reply = sham.send(request("GET /app", &cookies).as_bytes()).unwrap();
        let fields = reply.answer().unwrap().json().unwrap()["fields"].to_string();
        assert!(
            fields.contains("a=1; ") && fields.contains("; b=2"),
            "{fields}"
        );
        (fields.contains(&one.cookie), fields.contains(&other.cookie))
    };
    assert_eq!(seen(None), (false, true));
    assert_eq!(seen(Some(Flaw::CsrfIgnored)), (false, true));
    assert_eq!(seen(Some(Flaw::SessionMixed)), (true, false));
}

#[test]
fn another_site_is_believed_with_a_session_by_its_own_flaw_alone() {
    let answered = |flaw, ours: bool| {
        let good = people();
        let sham = Sham::new(&good, flaw).unwrap();
        let minted = sham.mint_session(&SessionWish::default()).unwrap();
        let cookie = if ours { minted.cookie.as_str() } else { "a=1" };
        let fields =
            format!("{HOST}Cookie: {cookie}\r\nSec-Fetch-Site: cross-site\r\nOrigin: null\r\n");
        status(&sham.send(request("POST /app", &fields).as_bytes()).unwrap())
    };
    assert_eq!(answered(None, true), Some(403));
    assert_eq!(answered(Some(Flaw::TicketTwice), true), Some(403));
    assert_eq!(answered(Some(Flaw::CsrfIgnored), true), Some(200));
    assert_eq!(
        answered(Some(Flaw::CsrfIgnored), false),
        Some(403),
        "no session of a proof"
    );
}

#[test]
fn what_shows_on_children_alone_is_inherited_and_nothing_else() {
    let back = "GET /.vouchsafe/callback?code=c&state=s HTTP/1.1\r\n\r\n";
    let child_of = |flaw| {
        let mut good = Double::new();
        good.start = Box::new(|_| {
            let mut child = Double::answering(|_| {
                let mut reply = answer(403, &json!({}));
                if let Reply::Answer(answer) = &mut reply {
                    let cookie = "__Host-vouchsafe=; Secure; HttpOnly".to_owned();
                    answer.fields.push(("Set-Cookie".to_owned(), cookie));
                }
                reply
            });
            child.events = vec![json!({"kind": "session.login"}), json!({"kind": "request"})];
            ChildStart::Up(Box::new(child))
        });
        let sham = Sham::new(&good, flaw).unwrap();
        let ChildStart::Up(child) = sham.child(&mut |_| {}).unwrap() else {
            panic!("it did not start");
        };
        let reply = child.send(back.as_bytes()).unwrap();
        let read_only = reply
            .answer()
            .unwrap()
            .fields
            .iter()
            .any(|(_, value)| value.contains("HttpOnly"));
        (
            status(&reply),
            read_only,
            child.ledger_since(None).unwrap().events.len(),
        )
    };
    for flaw in [None, Some(Flaw::AnyHost), Some(Flaw::CookieKept)] {
        assert_eq!(child_of(flaw), (Some(403), true, 2), "{flaw:?}");
    }
    assert_eq!(child_of(Some(Flaw::LoginForged)), (Some(303), true, 2));
    assert_eq!(child_of(Some(Flaw::CookieReadable)), (Some(403), false, 2));
    assert_eq!(
        child_of(Some(Flaw::LoginEventDropped)),
        (Some(403), true, 1)
    );
}
