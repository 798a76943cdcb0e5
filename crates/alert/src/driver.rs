//! The senders, and the reading of one body.
//!
//! Owns the list of drivers and the bounds of a delivery. Refuses a body that is no JSON object and one
//! with more alerts than are read; everything else is an alert with gaps.

use serde_json::Value;

use crate::{
    drivers,
    generic::Mapping,
    normal::{Alert, MAX_ALERTS},
};

/// A kind of sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Driver {
    /// Prometheus Alertmanager, webhook version 4.
    Alertmanager,
    /// Grafana, unified alerting and the alerting before it.
    Grafana,
    /// PagerDuty, webhooks v3.
    PagerDuty,
    /// Datadog.
    Datadog,
    /// New Relic.
    NewRelic,
    /// Opsgenie.
    Opsgenie,
    /// Zabbix, by a media type of the operator's.
    Zabbix,
}

/// Why a body gives no alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no JSON.
    #[error("the body is no JSON")]
    NotJson,
    /// It is JSON, and no object.
    #[error("the body is no JSON object")]
    NotAnObject,
    /// It is not of the shape this sender's bodies have.
    #[error("the body is not of the shape that this sender gives its alerts")]
    OtherShape,
    /// It has more alerts than are read.
    #[error("the body has more than {MAX_ALERTS} alerts")]
    TooMany,
}

impl Driver {
    /// All of them, in the order in which a body is looked at: Grafana's bodies have everything that
    /// Alertmanager's have, so it comes first.
    pub const ALL: [Self; 7] = [
        Self::Grafana,
        Self::Alertmanager,
        Self::PagerDuty,
        Self::Datadog,
        Self::NewRelic,
        Self::Opsgenie,
        Self::Zabbix,
    ];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::PagerDuty => "pagerduty",
            Self::Datadog => "datadog",
            Self::NewRelic => "newrelic",
            Self::Opsgenie => "opsgenie",
            Self::Zabbix => "zabbix",
        }
    }

    /// The driver with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether a body has what tells this sender's bodies from others'.
    #[must_use]
    pub fn fits(self, body: &Value) -> bool {
        match self {
            Self::Alertmanager => {
                drivers::alertmanager::fits(body) && !drivers::grafana::fits(body)
            }
            Self::Grafana => drivers::grafana::fits(body),
            Self::PagerDuty => drivers::pagerduty::fits(body),
            Self::Datadog => drivers::datadog::fits(body),
            Self::NewRelic => drivers::newrelic::fits(body),
            Self::Opsgenie => drivers::opsgenie::fits(body),
            Self::Zabbix => drivers::zabbix::fits(body),
        }
    }

    fn alerts(self, body: &Value) -> Result<Vec<Alert>, Unreadable> {
        match self {
            Self::Alertmanager => drivers::alertmanager::alerts(body),
            Self::Grafana => drivers::grafana::alerts(body),
            Self::PagerDuty => drivers::pagerduty::alerts(body),
            Self::Datadog => Ok(drivers::datadog::alerts(body)),
            Self::NewRelic => Ok(drivers::newrelic::alerts(body)),
            Self::Opsgenie => drivers::opsgenie::alerts(body),
            Self::Zabbix => Ok(drivers::zabbix::alerts(body)),
        }
    }
}

/// The alerts in a body of `driver`. None of them, where it only says that the endpoint works.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(driver: Driver, body: &[u8]) -> Result<Vec<Alert>, Unreadable> {
    let body = object(body)?;
    within(driver.alerts(&body)?)
}

/// The alerts in a body of a sender that `mapping` describes.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read_generic(mapping: &Mapping, body: &[u8]) -> Result<Vec<Alert>, Unreadable> {
    let body = object(body)?;
    within(mapping.alerts(&body)?)
}

/// A body that is a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Value, Unreadable> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Unreadable::NotAnObject)
    }
}

/// The elements of a list of alerts.
pub(crate) fn list(value: Option<&Value>) -> Result<&[Value], Unreadable> {
    let list = value
        .and_then(Value::as_array)
        .ok_or(Unreadable::OtherShape)?;
    if list.len() > MAX_ALERTS {
        return Err(Unreadable::TooMany);
    }
    Ok(list)
}

fn within(alerts: Vec<Alert>) -> Result<Vec<Alert>, Unreadable> {
    if alerts.len() > MAX_ALERTS {
        return Err(Unreadable::TooMany);
    }
    Ok(alerts.into_iter().map(Alert::finish).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_known_by_its_name() {
        for driver in Driver::ALL {
            assert_eq!(Driver::named(driver.name()), Some(driver));
        }
        assert_eq!(Driver::named("Grafana"), None);
    }

    #[test]
    fn what_is_no_object_is_no_alert() {
        for driver in Driver::ALL {
            assert_eq!(read(driver, b"x"), Err(Unreadable::NotJson));
            assert_eq!(read(driver, b""), Err(Unreadable::NotJson));
            assert_eq!(read(driver, b"[]"), Err(Unreadable::NotAnObject));
            assert_eq!(read(driver, b"null"), Err(Unreadable::NotAnObject));
        }
        let many = vec!["{}"; MAX_ALERTS + 1].join(",");
        let body = format!("{{\"alerts\":[{many}]}}");
        assert_eq!(
            read(Driver::Alertmanager, body.as_bytes()),
            Err(Unreadable::TooMany)
        );
    }
}
