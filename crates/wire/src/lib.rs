//! HTTP/1.1 engine: framing, bodies, relaying; no policy.
//!
//! Owns the grammar of RFC 9112 and everything two HTTP parsers could read differently. Refuses
//! each of those shapes instead of choosing a reading. Trusts no byte from either side: answers of
//! the upstream are read as strictly as requests.
//!
//! The pure half, without sockets or time:
//!
//! 1. [`scan`]: classes of bytes and the walks over them;
//! 2. [`fields`]: field lines, known names, and which names speak of identity;
//! 3. [`target`]: the request target, its authority and the canonical path;
//! 4. [`head`], [`request`] and [`answer`]: heads, parsed as their bytes arrive;
//! 5. [`framing`]: where a body ends;
//! 6. [`chunked`]: the chunked coding, both ways;
//! 7. [`head_writer`]: heads on their way out;
//! 8. [`refusal`]: every reason to refuse, with status and clause.
//!
//! The half that waits, generic over any byte stream:
//!
//! 1. [`buffer`] and [`link`]: bytes in and out, with as few system calls as the stream allows;
//! 2. [`deadline`]: one timer for each connection;
//! 3. [`relay`]: one body on its way;
//! 4. [`exchange`]: a request and its answer, both ways at once;
//! 5. [`tunnel`]: two connections joined after 101;
//! 6. [`pool`]: idle upstream connections, and which of them may be used again.

pub mod answer;
pub mod buffer;
pub mod chunked;
mod connection;
pub mod deadline;
pub mod exchange;
pub mod fields;
pub mod framing;
pub mod head;
pub mod head_writer;
mod identity;
pub mod link;
mod message;
mod names;
mod path;
pub mod pool;
pub mod refusal;
pub mod relay;
pub mod request;
pub mod scan;
pub mod target;
pub mod tunnel;

#[doc(hidden)]
pub mod fuzz;

pub use answer::{Answer, AnswerHead, Asked};
pub use buffer::{Buffer, Outgoing};
pub use chunked::{ChunkStep, ChunkedDecoder};
pub use deadline::Deadline;
pub use exchange::{Allowed, BodyTimes, Exchange, ExchangeFault, Heard, Times};
pub use fields::{Field, Fields, Name, Single};
pub use framing::BodyFraming;
pub use head::{HeadLimits, Method, Parsed, Version};
pub use head_writer::{Clean, CleanText, HeadWriter, OwnName, WriteFault};
pub use link::{Link, Stream};
pub use pool::{Pool, PoolLimits, Upstream};
pub use refusal::{FramingRefusal, PathRefusal};
pub use relay::{Body, BodyFault};
pub use request::{Request, RequestHead};
pub use target::{Authority, TargetForm};
