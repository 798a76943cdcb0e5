//! Each sender's words.
//!
//! A driver owns what tells its bodies from others' (`fits`) and what its fields mean (`alerts`). The
//! source of each is the sender's own documentation, named in its head.

pub(crate) mod alertmanager;
pub(crate) mod datadog;
pub(crate) mod grafana;
pub(crate) mod newrelic;
pub(crate) mod opsgenie;
pub(crate) mod pagerduty;
pub(crate) mod zabbix;

#[cfg(test)]
mod tests;
