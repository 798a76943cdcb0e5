//! What clients and upstream do, read from any bytes.

/// Clients of a script.
pub(super) const CLIENTS: usize = 3;

/// Most steps of a script.
const MOST_STEPS: usize = 24;

/// Bytes of a step.
const STEP: usize = 8;

/// What the upstream does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers with a length.
    Length,
    /// Answers in chunks.
    Chunked,
    /// Answers in dribs and drabs.
    Dribble,
    /// Answers `Connection: close`, and does.
    SaysClose,
    /// 100 Continue, then reads the body and answers.
    Continue,
    /// A few interim answers first.
    Interim,
    /// Answers 204.
    Empty,
    /// Answers with a body up to the end of the connection.
    UntilClose,
    /// Answers, then closes without having said so.
    Closes,
    /// Answers, with an answer nobody asked for right behind it.
    Surplus,
    /// The same behind a chunked answer.
    ChunkedSurplus,
    /// Answers, and sends an answer nobody asked for while the connection is idle.
    LateSurplus,
    /// Answers before it has read the body, then reads it.
    Early,
    /// Answers before it has read the body, and closes.
    EarlyClose,
    /// Sends half of its answer and closes.
    Cut,
    /// Sends half of its head and closes.
    CutHead,
    /// Closes without a byte.
    Silent,
    /// More interim answers than anybody needs.
    Storm,
    /// A body behind 204.
    BodyBehindEmpty,
    /// Two lengths.
    TwoLengths,
    /// Answers long after the request, when its client may have left.
    Late,
    /// Closes when it is asked for the next thing.
    ClosesAtNext,
}

impl Behaviour {
    const ALL: [Self; 22] = [
        Self::Length,
        Self::Chunked,
        Self::Dribble,
        Self::SaysClose,
        Self::Continue,
        Self::Interim,
        Self::Empty,
        Self::UntilClose,
        Self::Closes,
        Self::Surplus,
        Self::ChunkedSurplus,
        Self::LateSurplus,
        Self::Early,
        Self::EarlyClose,
        Self::Cut,
        Self::CutHead,
        Self::Silent,
        Self::Storm,
        Self::BodyBehindEmpty,
        Self::TwoLengths,
        Self::Late,
        Self::ClosesAtNext,
    ];

    /// Those that keep to HTTP and keep their connection, or say that they do not: a gate has no
    /// reason to refuse any request answered so.
    pub const SOUND: usize = 8;

    fn is_sound(self) -> bool {
        Self::ALL.iter().take(Self::SOUND).any(|it| *it == self)
    }
}

/// How a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// GET, which has no body.
    Get,
    /// PUT with a length.
    Put,
    /// POST with a length.
    Post,
    /// POST in chunks.
    Chunked,
    /// POST with a length that waits for 100 Continue.
    Expects,
    /// HEAD.
    Head,
}

/// One request, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Which client asks.
    pub client: usize,
    /// How.
    pub asks: Asks,
    /// What the upstream does.
    pub behaviour: Behaviour,
    /// Bytes of the request's body.
    pub length: usize,
    /// Bytes of the answer's body.
    pub answer: usize,
    /// Most bytes the client sends at once.
    pub piece: usize,
    /// Where the client gives up, in 64ths of its request; absent: never.
    pub gives_up: Option<usize>,
    /// Whether giving up is a close of the sending side alone.
    pub half: bool,
    /// Whether the next request is sent before this one is answered.
    pub pipelined: bool,
    /// Whether the request says `Connection: close`.
    pub closes: bool,
    /// Turns the client lets pass before it asks.
    pub pause: usize,
}

impl Step {
    fn read(bytes: [u8; STEP]) -> Self {
        let [client, shape, behaviour, low, high, piece, ending, answer] = bytes;
        let asks = match shape & 7 {
            0 | 1 => Asks::Get,
            2 => Asks::Put,
            3 | 4 => Asks::Post,
            5 => Asks::Chunked,
            6 => Asks::Expects,
            _ => Asks::Head,
        };
        let behaviour = Behaviour::ALL
            .get(usize::from(behaviour) % Behaviour::ALL.len())
            .copied()
            .unwrap_or(Behaviour::Length);
        let length = match asks {
            Asks::Get | Asks::Head => 0,
            _ => usize::from(u16::from_le_bytes([low, high & 0x3f])),
        };
        Self {
            client: usize::from(client & 0x0f) % CLIENTS,
            asks,
            behaviour,
            length,
            // Whole buffers of the engine are among them: nothing shows behind a full read.
            answer: usize::from(answer) * 64,
            piece: match piece {
                0 => usize::MAX,
                size => usize::from(size) * 9,
            },
            gives_up: (ending & 0x80 != 0).then_some(usize::from(ending & 0x3f)),
            half: ending & 0x40 != 0,
            pipelined: shape & 8 != 0,
            closes: shape & 0x70 == 0x70,
            pause: usize::from(client >> 4),
        }
    }

    /// Whether the gate may send it a second time.
    pub(super) fn is_repeatable(&self) -> bool {
        self.length == 0 && !matches!(self.asks, Asks::Post | Asks::Chunked | Asks::Expects)
    }

    /// Whether the client sends all of it.
    pub(super) fn is_whole(&self) -> bool {
        self.gives_up.is_none()
    }
}

/// Requests in the order in which their clients send them.
#[derive(Clone, Debug)]
pub struct Script {
    /// The requests; each one's mark is its place.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads any bytes as a script.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let (steps, _) = bytes.as_chunks::<STEP>();
        let steps = steps.iter().take(MOST_STEPS).copied().map(Step::read);
        Self {
            steps: steps.collect(),
        }
    }

    /// The same script without misbehaviour: nobody gives up and the upstream is sound.
    #[must_use]
    pub fn made_sound(mut self) -> Self {
        for (at, step) in self.steps.iter_mut().enumerate() {
            step.gives_up = None;
            step.closes = false;
            if !step.behaviour.is_sound() {
                step.behaviour = Behaviour::ALL
                    .get(at % Behaviour::SOUND)
                    .copied()
                    .unwrap_or(Behaviour::Length);
            }
        }
        self
    }
}
