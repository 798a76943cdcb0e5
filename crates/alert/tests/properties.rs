//! What holds for every body.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_within_bounds(bytes: Vec<u8>) {
        alert::fuzz::any_body(&bytes);
    }

    #[test]
    fn any_object_with_the_keys_of_senders_is_read_within_bounds(
        entries in prop::collection::vec(
            (
                "(alerts|status|groupKey|receiver|version|orgId|title|state|evalMatches|ruleId|event|alert|alert_id|alert_transition|alert_type|issueId|action|integrationId|event_id|trigger_id|event_value|event_severity)",
                "(0|1|\"x\"|\"4\"|null|true|\\[\\]|\\[\\{\\}\\]|\\{\\}|\\{\"event_type\":\"a.resolved\",\"resource_type\":\"b\",\"data\":\\{\\}\\}|\\{\"alertId\":7\\}|\"firing\"|1\\.5)",
            ),
            0..12,
        )
    ) {
        let fields: Vec<String> = entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        alert::fuzz::any_body(format!("{{{}}}", fields.join(",")).as_bytes());
    }
}
