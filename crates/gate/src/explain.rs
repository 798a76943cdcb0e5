//! What the stages would say of a request, and why, without sending it.
//!
//! Owns the window of `vouchsafe explain`. It walks the stages in the gate's own order over the same
//! [`Site`], and tests hold it against a running gate. Refuses to guess: what only the bytes of a real
//! request decide, such as a signature, is said to depend on them.

use control::Timestamp;
use identity::{
    Scopes,
    roles::{Effect, Rule},
    rows::{Answers, Kind, View},
};
use limits::By;

use crate::{
    site::{
        Site,
        files::Folder,
        observe::Observation,
        route::{Guard, Route},
        router::Found,
    },
    stages::{files, own},
};

/// In whose name it is asked.
#[derive(Clone, Debug)]
pub enum Who {
    /// Somebody without a credential.
    Nobody,
    /// Whoever has these roles, by a token or a session.
    Roles(Vec<String>),
    /// The holder of a key.
    Key(HeldKey),
}

/// A key, as far as its rights go.
#[derive(Clone, Debug)]
pub struct HeldKey {
    /// What it may be used for.
    pub scopes: Scopes,
    /// Its roles.
    pub roles: Vec<String>,
    /// Why it opens nothing any more, if so.
    pub ended: Option<&'static str>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, as a client would send it.
    pub path: &'a str,
    /// The host; the public one where none is named.
    pub host: Option<&'a str>,
    /// Who asks.
    pub who: &'a Who,
    /// When it is asked: a route may be observed until a day.
    pub now: Timestamp,
}

/// What a stage says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It ends here, with this status.
    Refuse(u16),
    /// It would end here with this status, and goes on because the route is observed.
    Observe(u16),
    /// It depends on more than was asked.
    Depends,
}

/// One stage.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub stage: &'static str,
    /// What it says.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub why: String,
    /// The line of the configuration that decides, from 1.
    pub line: Option<usize>,
}

impl Step {
    fn new(stage: &'static str, verdict: Verdict, why: impl Into<String>) -> Self {
        Self {
            stage,
            verdict,
            why: why.into(),
            line: None,
        }
    }

    fn at(self, line: usize) -> Self {
        let line = Some(line).filter(|line| *line > 0);
        Self { line, ..self }
    }
}

/// The stages in their order, up to the first that refuses.
#[must_use]
pub fn explain(site: &Site, question: &Question<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let observed = walk(site, question, &mut steps).and_then(Route::observation);
    if let Some(observation) = observed.filter(|it| it.holds(question.now)) {
        note_only(&mut steps, observation);
    }
    let end = steps
        .iter()
        .position(|step| matches!(step.verdict, Verdict::Refuse(_)));
    steps.truncate(end.map_or(steps.len(), |end| end + 1));
    steps
}

/// Turns the first refusal that an observed route only notes into that. Who is let pass so is nobody, and
/// is asked for nothing more.
fn note_only(steps: &mut Vec<Step>, observation: &Observation) {
    let judges = ["authenticate", "scope", "roles", "table"];
    let refuses = |step: &Step| matches!(step.verdict, Verdict::Refuse(_));
    let Some(place) = steps.iter().position(refuses) else {
        return;
    };
    let Some(step) = steps.get_mut(place) else {
        return;
    };
    if let (Verdict::Refuse(status), true) = (step.verdict, judges.contains(&step.stage)) {
        step.verdict = Verdict::Observe(status);
        step.why = format!("{}; observed until {}", step.why, observation.last_day());
        steps.truncate(place + 1);
    }
}

