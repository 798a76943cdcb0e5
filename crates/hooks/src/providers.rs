//! The page of providers in the guides, written from the scheme files.
//!
//! Owns its words. What it says of a scheme is what the scheme does, as both come from one file.

use std::fmt::Write as _;

use crate::{
    handshake::Handshake,
    scheme::{Atom, Encoding, Mac, Place, Scheme, Way},
};

/// The page, as Markdown.
#[must_use]
pub fn page() -> String {
    let schemes = Scheme::built_in();
    let checked = schemes.iter().filter(|it| it.vector.is_some()).count();
    let mut page = format!(
        "# Webhook providers\n\n\
         Written from `crates/hooks/schemes` by `cargo xtask gen`. {} schemes; {checked} were checked against\n\
         a signature that somebody else published, and those that are *experimental* were not: the gate says so\n\
         when it starts with one. `vouchsafe webhook init NAME` prints what to configure and what to do at the\n\
         provider, `vouchsafe webhook doctor` explains a delivery that does not verify.\n\n\
         | scheme | provider | covers | signed message | at most old | repeats are known by |\n\
         |---|---|---|---|---|---|\n",
        schemes.len()
    );
    for scheme in schemes {
        let _ = writeln!(
            page,
            "| [`{name}`](#{name}) | {} | {} | {} | {} | {} |",
            scheme.provider,
            scheme.integrity.label(),
            messages(scheme),
            age(scheme),
            repeats(scheme),
            name = scheme.name,
        );
    }
    for scheme in schemes {
        section(&mut page, scheme);
    }
    page
}

fn section(page: &mut String, scheme: &Scheme) {
    let _ = write!(
        page,
        "\n## {}\n\n{}: <{}>\n",
        scheme.name, scheme.provider, scheme.documentation
    );
    let mut line = |text: String| {
        let _ = write!(page, "\n- {text}");
    };
    let also = scheme.signature.also.len();
    let further = if also > 0 {
        format!(" and {also} further like it")
    } else {
        String::new()
    };
    line(format!(
        "signature in {}{further}: {}",
        place(&scheme.signature.from),
        ways(scheme)
    ));
    for (name, rule) in &scheme.option {
        line(format!(
            "option `{name}`: {}, `{}` when nothing is said",
            rule.about, rule.default
        ));
    }
    for question in &scheme.handshake {
        line(asked(question));
    }
    let refused = scheme.ack.refused.unwrap_or(403);
    let deadline = scheme.ack.deadline.map_or(String::new(), |seconds| {
        format!("; the provider waits {seconds} seconds")
    });
    line(format!(
        "a repeat is answered {}, a forgery {refused}{deadline}",
        scheme.ack.status
    ));
    match (&scheme.vector, scheme.experimental) {
        (Some(vector), _) => line(format!("checked against: {vector}")),
        (None, true) => {
            line("experimental: no signature that others published was found".to_owned())
        }
        (None, false) => {}
    }
    page.push('\n');
    if let Some(caution) = &scheme.caution {
        let _ = writeln!(page, "\n{caution}");
    }
}

fn asked(question: &Handshake) -> String {
    let signed = if question.signed {
        "signed"
    } else {
        "unsigned"
    };
    let token = match question.token {
        Some(_) => ", with the token of `token = [\"name\"]`",
        None => "",
    };
    format!(
        "the gate answers the {signed} {} of \"{}\" itself{token}",
        question.method, question.name
    )
}

fn ways(scheme: &Scheme) -> String {
    let said: Vec<String> = scheme.way.iter().map(way).collect();
    said.join(", or ")
}

fn way(way: &Way) -> String {
    let mac = match way.mac {
        Mac::HmacSha1 => "HMAC-SHA1",
        Mac::HmacSha256 => "HMAC-SHA256",
        Mac::HmacSha512 => "HMAC-SHA512",
        Mac::Ed25519 => "Ed25519",
        Mac::EcdsaP256 => "ECDSA on P-256",
        Mac::TokenHs256 => return format!("a token signed with HS256{}", in_front(&way.prefix)),
        Mac::Static => return format!("the secret itself{}", in_front(&way.prefix)),
    };
    let encoding = match way.encoding {
        Encoding::Hex => "hexadecimal",
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "base64 for URLs",
        Encoding::Utf8 => "text",
    };
    let version = way
        .version
        .as_ref()
        .map_or(String::new(), |version| format!(" of version `{version}`"));
    format!("{mac} in {encoding}{version}{}", in_front(&way.prefix))
}

fn in_front(prefix: &str) -> String {
    if prefix.is_empty() {
        String::new()
    } else {
        format!(" behind `{}`", prefix.trim_end())
    }
}

fn messages(scheme: &Scheme) -> String {
    if let Some(token) = &scheme.token {
        let url = token.url.as_ref().map_or("", |_| " and of the URL");
        return format!("digest of the body{url} in `{}`", token.body.claim);
    }
    let said: Vec<String> = scheme
        .variant
        .iter()
        .map(|variant| {
            let atoms: Vec<String> = variant.message.iter().map(atom).collect();
            atoms.join(" ")
        })
        .filter(|message| !message.is_empty())
        .collect();
    if said.is_empty() {
        "nothing".to_owned()
    } else {
        said.join("; or ")
    }
}

fn atom(atom: &Atom) -> String {
    match atom {
        Atom::Lit(text) => format!("`{}`", text.replace('|', "\\|")),
        Atom::Body => "body".to_owned(),
        Atom::Method => "method".to_owned(),
        Atom::Url => "URL".to_owned(),
        Atom::SortedForm => "sorted form".to_owned(),
        Atom::BodySha256Hex | Atom::BodySha256Base64 => "digest of the body".to_owned(),
        _ => atom.place().as_ref().map(place).unwrap_or_default(),
    }
}

fn place(at: &Place) -> String {
    match at {
        Place::Header(name) => format!("`{name}`"),
        Place::Query(name) => format!("`?{name}=`"),
        Place::Param(param) => format!("`{}` of `{}`", param.name, param.header),
        Place::Json(pointer) => {
            let short = pointer.rsplit('/').next().unwrap_or(pointer);
            format!("`{short}` in the body")
        }
    }
}

fn age(scheme: &Scheme) -> String {
    scheme
        .tolerance()
        .map_or("–".to_owned(), |(past, _)| format!("{past} s"))
}

fn repeats(scheme: &Scheme) -> String {
    if let Some(token) = &scheme.token {
        return match &token.id {
            Some(claim) => format!("`{claim}`"),
            None => "the token".to_owned(),
        };
    }
    let by: Vec<String> = scheme.dedupe.by.iter().map(atom).collect();
    if by.is_empty() {
        "the signed message".to_owned()
    } else {
        by.join(", ")
    }
}
