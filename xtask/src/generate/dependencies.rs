//! The table of outside crates: version, licence and who uses it, as cargo knows them.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{command, failure::Failure, workspace::Workspace};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Makes the table.
pub(super) fn make(workspace: &Workspace) -> Result<String, Failure> {
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let mut cargo = command::command(workspace.root(), "cargo", &arguments);
    let said = command::listen(&mut cargo, Duration::from_secs(300))?;
    if !said.success {
        return Err(Failure::stuck(
            format!(
                "cargo metadata failed: {}",
                command::last_lines(&said.stderr, 3)
            ),
            "run `cargo metadata --locked` and mend what it says",
        ));
    }
    let metadata: Metadata = serde_json::from_str(&said.stdout).map_err(|cause| {
        Failure::stuck(
            format!("cargo metadata is not of the known shape: {cause}"),
            "use the cargo of rust-toolchain or newer",
        )
    })?;
    Ok(table(&metadata))
}

fn table(metadata: &Metadata) -> String {
    let ours = |package: &&Package| metadata.workspace_members.contains(&package.id);
    let names: Vec<&str> = metadata
        .packages
        .iter()
        .filter(ours)
        .map(|package| package.name.as_str())
        .collect();
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in metadata.packages.iter().filter(ours) {
        for dependency in &package.dependencies {
            if names.contains(&dependency.name.as_str()) {
                continue;
            }
            let user = match dependency.kind.as_deref() {
                Some("dev") => format!("{} (tests)", package.name),
                _ => package.name.clone(),
            };
            users.entry(&dependency.name).or_default().push(user);
        }
    }
    let mut text = String::from("| crate | version | licence | used by |\n|---|---|---|---|\n");
    for (name, mut users) in users {
        users.sort();
        users.dedup();
        // Where both stand, the use in the product covers the one in its tests.
        let shipped = users.clone();
        users.retain(|user| {
            user.strip_suffix(" (tests)")
                .is_none_or(|plain| !shipped.iter().any(|user| user == plain))
        });
        let (version, licence) = newest(metadata, name);
        text.push_str(&format!(
            "| `{name}` | {version} | {licence} | {} |\n",
            users.join(", ")
        ));
    }
    text
}

/// Version and licence of the newest copy in the lock file.
fn newest<'a>(metadata: &'a Metadata, name: &str) -> (&'a str, &'a str) {
    let numbers = |package: &&Package| -> Vec<u64> {
        package
            .version
            .split(['.', '-', '+'])
            .map_while(|part| part.parse().ok())
            .collect()
    };
    metadata
        .packages
        .iter()
        .filter(|package| package.name == name)
        .max_by_key(numbers)
        .map_or(("?", "?"), |package| {
            (&package.version, package.license.as_deref().unwrap_or("?"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_version_licence_and_users() {
        let text = r#"{
            "workspace_members": ["a#1", "b#1"],
            "packages": [
                {"id": "a#1", "name": "a", "version": "0.1.0", "license": null, "dependencies": [
                    {"name": "b", "kind": null}, {"name": "out", "kind": null}, {"name": "out", "kind": "dev"}]},
                {"id": "b#1", "name": "b", "version": "0.1.0", "license": null, "dependencies": [
                    {"name": "out", "kind": "dev"}]},
                {"id": "out#9", "name": "out", "version": "0.9.0", "license": "MIT", "dependencies": []},
                {"id": "out#10", "name": "out", "version": "0.10.0", "license": "Apache-2.0", "dependencies": []}
            ]}"#;
        let metadata: Metadata = serde_json::from_str(text).unwrap();
        assert_eq!(
            table(&metadata).lines().nth(2),
            Some("| `out` | 0.10.0 | Apache-2.0 | a, b (tests) |")
        );
    }
}