/// Walks the stages. Gives the route that governs, where one does.
fn walk<'s>(site: &'s Site, question: &Question<'_>, steps: &mut Vec<Step>) -> Option<&'s Route> {
    let path = question.path.split('?').next().unwrap_or_default();
    let plain = match wire::target::canonical(path.as_bytes()) {
        Ok(plain) => plain,
        Err(refusal) => {
            let why = refusal.to_refusal().public;
            steps.push(Step::new("framing", Verdict::Refuse(400), why));
            return None;
        }
    };
    steps.push(Step::new(
        "framing",
        Verdict::Pass,
        format!("the path is {plain}"),
    ));
    let host = question.host.unwrap_or(&site.deployment().public_url.host);
    if !site.deployment().answers_to(host.as_bytes()) {
        let why = format!("{host} is none of the names of this deployment");
        steps.push(Step::new("host", Verdict::Refuse(400), why));
        return None;
    }
    steps.push(Step::new(
        "host",
        Verdict::Pass,
        format!("{host} is served here"),
    ));
    let folded = wire::target::folded(&plain);
    if plain.starts_with(own::PREFIX) || site.desks().resembles(&folded) {
        let why = "the gate answers here itself; no app is asked";
        steps.push(Step::new("route", Verdict::Depends, why));
        return None;
    }
    let route = route(site, question.method, host, &plain, &folded, steps)?;
    let before = |by: By| by.needs_no_credential();
    rates(site, question.method, &folded, before, steps);
    steps.push(credential(route, question).at(route.line));
    rates(site, question.method, &folded, |by| !before(by), steps);
    if let Guard::Credential { roles, accepts } = &route.guard {
        if accepts.sessions && !matches!(question.method, "GET" | "HEAD" | "OPTIONS") {
            let why = "with a session, it must come from a page of this site";
            steps.push(Step::new("csrf", Verdict::Depends, why));
        }
        authorise(site, question, &plain, (roles, route.line), steps);
    }
    steps.extend(upload(route, question).map(|step| step.at(route.line)));
    if let (Guard::Credential { .. }, Some(answers)) = (&route.guard, &route.answers) {
        steps.push(rows(answers, question));
    }
    if !route.confine.is_empty() {
        let why = "parameters that name files must be plain names";
        steps.push(Step::new("confine", Verdict::Depends, why).at(route.line));
    }
    if let Some(folder) = &route.files {
        steps.push(file(folder, route, &plain).at(route.line));
    }
    Some(route)
}

/// What the body must be, where the route takes uploads.
fn upload(route: &Route, question: &Question<'_>) -> Option<Step> {
    let uploads = route.uploads.as_ref()?;
    if matches!(question.method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
        return None;
    }
    let rules = uploads.form.rules();
    let kinds: Vec<&str> = rules.kinds().iter().map(upload::Kind::id).collect();
    let (kinds, limits) = (kinds.join(", "), rules.limits());
    let or = match route.accepts {
        Some(_) => ", or another body that the route accepts",
        None => "",
    };
    let why = format!(
        "at most {} of {kinds}, each of at most {} bytes, judged whole before the app sees it{or}",
        limits.files, limits.file
    );
    Some(Step::new("upload", Verdict::Depends, why))
}

/// Whether the path names a file that may be looked for. Nothing is: what is there may change.
fn file(folder: &Folder, route: &Route, plain: &str) -> Step {
    match files::named(folder, route, plain) {
        Ok(_) => {
            let root = folder.root.path().display();
            let why = format!("a file beneath {root}, if one is there");
            Step::new("files", Verdict::Depends, why)
        }
        Err(refusal) => Step::new("files", Verdict::Refuse(refusal.status), refusal.reason.0),
    }
}

/// The route that governs, noted with its line; `None` where none does.
fn route<'s>(
    site: &'s Site,
    method: &str,
    host: &str,
    plain: &str,
    folded: &str,
    steps: &mut Vec<Step>,
) -> Option<&'s Route> {
    let refuse = |status, why: &str| Step::new("route", Verdict::Refuse(status), why);
    let found = match site.find(host.as_bytes(), plain, folded, method) {
        _ if method == "TRACE" => Err(refuse(405, "TRACE is never forwarded")),
        Found::Route(index) => site.routes().get(index).ok_or_else(|| refuse(404, "")),
        Found::MethodNotListed => {
            let why = format!("the route lists {}", site.allowed(host.as_bytes(), plain));
            Err(refuse(405, &why))
        }
        Found::Nothing => Err(refuse(404, "no route governs this path")),
        Found::Ambiguous => Err(refuse(400, "the path can be read in two ways")),
    };
    match found {
        Ok(route) => {
            let why = format!("{} governs", route.id);
            steps.push(Step::new("route", Verdict::Pass, why).at(route.line));
            Some(route)
        }
        Err(step) => {
            steps.push(step);
            None
        }
    }
}

/// The limits that count the request, of those that count `by` this.
fn rates(site: &Site, method: &str, folded: &str, by: impl Fn(By) -> bool, steps: &mut Vec<Step>) {
    let all = site.rates().all().iter();
    for rate in all.filter(|rate| by(rate.by) && rate.governs(method, folded)) {
        let step = Step::new("rate", Verdict::Depends, rate.to_string());
        steps.push(step.at(rate.line));
    }
}

