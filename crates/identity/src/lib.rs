//! API keys: format, digest, snapshot, scopes.
