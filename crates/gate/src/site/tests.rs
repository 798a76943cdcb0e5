use config::Look;

use crate::testing::{OPEN, read, site, text};

/// The codes of every fault of a configuration, in the order of the file.
fn codes(text: &str) -> Vec<&'static str> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.list().iter().map(|fault| fault.code).collect(),
    }
}

fn of_route(route: &str) -> Vec<&'static str> {
    codes(&text(&format!(
        "[[route]]\npath = \"/x\"\napp = \"coach\"\n{route}\n"
    )))
}

#[test]
fn accounts_have_bounds_and_a_public_address_that_keeps_cookies() {
    const PLAIN: &str = "[[route]]\npath = \"/x\"\napp = \"coach\"\nauth = [\"session\"]\n";
    let codes_of = |accounts: &str| codes(&text(&format!("[accounts]\n{accounts}\n{PLAIN}")));
    for accounts in [
        "",
        "attempts = 3\nshortest = 8\nlink = \"7d\"",
        "address_attempts = 5",
    ] {
        assert_eq!(codes_of(accounts), [""; 0], "{accounts}");
    }
    for (accounts, code) in [
        ("attempts = 2", "config.value"),
        ("attempts = 21", "config.value"),
        ("shortest = 7", "config.value"),
        ("link = \"8d\"", "config.value"),
        ("lock = \"0s\"", "config.value"),
        ("attempt = 5", "config.unknown-key"),
        ("address_attempts = 4", "accounts.address-first"),
        ("documented = [\"\"]", "config.value"),
        ("documented = [\"a\\nb\"]", "accounts.documented"),
    ] {
        assert_eq!(codes_of(accounts), [code], "{accounts}");
    }
    let open = text(&format!("[accounts]\n{PLAIN}"));
    let open = open.replace("https://", "http://");
    assert_eq!(codes(&open), ["accounts.open-address"]);
    assert_eq!(codes(&text(PLAIN)), ["route.no-login"]);
}

const KEY: &str = "auth = [\"api-key\"]";

#[test]
fn the_example_of_the_design_is_a_site() {
    let site = site(
        "[[route]]\npath = \"/webhook/whatsapp\"\nmethods = [\"POST\"]\napp = \"coach\"\n\
         webhook = { scheme = \"twilio\", secret = [\"hook\"] }\n\
         [[route]]\npath = \"/api\"\napp = \"coach\"\nauth = [\"api-key\"]\nroles = [\"mentor\"]\n\
         [[route]]\npath = \"/\"\napp = \"coach\"\nauth = \"none\"\nreason = \"public landing page\"\n",
    );
    let guards: Vec<String> = site
        .routes()
        .iter()
        .map(|route| format!("{} {:?}", route.id, route.guard))
        .collect();
    assert_eq!(
        guards,
        [
            "/webhook/whatsapp Webhook(WebhookGuard(twilio))",
            "/api Credential { accepts: Accepts { keys: true, tokens: false, sessions: false, certificates: false }, roles: [\"mentor\"] }",
            "/ Open(OpenReason(\"public landing page\"))",
        ]
    );
    assert_eq!(site.routes()[0].limits.body, site.limits().webhook_body);
    assert_eq!(site.routes()[1].limits.body, site.limits().body);
}

#[test]
fn a_route_that_says_nothing_about_who_may_pass_is_refused() {
    assert_eq!(of_route(""), ["route.unguarded"]);
    assert_eq!(of_route(KEY), [""; 0]);
}

#[test]
fn an_open_route_says_why() {
    assert_eq!(of_route("auth = \"none\""), ["route.open-without-reason"]);
    assert_eq!(
        of_route("auth = \"none\"\nreason = \"  \""),
        ["config.value"]
    );
    assert_eq!(
        of_route("auth = \"none\"\nreason = \"landing page\""),
        [""; 0]
    );
}

#[test]
fn a_guard_is_one_thing() {
    let webhook = "webhook = { scheme = \"twilio\", secret = [\"hook\"] }";
    assert_eq!(of_route(webhook), [""; 0]);
    assert_eq!(of_route(&format!("{webhook}\n{KEY}")), ["route.two-guards"]);
    assert_eq!(
        of_route("auth = [\"none\", \"api-key\"]"),
        ["route.unknown-auth"]
    );
    assert_eq!(of_route("auth = []"), ["route.unknown-auth"]);
    assert_eq!(of_route("auth = [\"oidc\"]"), ["route.unknown-auth"]);
    assert_eq!(
        of_route("auth = [\"api-key\", \"api-key\"]"),
        ["route.unknown-auth"]
    );
}

