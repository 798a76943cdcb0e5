//! Whose body it is, where the endpoint does not say.
//!
//! Owns the one rule: exactly one driver knows a body by what no other sender's bodies have. Anything
//! else is nobody's, and is kept for a person instead of being guessed. Only for an endpoint that has
//! already made sure who sends: what a body says of itself is not evidence of that.

use crate::driver::{Driver, Unreadable, object};

/// Whose body it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// This driver's and nobody else's.
    One(Driver),
    /// Nobody's that is known.
    Nobody,
    /// It could be any of these.
    Several(Vec<Driver>),
}

/// Looks at a body for what tells senders apart.
///
/// # Errors
///
/// [`Unreadable`] where it is no JSON object.
pub fn attribute(body: &[u8]) -> Result<Attribution, Unreadable> {
    let body = object(body)?;
    let fitting: Vec<Driver> = Driver::ALL
        .into_iter()
        .filter(|it| it.fits(&body))
        .collect();
    Ok(match fitting.as_slice() {
        [] => Attribution::Nobody,
        [one] => Attribution::One(*one),
        _ => Attribution::Several(fitting),
    })
}
