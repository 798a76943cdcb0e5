//! A request's place among those under way.
//!
//! Owns what one request takes of its app and of the gate: a connection for as long as it lasts, and
//! a place among the requests that their apps work on from the moment the app has all of it until
//! it begins to answer. An upload under way therefore keeps nobody from being served, and neither
//! does an answer that is read slowly. Refuses what there is no place for; gives everything back
//! when dropped.

use control::Refusal;

use super::refusals::{ALL_BUSY, APP_BUSY, APP_CONNECTIONS};
use crate::{core::CurrentSite, room::bound::Crowded, stages::Exchange};

/// What one request holds.
pub(super) struct Berth {
    site: CurrentSite,
    /// Its app; none where the gate's own echo stands in for it.
    app: Option<usize>,
    connected: bool,
    working: bool,
}

impl Berth {
    /// Whether this request would be refused now. Asked before it costs more than a look.
    pub(super) fn refuses(exchange: &Exchange) -> Option<Refusal> {
        let (site, index) = (exchange.site(), exchange.route()?.app);
        let (app, load) = (site.apps().get(index)?, site.loads().app(index)?);
        if load.requests.is_full(app.requests) {
            Some(APP_BUSY)
        } else if load.connections.is_full(app.connections) {
            Some(APP_CONNECTIONS)
        } else if site.loads().all.is_full(site.limits().requests) {
            Some(ALL_BUSY)
        } else {
            None
        }
    }

    /// Takes what a request needs, or waits for it. `app` is none for the echo, `whole` says
    /// whether all of its body is here.
    pub(super) async fn take(
        exchange: &Exchange,
        echo: bool,
        whole: bool,
    ) -> Result<Self, Refusal> {
        let app = exchange.route().map(|route| route.app).filter(|_| !echo);
        let mut berth = Self {
            site: exchange.site().clone(),
            app,
            connected: false,
            working: false,
        };
        let site = berth.site.clone();
        let app = app.and_then(|index| Some((site.apps().get(index)?, site.loads().app(index)?)));
        if let Some((app, load)) = app {
            let entered = load.connections.enter(app.connections).await;
            entered.map_err(|Crowded| APP_CONNECTIONS)?;
            berth.connected = true;
        }
        if whole {
            if let Some((app, load)) = app {
                let entered = load.requests.enter(app.requests).await;
                entered.map_err(|Crowded| APP_BUSY)?;
            }
            if let Err(Crowded) = site.loads().all.enter(site.limits().requests).await {
                if let Some((_, load)) = app {
                    load.requests.leave();
                }
                return Err(ALL_BUSY);
            }
            berth.working = true;
        }
        Ok(berth)
    }

    /// The app has all of the request.
    pub(super) fn works(&mut self) {
        if !std::mem::replace(&mut self.working, true) {
            if let Some(load) = self.app.and_then(|app| self.site.loads().app(app)) {
                load.requests.count();
            }
            self.site.loads().all.count();
        }
    }

    /// The app has begun to answer.
    pub(super) fn answers(&mut self) {
        if std::mem::replace(&mut self.working, false) {
            if let Some(load) = self.app.and_then(|app| self.site.loads().app(app)) {
                load.requests.leave();
            }
            self.site.loads().all.leave();
        }
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.answers();
        if self.connected
            && let Some(load) = self.app.and_then(|app| self.site.loads().app(app))
        {
            load.connections.leave();
        }
    }
}