#[test]
fn tokens_are_asked_for_where_somebody_issues_them() {
    const TOKENS: &str = "auth = [\"api-key\", \"token\"]";
    assert_eq!(of_route(TOKENS), ["route.no-tokens"]);
    let issued = |table: &str| of_route(&format!("{TOKENS}\n{table}"));
    assert_eq!(issued("[tokens]"), [""; 0]);
    assert_eq!(issued("[tokens]\nlife = \"30m\""), [""; 0]);
    for life in ["61m", "30s"] {
        let table = format!("[tokens]\nlife = \"{life}\"");
        assert_eq!(issued(&table), ["config.value"], "{life}");
    }
}

#[test]
fn an_issuer_is_pinned_in_every_way() {
    const ISSUER: &str = "[[issuer]]\nissuer = \"https://login.example\"\n";
    const REST: &str = "algorithms = [\"EdDSA\"]\naudience = [\"coach\"]\n\
                        keys = { file = \"jwks.json\" }\n";
    let with = |text: &str| of_route(&format!("auth = [\"token\"]\n{text}"));
    assert_eq!(with(&format!("{ISSUER}{REST}")), [""; 0]);
    let all = "role_claim = \"groups\"\nroles = { \"g-a\" = \"mentor\" }\nskew = \"1m\"\n\
               longest = \"24h\"\nrequired = { \"hd\" = \"a.test\" }\ntenant_claim = \"org\"";
    assert_eq!(with(&format!("{ISSUER}{REST}{all}")), [""; 0]);
    let twice = format!("{ISSUER}{REST}{ISSUER}{REST}");
    assert_eq!(with(&twice), ["issuer.ambiguous"]);
    let ours = ISSUER.replace("login.example", "coach.school.example");
    assert_eq!(
        with(&format!("{ours}{REST}")),
        ["route.no-tokens", "issuer.ambiguous"]
    );
    for (from, to, code) in [
        ("[\"EdDSA\"]", "[]", "issuer.unpinned"),
        ("[\"coach\"]", "[]", "issuer.unpinned"),
        ("[\"EdDSA\"]", "[\"none\"]", "config.value"),
        ("[\"EdDSA\"]", "[\"HS256\"]", "issuer.keys"),
        ("file = \"jwks.json\"", "secret = \"env:X\"", "issuer.keys"),
        ("file = \"jwks.json\"", "", "issuer.keys"),
        (
            "audience",
            "tenant = \"a\"\ntenant_claim = \"b\"\naudience",
            "issuer.two-tenants",
        ),
        ("audience", "longest = \"25h\"\naudience", "config.value"),
        (
            "audience",
            "roles = { a = \"An Admin\" }\naudience",
            "config.value",
        ),
    ] {
        let codes = with(&format!("{ISSUER}{}", REST.replace(from, to)));
        assert!(codes.contains(&code), "{to}: {codes:?}");
    }
    let shared = REST
        .replace("EdDSA", "HS256")
        .replace("file = \"jwks.json\"", "secret = \"env:X\"");
    assert_eq!(with(&format!("{ISSUER}{shared}")), [""; 0]);
}

#[test]
fn an_alias_is_a_path_of_its_own() {
    let with = |tables: &str| of_route(&format!("{KEY}\n{tables}"));
    assert_eq!(with("[tokens]\naliases = [\"/auth/token\"]"), [""; 0]);
    assert_eq!(with("[keys]\nrole = \"owner\""), [""; 0]);
    let both = "[tokens]\naliases = [\"/auth\"]\n[keys]\naliases = [\"/auth\"]";
    assert_eq!(with(both), ["alias.twice"]);
    assert_eq!(with("[keys]\naliases = [\"/.vouchsafe/x\"]").len(), 1);
    assert_eq!(with("[keys]\nrole = \"An Admin\"").len(), 1);
}

