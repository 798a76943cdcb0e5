//! Authenticate: whose credential this is.
