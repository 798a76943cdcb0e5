//! Names that no connection of ours goes to, whatever they resolve to.
//!
//! Owns the table of names that mean this machine, its network or the metadata service of a
//! provider. Refuses names of one label, which resolvers complete from their own settings. Trusts
//! nothing: an address behind any other name is judged as well.

use crate::target::Name;

/// A rule about names.
#[derive(Debug, PartialEq, Eq)]
pub struct NameRule {
    /// The rule: stable, for reports.
    pub rule: &'static str,
    /// The name it is about; names below it are refused as well. Empty for single labels and for
    /// names of our own.
    pub name: &'static str,
    /// Where it is written.
    pub source: &'static str,
    /// Whether an exception of the configuration may open it.
    pub opens: bool,
}

macro_rules! table {
    ($($rule:literal $name:literal, $source:literal, $opens:literal;)+) => {
        &[$(NameRule {
            rule: concat!("name.", $rule),
            name: $name,
            source: $source,
            opens: $opens,
        }),+]
    };
}

/// Every name.
pub const NAMES: &[NameRule] = table! {
    "metadata" "metadata.google.internal", "Google Cloud instance metadata", false;
    "metadata" "metadata.goog", "Google Cloud instance metadata", false;
    "metadata" "metadata.tencentyun.com", "Tencent Cloud instance metadata", false;
    "metadata" "metadata", "Google Cloud instance metadata", false;
    "metadata" "instance-data", "AWS instance metadata", false;
    "metadata" "instance-data.ec2.internal", "AWS instance metadata", false;
    "localhost" "localhost", "RFC 6761 section 6.3", true;
    "localhost" "localdomain", "the usual name of this machine in /etc/hosts", true;
    "local" "local", "RFC 6762 section 3", true;
    "internal" "internal", "ICANN board resolution 2024.07.29.06", true;
    "internal" "home.arpa", "RFC 8375", true;
    "onion" "onion", "RFC 7686", false;
    "alternative" "alt", "RFC 9476", false;
    "invalid" "invalid", "RFC 6761 section 6.4", false;
};

/// A name without a dot.
pub(crate) static SINGLE_LABEL: NameRule = NameRule {
    rule: "name.single-label",
    name: "",
    source: "resolvers complete it from their own settings",
    opens: true,
};

/// A name of this deployment.
pub(crate) static OWN: NameRule = NameRule {
    rule: "name.own",
    name: "",
    source: "it is a name of this deployment",
    opens: false,
};

/// The rule that refuses `name`; `own` are the names of this deployment.
pub(crate) fn rule_of(name: &Name, own: &[Name]) -> Option<&'static NameRule> {
    if own.contains(name) {
        return Some(&OWN);
    }
    NAMES
        .iter()
        .find(|rule| name.is_within(rule.name))
        .or_else(|| name.is_single_label().then_some(&SINGLE_LABEL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str) -> Option<&'static str> {
        let own = [Name::parse("coach.school.example").unwrap()];
        rule_of(&Name::parse(name).unwrap(), &own).map(|rule| rule.rule)
    }

    #[test]
    fn names_of_this_machine_its_network_and_its_provider_are_refused() {
        for (name, expected) in [
            ("localhost", "name.localhost"),
            ("LOCALHOST.", "name.localhost"),
            ("app.localhost", "name.localhost"),
            ("localhost.localdomain", "name.localhost"),
            ("printer.local", "name.local"),
            ("db.corp.internal", "name.internal"),
            ("router.home.arpa", "name.internal"),
            ("metadata.google.internal", "name.metadata"),
            ("metadata.goog", "name.metadata"),
            ("metadata.tencentyun.com", "name.metadata"),
            ("metadata", "name.metadata"),
            ("instance-data", "name.metadata"),
            ("keycloak", "name.single-label"),
            ("coach.school.example", "name.own"),
            ("COACH.school.example.", "name.own"),
        ] {
            assert_eq!(rule(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn names_that_only_look_like_those_are_not() {
        for name in [
            "localhost.example",
            "notlocalhost.example",
            "mylocal.example",
            "local.example",
            "xinternal.example",
            "metadata.example",
            "school.example",
            "x.coach.school.example",
        ] {
            assert_eq!(rule(name), None, "{name}");
        }
    }
}
