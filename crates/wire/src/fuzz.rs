//! Fuzz bodies: plain functions over arbitrary bytes that assert what must always hold.
