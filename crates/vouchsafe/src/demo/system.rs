//! The systems a demo can show.
//!
//! Owns what a stage needs to know of each: its documents, its secrets and where side effects show.

use std::path::Path;

use control::{Secret, SystemRng, rng};
use serde_json::{Value, json};

use super::savings;
use crate::failure::Failure;

/// The variable in which a gate has the secret of its login client.
pub(super) const LOGIN_SECRET: &str = "LOGIN_CLIENT_SECRET";

/// A system this build can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum System {
    /// WhatsApp check-ins with students
    #[default]
    StudentOutreach,
    /// Calls of children, with keys and tokens for programs
    Helpline,
    /// Purchases of practices, with people who log in
    SavingsAnalysis,
}

impl System {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::StudentOutreach => "student-outreach",
            Self::Helpline => "helpline",
            Self::SavingsAnalysis => "savings-analysis",
        }
    }

    /// Its security document.
    pub(crate) const fn document(self) -> &'static str {
        match self {
            Self::StudentOutreach => student_outreach::SECURITY,
            Self::Helpline => helpline::SECURITY,
            Self::SavingsAnalysis => savings_analysis::SECURITY,
        }
    }

    /// Files beside its configuration, by name.
    pub(super) const fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::StudentOutreach => &[],
            Self::Helpline => &helpline::FILES,
            Self::SavingsAnalysis => &savings_analysis::FILES,
        }
    }

    /// Its configuration.
    pub(crate) const fn configuration(self) -> &'static str {
        match self {
            Self::StudentOutreach => student_outreach::CONFIGURATION,
            Self::Helpline => helpline::CONFIGURATION,
            Self::SavingsAnalysis => savings_analysis::CONFIGURATION,
        }
    }

    /// Fresh secrets for the environment of its gate, by variable.
    pub(super) fn secrets(self) -> Result<Vec<(&'static str, Secret)>, Failure> {
        Ok(match self {
            Self::StudentOutreach => {
                let register = format!("whsec_{}", seal::encode::base64(&random::<32>()?));
                let twilio = seal::encode::hex(&random::<16>()?);
                vec![
                    ("TWILIO_AUTH_TOKEN", Secret::new(twilio.into_bytes())),
                    (
                        "REGISTER_SIGNING_SECRET",
                        Secret::new(register.into_bytes()),
                    ),
                ]
            }
            Self::Helpline => Vec::new(),
            Self::SavingsAnalysis => {
                let secret = seal::encode::hex(&random::<32>()?);
                vec![(LOGIN_SECRET, Secret::new(secret.into_bytes()))]
            }
        })
    }

    /// Where side effects on its app show, if anywhere but in its answers.
    pub(super) fn observers(self, database: &Path) -> Option<Value> {
        match self {
            Self::StudentOutreach => {
                let query = "select body from message union all select text from wellbeing \
                             union all select body from registration union all select name from \
                             student";
                Some(json!([{ "database": database, "query": query }]))
            }
            Self::Helpline | Self::SavingsAnalysis => None,
        }
    }

    /// Client and people, as its login provider is told; none where nobody logs in.
    pub(super) fn people(self) -> Option<Value> {
        match self {
            Self::StudentOutreach | Self::Helpline => None,
            Self::SavingsAnalysis => Some(savings::known()),
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    rng::array(&SystemRng)
        .map_err(|fault| Failure::new(fault.to_string(), "check the operating system"))
}
