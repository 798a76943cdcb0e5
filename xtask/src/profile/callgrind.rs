//! What callgrind writes.
//!
//! Owns the reading of its format (version 1, as of Valgrind's manual section 6.6): for each
//! function what it and everything it called cost. Positions in the source are passed over.

use std::collections::HashMap;

/// Inclusive cost of each function of one thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    inclusive: HashMap<String, u64>,
    total: u64,
}

impl Costs {
    /// Reads the profile of one thread.
    pub(crate) fn read(text: &str) -> Self {
        let mut costs = Self::default();
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut function = "";
        let mut calling = false;
        for line in text.lines() {
            if let Some(named) = line.strip_prefix("fn=") {
                function = name(named, &mut names);
            } else if let Some(named) = line.strip_prefix("cfn=") {
                name(named, &mut names);
            } else if line.starts_with("calls=") {
                calling = true;
            } else if line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '*'))
            {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
                let cost: u64 = cost.unwrap_or(0);
                *costs.inclusive.entry(function.to_owned()).or_default() += cost;
                // The cost of a call is counted where it is spent as well.
                if !std::mem::take(&mut calling) {
                    costs.total += cost;
                }
            }
        }
        costs
    }

    /// What the thread spent in all.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// What was spent in and below the functions whose names begin with `prefix`.
    pub(crate) fn below(&self, prefix: &str) -> u64 {
        let under = self.inclusive.iter();
        under
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(_, cost)| cost)
            .sum()
    }
}

/// A name, given whole the first time and by its number from then on.
fn name<'t>(named: &'t str, names: &mut HashMap<&'t str, &'t str>) -> &'t str {
    let Some((number, rest)) = named.split_once(')') else {
        return named;
    };
    let rest = rest.trim_start();
    if rest.is_empty() {
        return names.get(number).copied().unwrap_or_default();
    }
    names.insert(number, rest);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_for_its_caller_and_once_in_all() {
        let text = "version: 1\nevents: Ir\n\nfn=(1) a::judge\n10 5\n+1 7\ncfn=(2) b::find\n\
                    calls=3 20\n11 30\n\nfn=(2)\n20 30\n\nfn=(3) a::judge::{closure}\n* 2\n\
                    totals: 44\n";
        let costs = Costs::read(text);
        assert_eq!(costs.total(), 44);
        assert_eq!(costs.below("b::find"), 30);
        assert_eq!(costs.below("a::judge"), 44);
        assert_eq!(costs.below("c"), 0);
    }
}