#[test]
fn roles_and_binding_belong_to_principals() {
    let open = "auth = \"none\"\nreason = \"landing page\"";
    assert_eq!(
        of_route(&format!("{open}\nroles = [\"a\"]")),
        ["route.roles-without-key"]
    );
    assert_eq!(
        of_route(&format!("{open}\nbind = \"request\"")),
        ["route.bind-without-principal"]
    );
    assert_eq!(
        of_route(&format!("{KEY}\nroles = [\"a\"]\nbind = \"request\"")),
        [""; 0]
    );
}

#[test]
fn a_webhook_needs_a_secret_that_is_there() {
    assert_eq!(
        of_route("webhook = { scheme = \"twilio\", secret = [\"nosuch\"] }"),
        ["hooks.unknown-secret"]
    );
    assert_eq!(
        of_route("webhook = { scheme = \"twilio\", secret = [] }"),
        ["hooks.no-secret"]
    );
}

#[test]
fn an_app_must_be_there() {
    let faults = codes(&text(
        "[[route]]\npath = \"/\"\napp = \"coahc\"\nauth = [\"api-key\"]\n",
    ));
    assert_eq!(faults, ["route.no-such-app"]);
}

#[test]
fn routes_that_govern_the_same_requests_are_refused_by_name() {
    let twice = format!("{OPEN}{OPEN}");
    assert_eq!(codes(&text(&twice)), ["route.collision"]);
    let told = read(&text(&twice)).unwrap_err().render(Look::Plain);
    assert!(
        told.contains("route number 1") && told.contains("route number 2"),
        "{told}"
    );
    let apart = |what: &str| {
        let other = OPEN.replace("app =", &format!("{what}\napp ="));
        codes(&text(&format!("{OPEN}{other}")))
    };
    assert_eq!(apart("methods = [\"GET\"]"), ["route.collision"]);
    assert_eq!(apart("host = \"coach.internal\""), [""; 0]);
    assert_eq!(apart("exact = true"), [""; 0]);
}

#[test]
fn routes_that_differ_in_spelling_alone_are_refused() {
    let upper = OPEN.replace("\"/\"", "\"/API\"");
    let lower = OPEN.replace("\"/\"", "\"/api\"");
    assert_eq!(
        codes(&text(&format!("{upper}{lower}"))),
        ["route.near-collision"]
    );
}

#[test]
fn two_routes_of_one_path_may_share_its_methods_between_them() {
    let get = OPEN.replace("app =", "methods = [\"GET\"]\napp =");
    let post = OPEN.replace("app =", "methods = [\"POST\"]\napp =");
    assert_eq!(codes(&text(&format!("{get}{post}"))), [""; 0]);
}

#[test]
fn a_header_is_weakened_only_with_a_reason() {
    let site_wide = |rest: &str| codes(&text(&format!("{OPEN}[headers]\n{rest}\n")));
    assert_eq!(site_wide("frame = \"off\""), ["headers.no-reason"]);
    assert_eq!(
        site_wide("frame = \"off\"\nreason = \"embedded by a partner\""),
        [""; 0]
    );
    assert_eq!(
        of_route(&format!("{KEY}\nheaders = {{ nosniff = false }}")),
        ["headers.no-reason"]
    );
    assert_eq!(
        of_route(&format!(
            "{KEY}\nheaders = {{ nosniff = false, reason = \"x\" }}"
        )),
        [""; 0]
    );
}

#[test]
fn two_routes_share_a_secret_only_where_the_scheme_signs_where_a_delivery_goes() {
    let hook = |path: &str, scheme: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\nmethods = [\"POST\"]\napp = \"coach\"\n\
             webhook = {{ scheme = \"{scheme}\", secret = [\"hook\"] }}\n"
        )
    };
    let read_both = |scheme| read(&text(&(hook("/a", scheme) + &hook("/b", scheme))));
    let faults = read_both("github").unwrap_err();
    assert!(
        faults
            .render(config::Look::Plain)
            .contains("route.shared-secret")
    );
    assert!(read_both("twilio").is_ok());
}

#[test]
fn a_route_may_set_its_own_limits() {
    let site = site(&format!(
        "[limits]\nbody = \"2MiB\"\n[[route]]\npath = \"/x\"\napp = \"coach\"\n{KEY}\n\
         body = \"1GiB\"\nanswer = \"5m\"\n{OPEN}"
    ));
    assert_eq!(site.routes()[0].limits.body, 1 << 30);
    assert_eq!(site.routes()[0].limits.answer.as_secs(), 300);
    assert_eq!(site.routes()[1].limits.body, 2 << 20);
}

