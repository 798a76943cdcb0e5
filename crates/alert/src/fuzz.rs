//! Bodies of the fuzz targets, callable from tests.

use crate::{
    driver::{Driver, read},
    normal::{Alert, Gap, MAX_ALERTS, MAX_DESCRIPTION, MAX_LABELS, MAX_NAME, MAX_VALUE},
    sniff::{Attribution, attribute},
};

/// Reads `bytes` as a body of every sender. Never panics; what comes out is within its bounds, and
/// what it does not say is a gap. A body is one sender's only if that sender's driver reads it.
pub fn any_body(bytes: &[u8]) {
    for driver in Driver::ALL {
        if let Ok(alerts) = read(driver, bytes) {
            assert!(alerts.len() <= MAX_ALERTS);
            alerts.iter().for_each(whole);
        }
    }
    if let Ok(Attribution::One(driver)) = attribute(bytes) {
        // It may still have more than is read, or lack what its shape needs.
        let _ = read(driver, bytes);
    }
}

fn whole(alert: &Alert) {
    let gaps = &alert.mapping_gaps;
    assert!(alert.name.len() <= MAX_NAME);
    assert!(
        alert
            .description
            .as_ref()
            .is_none_or(|it| it.len() <= MAX_DESCRIPTION)
    );
    for labels in [&alert.labels, &alert.annotations] {
        assert!(labels.len() <= MAX_LABELS);
        assert!(
            labels
                .iter()
                .all(|(name, value)| name.len() <= MAX_NAME && value.len() <= MAX_VALUE)
        );
    }
    assert_eq!(
        alert.fingerprint.is_none(),
        gaps.contains(&Gap::Fingerprint)
    );
    assert_eq!(alert.name.is_empty(), gaps.contains(&Gap::Name));
    let unknown = gaps.iter().any(|gap| matches!(gap, Gap::Status(_)));
    assert_eq!(alert.status.is_none(), unknown);
}
