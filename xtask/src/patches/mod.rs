//! `cargo xtask patches`: controls are broken in the source, and `prove` must say exactly which.
//!
//! Owns the checkout under the build folder, the building and running of each patched product, and
//! the comparison. A proof that stays green on broken source proves nothing; one in which another
//! verdict changes than those the patch names is not understood. What no request can show from
//! outside, such as a sync that is left out, must make a test of the source fail instead. Before
//! any patch the unpatched source must prove itself whole.

pub(crate) mod checkout;
mod dependants;
mod patch;
mod plan;
mod report;
mod trial;
pub(crate) mod version;

use std::{collections::BTreeSet, time::Duration};

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

/// Runs the patches whose name contains one of the arguments, or all.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    for line in run_matching(workspace, arguments)? {
        println!("{line}");
    }
    Ok(())
}

/// Runs every patch; answers with the lines that sum up.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    run_matching(workspace, &[])
}

fn run_matching(workspace: &Workspace, wanted: &[&str]) -> Result<Vec<String>, Failure> {
    let mut patches = Patch::all(&workspace.root().join("patches"))?;
    if let Some(name) = wanted
        .iter()
        .find(|name| !patches.iter().any(|patch| patch.name.contains(**name)))
    {
        return Err(Failure::stuck(
            format!("no patch is called {name}"),
            "see the names in patches/",
        ));
    }
    let meant = |patch: &Patch| wanted.iter().any(|name| patch.name.contains(name));
    patches.retain(|patch| wanted.is_empty() || meant(patch));
    if patches.is_empty() {
        return Ok(vec!["there are none".to_owned()]);
    }
    let tree = Tree::load(workspace.root())?;
    version::check(&tree)?;
    let dependants = Dependants::read(&tree)?;
    if wanted.is_empty() {
        unpatched(&patches, &dependants)?;
    }
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
    let groups = plan::groups(&patches, &dependants);
    for (at, group) in groups.iter().enumerate() {
        eprintln!("build {} of {}: {}", at + 1, groups.len(), names(group));
        rows.extend(run_group(&checkout, group, &before)?);
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    sum_up(&patches, &rows)
}

/// Runs patches on one copy. Where something is not as they say, each runs once more alone, so that
/// the one to blame is named.
fn run_group(checkout: &Checkout, group: &[&Patch], before: &Report) -> Result<Vec<Row>, Failure> {
    let start = clock();
    let differences = on_copy(checkout, group, || {
        trial::differences(checkout, group, before)
    })?;
    let took = clock() - start;
    let seconds = took.as_secs_f64();
    if let (false, [_, _, ..]) = (differences.is_empty(), group) {
        eprintln!("  not as they say, so one at a time: {seconds:.0} s");
        let mut rows = Vec::new();
        for patch in group {
            rows.extend(run_group(checkout, &[*patch], before)?);
        }
        if let (true, Some(first)) = (
            rows.iter().all(|row| row.differences.is_empty()),
            rows.first_mut(),
        ) {
            // Each alone does what it says, so together they hide something.
            let together = differences.iter();
            first.differences = together
                .map(|what| format!("{what}, together with {}", names(group)))
                .collect();
        }
        return Ok(rows);
    }
    let verdict = if differences.is_empty() {
        "broken as said"
    } else {
        "NOT as said"
    };
    eprintln!("  {}: {verdict}, {seconds:.0} s", names(group));
    for difference in &differences {
        eprintln!("    {difference}");
    }
    let share = took / u32::try_from(group.len()).unwrap_or(1).max(1);
    Ok(group
        .iter()
        .map(|patch| Row {
            name: patch.name.clone(),
            took: share,
            differences: differences.clone(),
        })
        .collect())
}

/// Does something while the copy is broken in every one of these ways, and mends it again.
fn on_copy<T>(
    checkout: &Checkout,
    group: &[&Patch],
    act: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    for patch in group {
        checkout.apply(patch)?;
    }
    let done = act();
    for patch in group.iter().rev() {
        checkout.revert(patch)?;
    }
    done
}

fn names(group: &[&Patch]) -> String {
    let names: Vec<&str> = group.iter().map(|patch| patch.name.as_str()).collect();
    names.join(", ")
}

/// Promises with a live probe that no patch breaks.
fn unpatched(patches: &[Patch], dependants: &Dependants) -> Result<(), Failure> {
    let named: BTreeSet<&String> = patches
        .iter()
        .flat_map(|patch| patch.breaks.union(&patch.covers))
        .collect();
    let missing: Vec<&str> = dependants
        .probed()
        .iter()
        .filter(|id| !named.contains(id))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::no(
        format!("no patch breaks {}", missing.join(", ")),
        "a probe that was never seen to fail on broken source proves little: write a patch, as \
         patches/README.md says",
    ))
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
            covers: BTreeSet::new(),
            files: BTreeSet::new(),
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
