//! The way to a Redis or Valkey server.
//!
//! Owns one connection that many ask over, made when it is needed and made anew after it was lost,
//! with a growing pause between attempts. Refuses servers that forget on their own account: one that
//! evicts values when its memory is full would let a revoked session come back. While the server is
//! away everybody is told so at once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::redis::{Options, fault};
use crate::{
    StoreError,
    tls::{self, Duplex},
};

/// Most commands that wait for an answer on the connection.
const UNDER_WAY: usize = 1024;

/// Most commands that wait to be sent.
const TO_SEND: usize = 256;

pub(super) struct Door {
    pub(super) options: Options,
    state: Mutex<State>,
    /// Held by whoever makes the connection; others wait for it, and no longer than it may take.
    making: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    line: Option<MultiplexedConnection>,
    /// Counts the connections, so that a fault of an old one does not end a new one.
    made: u64,
    /// Why there is no connection.
    shut: Option<StoreError>,
    /// When one is tried for again; nobody waits for it after a connection was lost.
    again: Duration,
    pause: Duration,
}

impl Door {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            state: Mutex::default(),
            making: tokio::sync::Mutex::default(),
        }
    }

    /// Asks, and waits for the answer within the limit.
    pub(super) async fn ask<T: redis::FromRedisValue>(
        &self,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        let (mut line, made) = self.line().await?;
        let answered = timeout(
            self.options.patience.statement,
            command.query_async(&mut line),
        );
        let lost = match answered.await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => fault(&error, &self.options.place()),
            Err(_) => (StoreError::Slow, true),
        };
        if let (_, true) = lost {
            let mut state = self.state();
            if state.made == made {
                state.line = None;
                // Told from now on; whoever asks next tries at once all the same.
                state.shut = Some(lost.0.clone());
            }
        }
        Err(lost.0)
    }

    /// Why there is no connection.
    pub(super) fn failing(&self) -> Option<StoreError> {
        self.state().shut.clone()
    }

    /// The connection, or why there is none.
    async fn line(&self) -> Result<(MultiplexedConnection, u64), StoreError> {
        if let Some(known) = self.known() {
            return known;
        }
        let _making = self.making.lock().await;
        // Whoever made it before us knows.
        if let Some(known) = self.known() {
            return known;
        }
        // On the runtime of services, whichever task asks first.
        let options = self.options.clone();
        let made = self
            .options
            .service
            .spawn(async move { connect(&options).await });
        let made = made.await.unwrap_or(Err(StoreError::Stopped));
        let mut state = self.state();
        match made {
            Ok(line) => {
                let count = state.made.wrapping_add(1);
                *state = State {
                    line: Some(line.clone()),
                    made: count,
                    ..State::default()
                };
                Ok((line, count))
            }
            Err(why) => {
                let patience = &self.options.patience;
                state.pause = (state.pause * 2).clamp(patience.first, patience.longest);
                state.again = self.options.clock.monotonic() + state.pause;
                state.shut = Some(why.clone());
                Err(why)
            }
        }
    }

    /// What is known without asking the server; `None` where it is time to try.
    fn known(&self) -> Option<Result<(MultiplexedConnection, u64), StoreError>> {
        let state = self.state();
        if let Some(line) = &state.line {
            return Some(Ok((line.clone(), state.made)));
        }
        let early = self.options.clock.monotonic() < state.again;
        state.shut.clone().filter(|_| early).map(Err)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here is changed in two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(options: &Options) -> Result<MultiplexedConnection, StoreError> {
    let place = options.place();
    let limit = options.patience.connect;
    let connected = timeout(limit, shake_hands(options)).await;
    connected.unwrap_or_else(|_| {
        Err(StoreError::Unreachable {
            place,
            cause: format!("no connection within {} s", limit.as_secs_f32()),
        })
    })
}

async fn shake_hands(options: &Options) -> Result<MultiplexedConnection, StoreError> {
    let stream = stream(options).await?;
    let address = &options.address;
    let mut info = RedisConnectionInfo::default()
        .set_db(address.number().unwrap_or_default())
        .set_skip_set_lib_name();
    if let Some(user) = &address.user {
        info = info.set_username(user);
    }
    if let Some(password) = &address.password {
        // It was text when it was read.
        info = info.set_password(String::from_utf8_lossy(password.expose()));
    }
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(Some(options.patience.statement))
        .set_concurrency_limit(UNDER_WAY)
        .set_pipeline_buffer_size(TO_SEND);
    let refused = |error| match fault(&error, &options.place()) {
        (StoreError::Lost | StoreError::Slow, _) => StoreError::Unreachable {
            place: options.place(),
            cause: "it ended the connection".to_owned(),
        },
        // The driver passes on what the server refused at the door without its code.
        (StoreError::Failed { .. }, _) => StoreError::Denied {
            place: options.place(),
            cause: "it refuses user, password or the number of the database".to_owned(),
        },
        (other, _) => other,
    };
    let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (mut line, driver) = made.map_err(refused)?;
    tokio::spawn(driver);
    let about: String = redis::cmd("INFO")
        .query_async(&mut line)
        .await
        .map_err(refused)?;
    judge(&about, options)?;
    Ok(line)
}

async fn stream(options: &Options) -> Result<Box<dyn Duplex>, StoreError> {
    let (place, address) = (options.place(), &options.address);
    let unreachable = |cause: std::io::Error| StoreError::Unreachable {
        place: place.clone(),
        cause: cause.to_string(),
    };
    let stream = tls::dial(address).await.map_err(unreachable)?;
    if !address.tls {
        return Ok(stream);
    }
    let untrusted = |cause: String| StoreError::Untrusted {
        place: place.clone(),
        cause,
    };
    let Some(roots) = options.roots.clone() else {
        return Err(untrusted("no `ca` is named".to_owned()));
    };
    match roots.prove(address.host.clone(), stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(cause) => Err(match tls::is_about_trust(&cause) {
            Some(why) => untrusted(why),
            None => unreachable(cause),
        }),
    }
}

/// Refuses a server that takes no writes, or throws values away before their time.
fn judge(about: &str, options: &Options) -> Result<(), StoreError> {
    let said = |key: &str| {
        let mut lines = about.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.trim())
    };
    let place = options.place();
    if said("role").is_some_and(|role| role != "master") {
        return Err(StoreError::ReadOnly { place });
    }
    match (said("maxmemory"), said("maxmemory_policy")) {
        (Some("0"), _) | (_, Some("noeviction")) => Ok(()),
        _ => Err(StoreError::Forgetful { place }),
    }
}
