//! `cargo xtask patches`: one control at a time is broken in the source, and `prove` must say so.
//!
//! Owns the checkout under the build folder, the building and running of each patched product, and
//! the comparison. A proof that stays green on broken source proves nothing; one in which another
//! verdict changes than those the patch names is not understood. What no request can show from
//! outside, such as a sync that is left out, must make a test of the source fail instead. Before
//! any patch the unpatched source must prove itself whole.

pub(crate) mod checkout;
mod dependants;
mod patch;
mod report;
mod trial;
pub(crate) mod version;

use std::time::Duration;

use crate::{clock::clock, failure::Failure, tree::Tree, workspace::Workspace};

use checkout::Checkout;
use dependants::Dependants;
use patch::Patch;
use report::Report;

/// What became of one patch.
struct Row {
    name: String,
    took: Duration,
    /// What was not as the patch says.
    differences: Vec<String>,
}

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

/// Runs every patch; answers with the lines that sum up.
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
    let tree = Tree::load(workspace.root())?;
    version::check(&tree)?;
    let dependants = Dependants::read(&tree)?;
    let checkout = Checkout::make(workspace)?;
    // What can be said at once is said before anything is compiled.
    for patch in &patches {
        checkout.fits(patch)?;
        if !dependants.allow(&patch.breaks) {
            return Err(Failure::no(
                format!("{} breaks promises that do not hang together", patch.name),
                "break one control, or name the others as `dependants` in the catalogue",
            ));
        }
    }
    let start = clock();
    eprintln!("unpatched: the proof must end with 0, and every test named must pass");
    let before = trial::baseline(&checkout, &patches)?;
    let mut rows = Vec::new();
    let baseline = (clock() - start).as_secs_f64();
    eprintln!("unpatched: whole, {baseline:.0} s");
    for patch in &patches {
        rows.push(run_one(&checkout, patch, &before)?);
    }
    sum_up(&patches, &rows)
}

fn run_one(checkout: &Checkout, patch: &Patch, before: &Report) -> Result<Row, Failure> {
    let start = clock();
    checkout.apply(patch)?;
    let differences = trial::differences(checkout, patch, before);
    checkout.revert(patch)?;
    let row = Row {
        name: patch.name.clone(),
        took: clock() - start,
        differences: differences?,
    };
    let verdict = if row.differences.is_empty() {
        "broken as it says"
    } else {
        "NOT as it says"
    };
    eprintln!("{}: {verdict}, {:.0} s", row.name, row.took.as_secs_f64());
    Ok(row)
}

/// The table, or a failure that names what was not as the patches say.
fn sum_up(patches: &[Patch], rows: &[Row]) -> Result<Vec<String>, Failure> {
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            let name = &row.name;
            row.differences
                .iter()
                .map(move |what| format!("{name}: {what}"))
        })
        .collect();
    if !wrong.is_empty() {
        return Err(Failure::no(
            wrong.join("\n"),
            "sharpen the probe or the test, or correct the head of the patch",
        ));
    }
    let width = patches.iter().map(|patch| patch.name.len()).max();
    let width = width.unwrap_or_default();
    let mut lines: Vec<String> = patches
        .iter()
        .zip(rows)
        .map(|(patch, row)| {
            let seconds = row.took.as_secs_f64();
            format!(
                "{:<width$}  {seconds:>3.0} s  {}",
                patch.name,
                effect(patch)
            )
        })
        .collect();
    lines.push(format!(
        "{} of {0} broke exactly what they name",
        patches.len()
    ));
    Ok(lines)
}

/// What a patch breaks, in words.
fn effect(patch: &Patch) -> String {
    let promises = patch.breaks.iter().map(|id| format!("{id} broken"));
    let tests = patch
        .fails
        .iter()
        .map(|test| format!("{} fails", test.name));
    promises.chain(tests).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(name: &str) -> Patch {
        Patch {
            name: name.to_owned(),
            path: format!("{name}.patch").into(),
            breaks: ["a.promise".to_owned()].into(),
            fails: Vec::new(),
        }
    }

    fn row(name: &str, differences: &[&str]) -> Row {
        Row {
            name: name.to_owned(),
            took: Duration::from_secs(7),
            differences: differences.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn patches_that_do_what_they_say_fill_a_table() {
        let lines = sum_up(
            &[patch("long"), patch("s")],
            &[row("long", &[]), row("s", &[])],
        );
        assert_eq!(
            lines.unwrap(),
            [
                "long    7 s  a.promise broken",
                "s       7 s  a.promise broken",
                "2 of 2 broke exactly what they name",
            ]
        );
    }

    #[test]
    fn every_difference_is_said() {
        let rows = [
            row("one", &["x is kept, not broken"]),
            row("two", &["y", "z"]),
        ];
        let failure = sum_up(&[patch("one"), patch("two")], &rows).unwrap_err();
        let said = failure.to_string();
        assert!(
            said.starts_with("one: x is kept, not broken\ntwo: y\ntwo: z\n"),
            "{said}"
        );
        assert_eq!(failure.exit(), 1);
    }
}
