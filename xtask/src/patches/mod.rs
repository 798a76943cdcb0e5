//! `cargo xtask patches`: one control at a time is broken in the source, and `prove` must say so.
//!
//! Owns the checkout under the build folder, the building and running of each patched product, and
//! the comparison. A proof that stays green on broken source proves nothing; one that turns more
//! rows broken than the patch names is not understood. Before any patch the unpatched source must
//! have no broken promise.

mod checkout;
mod patch;
mod report;

use std::{collections::BTreeSet, time::Duration};

use crate::{command, failure::Failure, workspace::Workspace};

use checkout::Checkout;
use patch::Patch;
use report::Report;

/// How long one build may take: the first one compiles everything.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// How long one proof may take.
const PROOF_LIMIT: Duration = Duration::from_secs(180);

/// What is run on each patched product.
const PROOF: &[&str] = &["demo", "student-outreach", "--once", "--format", "json"];

/// Runs the patches whose name contains the argument, or all.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let wanted = match arguments {
        [] => "",
        [name] => name,
        _ => {
            return Err(Failure::stuck(
                "too many names",
                "run `cargo xtask patches [NAME]`",
            ));
        }
    };
    for line in run_matching(workspace, wanted)? {
        println!("{line}");
    }
    Ok(())
}

/// Runs every patch; answers with one line that sums up.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    run_matching(workspace, "")
}

fn run_matching(workspace: &Workspace, wanted: &str) -> Result<Vec<String>, Failure> {
    let mut patches = Patch::all(&workspace.root().join("patches"))?;
    patches.retain(|patch| patch.name.contains(wanted));
    if patches.is_empty() {
        return match wanted {
            "" => Ok(vec!["there are none".to_owned()]),
            name => Err(Failure::stuck(
                format!("no patch is called {name}"),
                "see the names in patches/",
            )),
        };
    }
    let checkout = Checkout::make(workspace)?;
    eprintln!("unpatched: every promise must hold");
    let before = prove(&checkout)?;
    if !before.broken.is_empty() {
        return Err(Failure::no(
            format!("broken without any patch: {}", words(&before.broken)),
            "mend the product before breaking it",
        ));
    }
    let mut failed = Vec::new();
    for patch in &patches {
        eprintln!("{}: must break {}", patch.name, words(&patch.breaks));
        checkout.apply(patch)?;
        let after = prove(&checkout);
        checkout.revert(patch)?;
        match judge(patch, &before, &after?) {
            Ok(()) => eprintln!("{}: broken as it must be", patch.name),
            Err(difference) => {
                eprintln!("{}: {difference}", patch.name);
                failed.push(patch.name.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(vec![format!(
            "{} of {0} turned exactly the named promises broken",
            patches.len()
        )]);
    }
    Err(Failure::no(
        format!(
            "the proof is not what these patches say: {}",
            failed.join(", ")
        ),
        "sharpen the probe, or correct the `# breaks:` line of the patch",
    ))
}

/// Compares what a patch breaks with what it must.
fn judge(patch: &Patch, before: &Report, after: &Report) -> Result<(), String> {
    let missed: BTreeSet<String> = patch.breaks.difference(&after.broken).cloned().collect();
    let surplus: BTreeSet<String> = after.broken.difference(&patch.breaks).cloned().collect();
    let erred: BTreeSet<String> = after.erred.difference(&before.erred).cloned().collect();
    let said: Vec<String> = [
        (missed, "still held"),
        (surplus, "broke as well"),
        (erred, "could not be probed"),
    ]
    .iter()
    .filter(|(promises, _)| !promises.is_empty())
    .map(|(promises, what)| format!("{what}: {}", words(promises)))
    .collect();
    if said.is_empty() {
        Ok(())
    } else {
        Err(said.join("; "))
    }
}

fn prove(checkout: &Checkout) -> Result<Report, Failure> {
    let mut build = checkout.cargo(&["build", "--locked", "--package", "vouchsafe"]);
    let built = command::listen(&mut build, BUILD_LIMIT)?;
    if !built.success {
        return Err(Failure::no(
            format!(
                "it does not compile:\n{}",
                command::last_lines(&built.stderr, 30)
            ),
            "bring the patch up to date with the source",
        ));
    }
    let mut proof = checkout.product(PROOF);
    let said = command::listen(&mut proof, PROOF_LIMIT)?;
    Report::read(&said.stdout).map_err(|cause| {
        let code = said
            .code
            .map_or("a signal".to_owned(), |code| code.to_string());
        Failure::stuck(
            format!("`vouchsafe {}` ended with {code}: {cause}", PROOF.join(" ")),
            command::last_lines(&said.stderr, 10),
        )
    })
}

fn words(promises: &BTreeSet<String>) -> String {
    promises.iter().cloned().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn report(broken: &[&str], erred: &[&str]) -> Report {
        Report {
            broken: set(broken),
            erred: set(erred),
        }
    }

    fn patch(breaks: &[&str]) -> Patch {
        Patch {
            name: "x".to_owned(),
            path: "x.patch".into(),
            breaks: set(breaks),
        }
    }

    #[test]
    fn exactly_the_named_promises_pass() {
        let before = report(&[], &["old.error"]);
        let after = report(&["a", "b"], &["old.error"]);
        assert_eq!(judge(&patch(&["a", "b"]), &before, &after), Ok(()));
    }

    #[test]
    fn one_that_holds_one_too_many_and_a_new_error_are_told_apart() {
        let before = report(&[], &[]);
        let after = report(&["b"], &["c"]);
        assert_eq!(
            judge(&patch(&["a"]), &before, &after).unwrap_err(),
            "still held: a; broke as well: b; could not be probed: c"
        );
    }
}
