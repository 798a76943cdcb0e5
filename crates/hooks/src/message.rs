//! The bytes a provider signed, rebuilt from a delivery.