/// Whether who asks has what the route asks for.
fn credential(route: &Route, question: &Question<'_>) -> Step {
    let step = |verdict, why: String| Step::new("authenticate", verdict, why);
    let accepts = match &route.guard {
        Guard::Open(reason) => {
            return step(Verdict::Pass, format!("open to anyone: {}", reason.text()));
        }
        Guard::Webhook(guard) => {
            let why = format!("the body must be signed ({})", guard.source.scheme().name);
            return step(Verdict::Depends, why);
        }
        Guard::Credential { accepts, .. } => accepts,
    };
    let kinds = [
        (accepts.keys, "a key"),
        (accepts.tokens, "a token"),
        (accepts.sessions, "a session"),
        (accepts.certificates, "a certificate"),
    ];
    let kinds: Vec<&str> = kinds
        .iter()
        .filter(|(takes, _)| *takes)
        .map(|(_, kind)| *kind)
        .collect();
    let takes = format!("takes {}", kinds.join(" or "));
    match question.who {
        Who::Nobody => step(Verdict::Refuse(401), format!("{takes}, and there is none")),
        Who::Key(_) if !accepts.keys => step(Verdict::Refuse(401), takes),
        Who::Key(HeldKey {
            ended: Some(why), ..
        }) => step(Verdict::Refuse(401), format!("the key {why}")),
        Who::Roles(_) if !accepts.tokens && !accepts.sessions => {
            step(Verdict::Pass, format!("{takes} with these roles"))
        }
        Who::Key(_) | Who::Roles(_) => step(Verdict::Pass, takes),
    }
}

/// What they see of the answer: the first view of theirs that lets them ask.
fn rows(answers: &Answers, question: &Question<'_>) -> Step {
    let roles: &[String] = match question.who {
        Who::Nobody => &[],
        Who::Roles(roles) => roles,
        Who::Key(key) => &key.roles,
    };
    let collection = &answers.collection;
    let step = |verdict, why| Step::new("rows", verdict, why);
    let views: Vec<&View> = collection.views_of(roles).collect();
    let counts = answers.kind == Kind::Counts;
    let opens = |view: &&&View| match counts {
        true => view.counts || view.all,
        false => view.permits(question.method),
    };
    let Some(view) = views.iter().find(opens) else {
        let why = match views.iter().find(|view| view.own.is_some() && !counts) {
            Some(view) => format!("{} may only read its own {}", view.role, collection.name),
            None => format!("none of their roles sees this of {}", collection.name),
        };
        let line = views.first().map_or(0, |view| view.line);
        return step(Verdict::Refuse(403), why).at(line);
    };
    let mut why = match &view.own {
        _ if counts => format!("{} sees counts of {}", view.role, collection.name),
        _ if view.all => format!("{} sees all {}", view.role, collection.name),
        Some(by) => format!(
            "{} sees the {} that name it as {by}",
            view.role, collection.name
        ),
        None => String::new(),
    };
    let hidden: Vec<&str> = views
        .iter()
        .flat_map(|view| &view.hide)
        .map(|it| &**it)
        .collect();
    if !counts && !hidden.is_empty() {
        why = format!("{why}, without {}", hidden.join(", "));
    }
    step(Verdict::Pass, why).at(view.line)
}

/// Whether they may do what they ask for.
fn authorise(
    site: &Site,
    question: &Question<'_>,
    path: &str,
    (named, line): (&[Box<str>], usize),
    steps: &mut Vec<Step>,
) {
    let roles: &[String] = match question.who {
        Who::Nobody => &[],
        Who::Roles(roles) => roles,
        Who::Key(key) => {
            let covered = key.scopes.cover(question.method, path);
            let (verdict, why) = if covered {
                (Verdict::Pass, "the key is for this")
            } else {
                (Verdict::Refuse(403), "no scope of the key covers this")
            };
            steps.push(Step::new("scope", verdict, why));
            &key.roles
        }
    };
    if !named.is_empty() {
        let list = named.join(", ");
        let has = named
            .iter()
            .any(|role| roles.iter().any(|own| **own == **role));
        let verdict = if has {
            Verdict::Pass
        } else {
            Verdict::Refuse(403)
        };
        steps.push(Step::new("roles", verdict, format!("the route is for {list}")).at(line));
    }
    if let Some(table) = site.roles() {
        steps.push(ruling(table.rules(), question.method, path, roles));
    }
}

/// What the table of roles says, rule by rule: the first that denies, or the first that allows.
fn ruling(rules: &[Rule], method: &str, path: &str, roles: &[String]) -> Step {
    let speaks = |effect: Effect| {
        rules.iter().find(|rule| {
            rule.effect == effect
                && roles.iter().any(|role| **role == *rule.role)
                && rule.scope.covers(method, path)
        })
    };
    let step = |verdict, why| Step::new("table", verdict, why);
    match (speaks(Effect::Deny), speaks(Effect::Allow)) {
        (Some(rule), _) => {
            let why = format!("{} is denied {}", rule.role, rule.scope);
            step(Verdict::Refuse(403), why).at(rule.line)
        }
        (None, Some(rule)) => {
            let why = format!("{} is allowed {}", rule.role, rule.scope);
            step(Verdict::Pass, why).at(rule.line)
        }
        (None, None) => step(
            Verdict::Refuse(403),
            "no rule of their roles allows it".to_owned(),
        ),
    }
}