#[test]
fn a_body_that_is_held_in_memory_has_a_ceiling() {
    let webhook = "webhook = { scheme = \"twilio\", secret = [\"hook\"] }";
    assert_eq!(of_route(&format!("{webhook}\nbody = \"1GiB\"")).len(), 1);
    assert_eq!(of_route(&format!("{webhook}\nbody = \"2MiB\"")), [""; 0]);
}

#[test]
fn a_deployment_names_itself_and_trusts_somebody_in_particular() {
    let with = |from: &str, to: &str| codes(&text(OPEN).replace(from, to));
    assert_eq!(
        with(
            "hosts = [\"coach.internal\"]",
            "trusted_proxies = [\"0.0.0.0/0\"]"
        ),
        ["deployment.trusts-everybody"]
    );
    assert_eq!(
        with(
            "hosts = [\"coach.internal\"]",
            "trusted_proxies = [\"10.0.0.1\"]"
        ),
        [""; 0]
    );
    assert_eq!(with("\"coach.internal\"", "\"*.internal\"").len(), 1);
    assert_eq!(with("name = \"coach\"\npublic", "public").len(), 1);
}

#[test]
fn what_is_missing_altogether_is_said() {
    let faults = codes("[deployment]\nname = \"a\"\npublic_url = \"http://a\"\n");
    assert_eq!(faults, ["listen.none", "route.none"]);
}

#[test]
fn a_listener_has_one_certificate_or_sends_people_to_where_there_is_one() {
    let tls = "[[listen]]\naddress = \"127.0.0.1:8443\"\ntls = ";
    let redirect = "[[listen]]\naddress = \"127.0.0.1:8081\"\nredirect = true\n";
    for listener in [
        &format!("{tls}{{ self_signed = true }}\n")[..],
        &format!("{tls}{{ self_signed = true, minimum = \"1.3\" }}\n"),
        &format!("{tls}{{ certificate = \"c\", key = \"file:k\", minimum = \"1.2\" }}\n"),
        redirect,
    ] {
        assert_eq!(
            codes(&text(&format!("{OPEN}{listener}"))),
            [""; 0],
            "{listener}"
        );
    }
    for (listener, code) in [
        (
            format!("{tls}{{ minimum = \"1.3\" }}\n"),
            "config.missing-key",
        ),
        (
            format!("{tls}{{ self_signed = true, minimum = \"1.1\" }}\n"),
            "config.value",
        ),
        (
            format!("{tls}{{ self_signed = true, key = \"file:k\" }}\n"),
            "listen.two-certificates",
        ),
        (
            format!("{tls}{{ self_signed = true }}\nredirect = true\n"),
            "listen.redirect-tls",
        ),
    ] {
        let found = codes(&text(&format!("{OPEN}{listener}")));
        assert!(
            found.iter().all(|it| *it == code) && !found.is_empty(),
            "{found:?}"
        );
    }
    let plain = text(&format!("{OPEN}{redirect}")).replace("https://", "http://");
    assert_eq!(codes(&plain), ["listen.redirect-nowhere"]);
}

