//! The pages of local accounts.
//!
//! Owns their HTML, and the policy that goes with it: no script, no picture, nothing of another place,
//! one style whose digest the policy names. Refuses to show anything of a request but a page to go back
//! to and a link that stood there before, both of them escaped.

use std::sync::LazyLock;

use identity::{
    account::{AccountName, ClaimRefusal},
    oidc::ReturnTo,
};

use super::{CLAIM, SIGN_IN};
use crate::{site::Site, stages::login};

/// What is said where the two passwords differ.
pub(super) const UNLIKE: &str = "The two passwords are not the same.";

/// What is said once a password is set.
pub(super) const IS_SET: &str = "Your password is set. Sign in with it now.";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;margin:0;padding:1rem}\
main{max-width:24rem;margin:2rem auto}\
h1{font-size:1.5rem;overflow-wrap:anywhere}\
label{display:block;margin-top:1rem}\
input{box-sizing:border-box;width:100%;font:inherit;padding:.5rem;margin-top:.25rem}\
button{font:inherit;padding:.5rem 1.5rem;margin-top:1.5rem}\
:focus-visible{outline:3px solid;outline-offset:2px}\
.said{border-left:4px solid;padding:.5rem .75rem;margin:1rem 0}";

/// `Content-Security-Policy` of every page here.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = seal::encode::base64(&seal::sha256(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// A page of ours.
pub(crate) struct Page(String);

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Page(..)")
    }
}

impl Page {
    /// Its HTML.
    pub(crate) const fn body(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// What a browser may do with it.
    pub(crate) fn policy() -> &'static str {
        &POLICY
    }
}

/// The form to sign in with.
pub(super) fn sign_in(site: &Site, to: &ReturnTo, said: Option<&str>) -> Page {
    let mut main = heading(site, "Sign in");
    if let Some(said) = said {
        main.push_str(&format!(
            "<p class=\"said\" role=\"alert\">{}</p>\n",
            escaped(said)
        ));
    }
    main.push_str(&format!(
        "<form method=\"post\" action=\"{SIGN_IN}\">\n\
         <input type=\"hidden\" name=\"to\" value=\"{}\">\n\
         <label for=\"name\">Name</label>\n\
         <input id=\"name\" name=\"name\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" maxlength=\"128\" required autofocus>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required>\n\
         <button type=\"submit\">Sign in</button>\n</form>\n",
        escaped(to.as_str())
    ));
    if site.login().is_some() {
        let place = login::place_of(login::BEGIN, to.as_str());
        main.push_str(&format!(
            "<p><a href=\"{}\">Sign in with the account of your organisation</a></p>\n",
            escaped(&place)
        ));
    }
    whole("Sign in", &main)
}

/// The form by which a link sets a password, and what was wrong with the last one.
pub(super) fn claim(site: &Site, name: &AccountName, link: &str, wrong: &[String]) -> Page {
    let mut main = heading(site, "Choose a password");
    if !wrong.is_empty() {
        main.push_str(
            "<div class=\"said\" role=\"alert\"><p>That password cannot be taken:</p>\n<ul>\n",
        );
        for one in wrong {
            main.push_str(&format!("<li>{}</li>\n", escaped(one)));
        }
        main.push_str("</ul></div>\n");
    }
    let shortest = site.accounts().map_or(0, |settings| settings.shortest);
    main.push_str(&format!(
        "<p id=\"rules\">At least {shortest} characters, and not a common password, a number, or \
         something like your name or the name of this place. Four unrelated words are good.</p>\n\
         <form method=\"post\" action=\"{CLAIM}\">\n\
         <input type=\"hidden\" name=\"link\" value=\"{}\">\n\
         <label for=\"name\">Name</label>\n\
         <input id=\"name\" autocomplete=\"username\" value=\"{}\" readonly>\n\
         <label for=\"password\">New password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"new-password\" \
         aria-describedby=\"rules\" required autofocus>\n\
         <label for=\"repeat\">The same again</label>\n\
         <input id=\"repeat\" name=\"repeat\" type=\"password\" autocomplete=\"new-password\" \
         required>\n\
         <button type=\"submit\">Set password</button>\n</form>\n",
        escaped(link),
        escaped(name.as_str())
    ));
    whole("Choose a password", &main)
}

/// What says that it did not work, where no form would help.
pub(super) fn refused(site: &Site, public: &str) -> Page {
    let mut main = heading(site, "That did not work");
    main.push_str(&format!("<p role=\"alert\">{}</p>\n", escaped(public)));
    whole("That did not work", &main)
}

/// What is wrong with a password, each rule with what to do about it.
pub(super) fn faults(refusal: &ClaimRefusal) -> Vec<String> {
    match refusal {
        ClaimRefusal::Weak(weak) => weak
            .iter()
            .map(|weakness| format!("{weakness}: {}", weakness.hint()))
            .collect(),
        other => vec![other.to_string()],
    }
}

fn heading(site: &Site, title: &str) -> String {
    let name = escaped(&site.deployment().name);
    format!("<p>{name}</p>\n<h1>{title}</h1>\n")
}

fn whole(title: &str, main: &str) -> Page {
    Page(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{main}</main>\n\
         </body>\n</html>\n"
    ))
}

/// Text that is nothing but text in HTML, within an attribute too.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_is_text_and_nothing_else() {
        let to = "/a?b=\"><script>alert(1)</script>&c='";
        let shown = escaped(to);
        assert!(!shown.contains(['<', '>', '"', '\'']));
        assert_eq!(shown.matches("&amp;c").count(), 1);
        assert_eq!(escaped("plain text"), "plain text");
    }

    #[test]
    fn the_policy_names_the_one_style_and_allows_nothing_else() {
        let page = whole("t", "");
        let (_, rest) = page.0.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let digest = seal::encode::base64(&seal::sha256(style.as_bytes()));
        assert!(Page::policy().contains(&format!("style-src 'sha256-{digest}';")));
        for part in [
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(Page::policy().contains(part), "{part}");
        }
        assert!(!Page::policy().contains("unsafe"));
    }
}
