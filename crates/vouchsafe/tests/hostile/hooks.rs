//! Deliveries of a webhook provider, for a route that every test configures alike.

use crate::support::{Deployment, request, run, vouchsafe};

/// The route `/hook` of a provider that signs as GitHub does, and its secret.
pub(crate) fn hook() -> String {
    "[secrets]\nhook = \"file:hook.secret\"\n\
     [[route]]\npath = \"/hook\"\nmethods = [\"POST\"]\napp = \"app\"\nanswer = \"30s\"\n\
     webhook = { scheme = \"github\", secret = [\"hook\"] }\n"
        .to_owned()
}

/// A genuine delivery of `body` to `path`. Puts the secret where the configuration looks for it.
pub(crate) fn delivery(deployment: &Deployment, path: &str, body: &str) -> String {
    deployment.write("hook.secret", b"a secret of the hook");
    delivery_of("github", deployment, path, body)
}

/// A genuine delivery as `scheme` has it, with the secret that the deployment holds.
pub(crate) fn delivery_of(scheme: &str, deployment: &Deployment, path: &str, body: &str) -> String {
    let secret = deployment.folder().join("hook.secret");
    let body_file = deployment.write("hook.body", body.as_bytes());
    let url = format!("http://localhost{path}");
    let signed = run(
        vouchsafe(&["webhook", "sign", "--scheme", scheme, "--format", "json"])
            .args(["--url", &url, "--secret-file"])
            .arg(secret)
            .arg("--body-file")
            .arg(body_file),
    );
    let signed = signed.exits(0).json();
    let mut fields = String::new();
    for pair in signed["headers"].as_array().unwrap() {
        let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        fields.push_str(&format!("{name}: {value}\r\n"));
    }
    request("POST", path, &fields, body)
}