#[test]
fn two_listeners_cannot_share_an_address_and_two_apps_a_name() {
    let again = "[[listen]]\naddress = \"127.0.0.1:9\"\n[[listen]]\naddress = \"127.0.0.1:9\"\n";
    assert_eq!(codes(&text(&format!("{OPEN}{again}"))), ["listen.twice"]);
    let app = "[[app]]\nname = \"coach\"\nupstream = \"http://127.0.0.1:1\"\n";
    assert_eq!(codes(&text(&format!("{app}{OPEN}"))), ["app.twice"]);
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let broken = "[[route]]\npath = \"/x\"\napp = \"coach\"\n\
                  [[route]]\npath = \"api\"\napp = \"nosuch\"\nauth = \"none\"\n";
    let mut found = codes(&text(broken));
    found.sort_unstable();
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn certificates_of_a_listener_come_from_one_place_and_are_named_once() {
    let with = |tls: &str| {
        let listener = format!("[[listen]]\naddress = \"127.0.0.1:0\"\ntls = {{ {tls} }}\n");
        codes(&text(&format!("{OPEN}{listener}")))
    };
    const A: &str = "{ certificate = \"a.pem\", key = \"file:a.key\" }";
    const B: &str = "{ certificate = \"b.pem\", key = \"file:b.key\" }";
    assert_eq!(with(&format!("certificates = [{A}, {B}]")), [""; 0]);
    let ordered = "acme = { terms_agreed = true, challenge = \"tls-alpn-01\" }";
    assert_eq!(with(ordered), [""; 0]);
    for (tls, code) in [
        (
            format!("certificates = [{A}, {A}]"),
            "listen.certificate-twice",
        ),
        ("certificates = []".to_owned(), "listen.no-certificates"),
        (
            format!("certificates = [{A}], self_signed = true"),
            "listen.two-certificates",
        ),
        (
            format!("certificates = [{A}], key = \"file:k\""),
            "listen.two-certificates",
        ),
        (
            format!("{ordered}, self_signed = true"),
            "listen.two-certificates",
        ),
        ("acme = {}".to_owned(), "acme.terms"),
        (
            ordered.replace("true,", "true, names = [\"other.test\"],"),
            "acme.foreign-name",
        ),
        (
            ordered.replace("true,", "true, directory = \"http://a.test\","),
            "config.value",
        ),
        (
            format!("{ordered}, clients = {{ roots = \"ca.pem\", required = true }}"),
            "acme.no-certificate-of-its-own",
        ),
        (
            "self_signed = true, clients = { required = true }".to_owned(),
            "config.missing-key",
        ),
    ] {
        assert!(with(&tls).contains(&code), "{tls}: {:?}", with(&tls));
    }
}

#[test]
fn a_certificate_stands_for_one_entry_that_could_be_told_by_it() {
    const ASKS: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\n\
                        tls = { self_signed = true, clients = { roots = \"ca.pem\" } }\n";
    const BILLING: &str = "[[certificate]]\nname = \"billing\"\n";
    let with = |rest: &str| codes(&text(&format!("{OPEN}{ASKS}{rest}")));
    let dns = format!("{BILLING}dns = \"billing.test\"\n");
    assert_eq!(with(&dns), [""; 0]);
    let all = format!(
        "{BILLING}dns = [\"a.test\", \"b.test\"]\nuri = \"spiffe://test/a\"\nemail = \"a@test\"\n\
         sha256 = \"{}\"\nscopes = [\"GET /api\"]\ntenant = \"north\"\nroles = [\"reader\"]\n",
        "AB:".repeat(31) + "cd"
    );
    assert_eq!(with(&all), [""; 0]);
    for (entries, code) in [
        (BILLING.to_owned(), "certificate.unmarked"),
        (format!("{BILLING}dns = \"*.test\"\n"), "certificate.mark"),
        (format!("{BILLING}sha256 = \"ab\"\n"), "certificate.mark"),
        (format!("{BILLING}uri = \"billing\"\n"), "certificate.mark"),
        (
            format!("{BILLING}email = \"billing\"\n"),
            "certificate.mark",
        ),
        (
            format!("{dns}{}", dns.replace("\"billing\"", "\"b\"")),
            "certificate.twice",
        ),
        (
            format!("{dns}{}", dns.replace("billing.test", "b.test")),
            "certificate.name-twice",
        ),
        (dns.replace("\"billing\"", "\"Billing\""), "config.value"),
        (format!("{dns}scopes = [\"/api\"]\n"), "certificate.scope"),
    ] {
        assert!(
            with(&entries).contains(&code),
            "{entries}: {:?}",
            with(&entries)
        );
    }
    assert_eq!(
        codes(&text(&format!("{OPEN}{dns}"))),
        ["certificate.not-asked"]
    );
    let other = ASKS.replace("ca.pem", "other.pem");
    assert_eq!(with(&format!("{other}{dns}")), ["listen.two-authorities"]);
    let route = |auth: &str, rest: &str| {
        let route = format!("[[route]]\npath = \"/p\"\napp = \"coach\"\nauth = [{auth}]\n");
        with(&format!("{route}{rest}"))
    };
    assert_eq!(route("\"certificate\"", &dns), [""; 0]);
    assert_eq!(route("\"certificate\", \"api-key\"", &dns), [""; 0]);
    assert_eq!(route("\"certificate\"", ""), ["route.no-certificates"]);
    assert_eq!(
        route("\"certificate\", \"session\"", &dns),
        ["route.certificate-and-session"]
    );
}
