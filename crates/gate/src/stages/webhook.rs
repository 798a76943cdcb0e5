//! Webhook: whether the provider sent these very bytes, and whether it did so before.
