//! HTTP/1.1 engine: framing, bodies, relaying; no policy.
