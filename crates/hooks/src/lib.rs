//! Webhook scheme engine.
