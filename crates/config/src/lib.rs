//! Configuration loader: spans, hints, secret references.
