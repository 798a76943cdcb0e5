//! What to configure for a provider, and what to do there.
//!
//! Owns the words of `webhook init`. What it prints is read by the gate as it stands.

use std::fmt::Write as _;

use crate::scheme::{Mac, Scheme};

/// Where the deliveries are to go.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The deployment's public URL, without a path.
    pub public_url: &'a str,
    /// Path of the route.
    pub path: &'a str,
    /// The app behind it.
    pub app: &'a str,
}

/// Lines for the configuration, with what to do in comments.
#[must_use]
pub fn configuration(scheme: &Scheme, place: &Place<'_>) -> String {
    let name = &scheme.name;
    let variable = format!(
        "{}_WEBHOOK_SECRET",
        name.to_ascii_uppercase().replace('-', "_")
    );
    let url = format!("{}{}", place.public_url.trim_end_matches('/'), place.path);
    let mut text = format!("# {}: {}\n#\n", scheme.provider, scheme.documentation);
    let setup = scheme.setup.as_deref().unwrap_or(
        "Add a webhook with this URL at the provider, and copy the secret it is signed with.",
    );
    let _ = writeln!(text, "# 1. URL: {url}");
    let _ = writeln!(text, "#    {setup}");
    let _ = writeln!(text, "# 2. {}", secret(scheme, &variable));
    if scheme.takes_token() {
        let _ = writeln!(
            text,
            "# 3. Put a token of your own (openssl rand -hex 16) into {name}-token below, and the same at the provider."
        );
    }
    if let Some(caution) = &scheme.caution {
        let _ = writeln!(text, "#\n# {caution}");
    }
    if scheme.experimental {
        let _ = writeln!(
            text,
            "#\n# Experimental: no signature of this provider that others published was found to check it by."
        );
    }
    let _ = write!(text, "\n[secrets]\n{name} = \"env:{variable}\"\n");
    if scheme.takes_token() {
        let token = variable.replace("_SECRET", "_TOKEN");
        let _ = writeln!(text, "{name}-token = \"env:{token}\"");
    }
    let methods: Vec<String> = scheme
        .methods()
        .iter()
        .map(|it| format!("\"{it}\""))
        .collect();
    let mut webhook = format!("scheme = \"{name}\", secret = [\"{name}\"]");
    if scheme.takes_token() {
        let _ = write!(webhook, ", token = [\"{name}-token\"]");
    }
    if !scheme.option.is_empty() {
        let chosen: Vec<String> = scheme
            .option
            .iter()
            .map(|(option, rule)| format!("{option} = \"{}\"", rule.default))
            .collect();
        let _ = write!(webhook, ", options = {{ {} }}", chosen.join(", "));
    }
    let _ = write!(
        text,
        "\n[[route]]\npath = \"{}\"\nmethods = [{}]\napp = \"{}\"\nwebhook = {{ {webhook} }}\n",
        place.path,
        methods.join(", "),
        place.app
    );
    text
}

fn secret(scheme: &Scheme, variable: &str) -> String {
    let Some(way) = scheme.way.first() else {
        return String::new();
    };
    let what = match way.mac {
        Mac::Ed25519 | Mac::EcdsaP256 => "the provider's public key",
        Mac::Static => "the secret the provider sends",
        _ => "the signing secret",
    };
    let shape = if way.key.prefix.is_empty() {
        String::new()
    } else {
        format!(" (it begins with {})", way.key.prefix)
    };
    format!(
        "Put {what}{shape} into the environment as {variable}, or name a file of mode 0600 with `file:`."
    )
}
