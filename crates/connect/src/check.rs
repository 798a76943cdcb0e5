//! The window behind `egress check`: what would become of a URL, without connecting.
//!
//! Owns the order of the questions, which is that of a connection: the text, the port and the name,
//! the lookup, every address. Refuses nothing itself; trusts the policy.

use std::net::IpAddr;

use control::Timestamp;

use crate::{
    policy::Policy,
    refused::Refused,
    resolve::{LookupFault, Resolve},
    target::{Destination, Target},
};

/// What would become of a URL.
#[derive(Debug)]
pub struct Verdict {
    /// Whom it speaks to; absent where the text is refused.
    pub destination: Option<Destination>,
    /// Every address it leads to, with what refuses it; empty where nothing was resolved.
    pub addresses: Vec<(IpAddr, Option<Refused>)>,
    /// Why it is refused; absent where it is allowed.
    pub refused: Option<Refused>,
}

impl Verdict {
    fn refused(destination: Option<Destination>, refused: Refused) -> Self {
        Self {
            destination,
            addresses: Vec::new(),
            refused: Some(refused),
        }
    }

    /// Whether public addresses stand beside refused ones: the mark of a name that is turned on
    /// whoever resolves it.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        let refused = |at: &(IpAddr, Option<Refused>)| at.1.is_some();
        self.addresses.iter().any(refused) && !self.addresses.iter().all(refused)
    }
}

/// Says what would become of `url`.
///
/// # Errors
///
/// When its name cannot be resolved: then there is nothing to say.
pub async fn check(
    url: &str,
    policy: &Policy,
    resolver: &dyn Resolve,
    now: Timestamp,
) -> Result<Verdict, LookupFault> {
    let target = match Target::parse(url) {
        Ok(target) => target,
        Err(fault) => return Ok(Verdict::refused(None, fault.into())),
    };
    let destination = target.destination();
    let admitted = match policy.admit(destination, now) {
        Ok(admitted) => admitted,
        Err(refused) => return Ok(Verdict::refused(Some(destination.clone()), refused)),
    };
    let answer = admitted.answer(resolver).await?;
    let each = |address: &IpAddr| (*address, admitted.judge_address(*address).err());
    Ok(Verdict {
        destination: Some(destination.clone()),
        addresses: answer.addresses.iter().map(each).collect(),
        refused: admitted.judge(&answer).err(),
    })
}
