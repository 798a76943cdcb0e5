//! Whether the app can be reached around the gate.

use std::net::SocketAddr;

use control::{Asked, Probe, Sheet, Target, probe::TargetError, sheet::Met};

/// Attacks `app.only-behind-gate`: dials every app on every interface but loopback.
pub(super) struct OnlyBehindGate;

impl Probe for OnlyBehindGate {
    fn promise(&self) -> &'static str {
        "app.only-behind-gate"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let facts = at.facts();
        if facts.interfaces.is_empty() {
            sheet.unproven("this machine has no interface but loopback to dial the app from");
        }
        for app in &facts.apps {
            if !app.local {
                sheet.unproven(format!(
                    "{} runs on another machine: dial it from a third to know who reaches it",
                    app.name
                ));
                continue;
            }
            let behind = at.reach(app.upstream);
            for interface in &facts.interfaces {
                let address = SocketAddr::new(*interface, app.upstream.port());
                let reached = at.reach(address);
                sheet.pair(
                    format!("dial {} on the interface {interface}", app.name),
                    Met::when(!reached, if reached { "connected" } else { "refused" }),
                    Met::when(
                        behind,
                        if behind {
                            "connected where the gate dials"
                        } else {
                            "down"
                        },
                    ),
                );
            }
        }
        Ok(())
    }
}
