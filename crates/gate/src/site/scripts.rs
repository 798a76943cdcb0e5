//! Where the scripts of a page may come from.
//!
//! Owns the policy that is sent with an app's answers, and the question whether an app's own policy says
//! as much. Refuses to be softened by an app: a policy that lets a page run what stands in it, or what
//! comes from anywhere, gets ours beside it, and a browser keeps to both (Content Security Policy level 3,
//! section 8.1).

/// What a page may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scripts {
    /// Scripts that the same origin serves as files, and none that stand in a page. Styles may stand
    /// in a page, and pictures in its text.
    SameOrigin,
    /// Nothing is said; the app's own word stands. The default, because many an app has scripts in
    /// its pages.
    #[default]
    Off,
}

/// The policy of [`Scripts::SameOrigin`].
pub(super) const SAME_ORIGIN: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'";

/// Sources after which it does not matter what else is listed.
const ANYWHERE: [&[u8]; 7] = [
    b"*",
    b"http:",
    b"https:",
    b"data:",
    b"blob:",
    b"'unsafe-eval'",
    b"'unsafe-hashes'",
];

/// Sources that make a browser pass over `'unsafe-inline'`.
const NAMED: [&[u8]; 4] = [b"'nonce-", b"'sha256-", b"'sha384-", b"'sha512-"];

/// Whether `policy`, the value of one field, keeps a page from running what somebody wrote into it.
pub(super) fn governs(policy: &[u8]) -> bool {
    // Several policies may stand in one field, and all of them hold.
    policy.split(|byte| *byte == b',').any(one_governs)
}

fn one_governs(policy: &[u8]) -> bool {
    // Of a directive that comes twice, the first holds (section 2.2.1).
    let named = |name: &[u8]| {
        policy
            .split(|byte| *byte == b';')
            .map(<[u8]>::trim_ascii)
            .find_map(|directive| {
                let (head, rest) = directive.split_at_checked(name.len())?;
                let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
                (ends && head.eq_ignore_ascii_case(name)).then_some(rest)
            })
    };
    let Some(sources) = named(b"script-src").or_else(|| named(b"default-src")) else {
        return false;
    };
    let sources = || {
        let words = sources.split(u8::is_ascii_whitespace);
        words.filter(|source| !source.is_empty())
    };
    let is = |source: &[u8], text: &[u8]| source.eq_ignore_ascii_case(text);
    let begins = |source: &[u8], text: &[u8]| {
        let head = source.get(..text.len());
        head.is_some_and(|head| is(head, text))
    };
    let anywhere = sources().any(|source| ANYWHERE.iter().any(|one| is(source, one)));
    let inline = sources().any(|source| is(source, b"'unsafe-inline'"));
    let named = sources().any(|source| NAMED.iter().any(|one| begins(source, one)));
    !anywhere && (!inline || named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_governs_where_nothing_written_into_a_page_runs() {
        for policy in [
            "default-src 'self'",
            "DEFAULT-SRC 'none'",
            "script-src",
            "img-src *; script-src 'self' https://cdn.example",
            "script-src 'nonce-r4nd0m' 'unsafe-inline'",
            "default-src *; script-src 'self'",
            "frame-ancestors 'self', script-src 'self'",
            " ;; script-src\t'sha256-abc='",
            SAME_ORIGIN,
        ] {
            assert!(governs(policy.as_bytes()), "{policy}");
        }
    }

    #[test]
    fn a_policy_that_lets_pages_run_what_stands_in_them_governs_nothing() {
        for policy in [
            "",
            "frame-ancestors 'none'",
            "default-src *",
            "default-src 'self' 'unsafe-inline'",
            "script-src 'self' 'UNSAFE-EVAL'",
            "script-src https:",
            "script-src data:; default-src 'none'",
            "script-src 'unsafe-inline'; script-src 'none'",
            "script-srcs 'self'",
            "script-src-elem 'self'",
            "img-src 'self'",
        ] {
            assert!(!governs(policy.as_bytes()), "{policy}");
        }
    }
}
