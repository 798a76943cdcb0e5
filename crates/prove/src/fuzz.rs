//! Fuzz bodies: plain functions over arbitrary bytes that assert what must always hold.
//!
//! Owns the reading of a document nobody wrote. Trusts nothing.

use std::sync::LazyLock;

use control::Catalogue;

use crate::document::{Document, numbers, quantity::Quantity, status};

/// A whole security document: reading it returns, each fault has a line of the file, and what the
/// status block replaces is the block alone.
pub fn document(data: &[u8]) {
    static CATALOGUE: LazyLock<Option<Catalogue>> = LazyLock::new(|| Catalogue::built_in().ok());
    let (Ok(text), Some(catalogue)) = (std::str::from_utf8(data), CATALOGUE.as_ref()) else {
        return;
    };
    match Document::read("fuzz.md", text, catalogue) {
        Ok(document) => {
            for sentence in &document.sentences {
                assert!(catalogue.get(&sentence.asked.promise).is_some());
            }
        }
        Err(faults) => {
            let lines = text.matches('\n').count() + 1;
            assert!(!faults.faults.is_empty());
            for fault in faults.faults {
                assert!((1..=lines).contains(&fault.line), "{}", fault.code);
            }
        }
    }
    if let Ok(renewed) = status::renew(text, "status of fuzz") {
        let again = status::renew(&renewed, "status of fuzz");
        assert_eq!(again.ok().as_ref(), Some(&renewed), "renewed twice");
    }
}

/// Numbers in a sentence and values of an anchor: reading returns, and an amount stands in the
/// sentence as it is said to.
pub fn amounts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = (Quantity::read(text), Quantity::count(text));
    for amount in numbers::amounts(text) {
        assert!(!amount.words.is_empty());
    }
}

/// An answer as the prover reads it: returns, whatever came.
pub fn answer(data: &[u8]) {
    crate::http::fuzz(data);
}
