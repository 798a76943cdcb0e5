//! The targets as `fuzz/Cargo.toml` names them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{failure::Failure, workspace::Workspace};

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: String,
    /// The most bytes of an input.
    pub(super) largest: usize,
    /// The dictionary it draws words from: a file in `fuzz/dictionaries`, absolute.
    pub(super) dictionary: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    targets: BTreeMap<String, Given>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    largest: usize,
    dictionary: Option<String>,
}

/// The targets called `names`, or all.
pub(super) fn choose(workspace: &Workspace, names: &[String]) -> Result<Vec<Target>, Failure> {
    let path = workspace.root().join("fuzz/Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|cause| Failure::io(&path, &cause))?;
    let mut targets = read(&text)?;
    for target in &mut targets {
        if let Some(name) = &mut target.dictionary {
            let file = format!("fuzz/dictionaries/{name}.dict");
            *name = workspace.root().join(file).display().to_string();
        }
    }
    if let Some(unknown) = names
        .iter()
        .find(|name| !targets.iter().any(|target| target.name == **name))
    {
        let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        return Err(Failure::stuck(
            format!("there is no target called {unknown}"),
            format!("one of: {}", known.join(", ")),
        ));
    }
    targets.retain(|target| names.is_empty() || names.contains(&target.name));
    Ok(targets)
}

fn read(text: &str) -> Result<Vec<Target>, Failure> {
    let manifest: Manifest = toml::from_str(text)
        .map_err(|cause| Failure::stuck(format!("fuzz/Cargo.toml: {cause}"), "mend the table"))?;
    let targets = manifest.package.metadata.targets;
    let target = |(name, given): (String, Given)| Target {
        name,
        largest: given.largest,
        dictionary: given.dictionary,
    };
    Ok(targets.into_iter().map(target).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"f\"\n[package.metadata.targets]\n\
                            path = { largest = 9, dictionary = \"http\" }\nnote = { largest = 8 }\n";

    #[test]
    fn targets_are_read_from_the_manifest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("fuzz")).unwrap();
        std::fs::write(folder.path().join("fuzz/Cargo.toml"), MANIFEST).unwrap();
        let workspace = Workspace::at(folder.path());
        let all = choose(&workspace, &[]).unwrap();
        let names: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(names, ["note", "path"]);
        let one = choose(&workspace, &["path".to_owned()]).unwrap();
        assert!(
            matches!(&one[..], [path] if path.dictionary.as_ref().unwrap().ends_with("http.dict"))
        );
        let failure = choose(&workspace, &["pat".to_owned()]).unwrap_err();
        assert!(failure.to_string().contains("note, path"), "{failure}");
    }
}
