//! Running what the copy was built into: the product's proof of itself, and single tests.

use std::{collections::BTreeSet, time::Duration};

use super::{
    checkout::Checkout,
    patch::{Patch, Test},
    report::Report,
};
use crate::{
    command::{self, Said},
    failure::Failure,
    product::{BUILD, BUILD_LIMIT},
};

/// How long one proof or one test may take, and how long the patches that need them may in all.
const RUN_LIMIT: Duration = Duration::from_secs(180);

/// What is run on each patched product.
const PROOF: &[&str] = &["demo", "student-outreach", "--once", "--format", "json"];

/// What the unpatched source says: every promise must hold, and every test named must pass.
pub(super) fn baseline(checkout: &Checkout, patches: &[Patch]) -> Result<Report, Failure> {
    let tests: BTreeSet<&Test> = patches.iter().flat_map(|patch| &patch.fails).collect();
    for test in tests {
        if !passes(checkout, test)? {
            return Err(Failure::no(
                format!("{} {} fails without any patch", test.target, test.name),
                "mend the source before breaking it",
            ));
        }
    }
    if patches.iter().all(|patch| patch.breaks.is_empty()) {
        return Ok(Report::default());
    }
    let (said, report) = prove(checkout)?;
    if said.success {
        return Ok(report);
    }
    let broken: Vec<String> = report.broken().into_iter().collect();
    Err(Failure::no(
        match broken.as_slice() {
            [] => format!("the proof without any patch ended with {}", code(&said)),
            broken => format!("broken without any patch: {}", broken.join(", ")),
        },
        "mend the product before breaking it",
    ))
}

/// What a copy broken by these patches does that they do not say.
pub(super) fn differences(
    checkout: &Checkout,
    patches: &[&Patch],
    before: &Report,
) -> Result<Vec<String>, Failure> {
    let mut said = Vec::new();
    for test in patches.iter().flat_map(|patch| &patch.fails) {
        if passes(checkout, test)? {
            said.push(format!("{} still passes", test.name));
        }
    }
    let breaks: BTreeSet<String> = patches
        .iter()
        .flat_map(|patch| patch.breaks.iter().cloned())
        .collect();
    if !breaks.is_empty() {
        let (_, after) = prove(checkout)?;
        said.extend(after.differences(before, &breaks));
    }
    Ok(said)
}

fn prove(checkout: &Checkout) -> Result<(Said, Report), Failure> {
    build(checkout, BUILD)?;
    let said = command::listen(&mut checkout.product(PROOF), RUN_LIMIT)?;
    let report = Report::read(&said.stdout).map_err(|cause| {
        Failure::stuck(
            format!(
                "`vouchsafe {}` ended with {}: {cause}",
                PROOF.join(" "),
                code(&said)
            ),
            command::last_lines(&said.stderr, 10),
        )
    })?;
    Ok((said, report))
}

/// Whether a test passes. One that does not compile, does not exist or does not end is neither.
fn passes(checkout: &Checkout, test: &Test) -> Result<bool, Failure> {
    let alone_in_crate = ["--package", &test.package, "--locked", "--lib"];
    let by_target = ["--workspace", "--locked", "--test", &test.target];
    let target = match test.target.as_str() {
        "lib" => &alone_in_crate[..],
        _ => &by_target[..],
    };
    build(checkout, &[&["test", "--no-run"], target].concat())?;
    let alone = ["--", "--exact", &test.name];
    let arguments = [&["test"], target, &alone].concat();
    let said = command::listen(&mut checkout.cargo(&arguments), RUN_LIMIT)?;
    match (ran(&said.stdout), said.success) {
        ((1, 0), true) => Ok(true),
        ((0, 1), false) => Ok(false),
        _ => Err(Failure::stuck(
            format!(
                "{}::{} {} could not be run by itself",
                test.package, test.target, test.name
            ),
            format!(
                "see that there is such a test; it said:\n{}",
                command::last_lines(&said.stdout, 10)
            ),
        )),
    }
}

/// How many tests passed and failed, over every `test result:` line.
fn ran(stdout: &str) -> (u32, u32) {
    let count = |line: &str, what: &str| -> u32 {
        let before = line.split(what).next().filter(|before| *before != line);
        let number = before.and_then(|text| text.split_whitespace().next_back());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    stdout
        .lines()
        .filter(|line| line.starts_with("test result:"))
        .fold((0, 0), |(passed, failed), line| {
            (
                passed + count(line, " passed"),
                failed + count(line, " failed"),
            )
        })
}

fn build(checkout: &Checkout, arguments: &[&str]) -> Result<(), Failure> {
    let built = command::listen(&mut checkout.cargo(arguments), BUILD_LIMIT)?;
    if built.success {
        return Ok(());
    }
    Err(Failure::no(
        format!(
            "it does not compile:\n{}",
            command::last_lines(&built.stderr, 30)
        ),
        "bring the patch up to date with the source",
    ))
}

fn code(said: &Said) -> String {
    said.code
        .map_or_else(|| "a signal".to_owned(), |code| code.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_every_test_binary_are_counted() {
        let none = "test result: ok. 0 passed; 0 failed; 0 ignored; 3 filtered out\n";
        let failed = "test result: FAILED. 0 passed; 1 failed; 0 ignored; 3 filtered out\n";
        let passed = "running 1 test\ntest a ... ok\n\n\
                      test result: ok. 1 passed; 0 failed; 0 ignored\n";
        assert_eq!(ran(none), (0, 0));
        assert_eq!(ran(&format!("{none}{failed}")), (0, 1));
        assert_eq!(ran(&format!("{passed}{none}")), (1, 0));
        assert_eq!(ran("error: no test target named `x`"), (0, 0));
    }
}
