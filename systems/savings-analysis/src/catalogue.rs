//! What things cost elsewhere.
//!
//! Owns a short list of dental supplies and the matching against it: exact, by SKU first and by
//! description otherwise. What is not on the list has no match.

use serde::Serialize;

use crate::csv::Purchase;

/// SKU, description and price in cents.
const ITEMS: &[(&str, &str, u64)] = &[
    ("GLV-100", "nitrile gloves, 100", 749),
    ("CMP-A2", "composite syringe A2", 3_190),
    ("ANE-050", "articaine 4 %, 50 cartridges", 2_850),
    ("BUR-FG1", "diamond bur FG, round", 129),
    ("MSK-050", "surgical masks, 50", 495),
    ("ALG-500", "alginate, 500 g", 615),
];

/// How a purchase was matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    Sku,
    Description,
    Nothing,
}

/// A purchase, and what it could have cost.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(crate) purchase: Purchase,
    pub(crate) by: By,
    /// In cents for all of it; nothing where it was cheaper than the list.
    pub(crate) saving: u64,
}

pub(crate) fn matched(purchase: Purchase) -> Line {
    let by_sku = ITEMS.iter().find(|(sku, ..)| *sku == purchase.sku);
    let by_name = || {
        ITEMS
            .iter()
            .find(|(_, name, _)| name.eq_ignore_ascii_case(&purchase.description))
    };
    let (by, found) = match by_sku {
        Some(found) => (By::Sku, Some(found)),
        None => match by_name() {
            Some(found) => (By::Description, Some(found)),
            None => (By::Nothing, None),
        },
    };
    let saving = found.map_or(0, |(.., price)| {
        purchase
            .cents
            .saturating_sub(*price)
            .saturating_mul(purchase.quantity)
    });
    Line {
        purchase,
        by,
        saving,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(sku: &str, description: &str, cents: u64) -> Line {
        matched(Purchase {
            sku: sku.to_owned(),
            description: description.to_owned(),
            quantity: 10,
            cents,
        })
    }

    #[test]
    fn a_purchase_is_matched_exactly_or_not_at_all() {
        let line = bought("GLV-100", "gloves", 899);
        assert_eq!((line.by, line.saving), (By::Sku, 1500));
        let line = bought("X", "Surgical masks, 50", 500);
        assert_eq!((line.by, line.saving), (By::Description, 50));
        let line = bought("GLV-1000", "nitrile gloves", 899);
        assert_eq!((line.by, line.saving), (By::Nothing, 0));
        assert_eq!(bought("GLV-100", "", 700).saving, 0);
    }
}
