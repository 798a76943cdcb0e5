//! What a route takes: plain values that cannot contradict themselves.
//!
//! Owns the limits of uploads and the layouts of CSV files. Refuses rules that can never be met,
//! such as a least above a most, when they are made. Reading them out of a configuration is done
//! further up; every fault here says which value is wrong.

use std::sync::Arc;
use std::time::Duration;

use crate::kind::{Kind, Kinds};

/// Why rules cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// A limit that must be at least one is zero.
    #[error("`{0}` must be at least 1")]
    Zero(&'static str),
    /// The least is above the most.
    #[error("the least of `{0}` is above the most")]
    Range(&'static str),
    /// A value above what this build can judge.
    #[error("`{name}` is above {most}")]
    Above {
        /// The value.
        name: &'static str,
        /// The most.
        most: u64,
    },
    /// No kinds of file.
    #[error("no kind of file is accepted")]
    NoKinds,
    /// A kind that the section does not speak of.
    #[error("`{0}` is not a kind of this section")]
    ForeignKind(Kind),
    /// No delimiters, or one twice.
    #[error("delimiters must be named, each once")]
    Delimiters,
    /// A delimiter that cannot stand between cells.
    #[error("a delimiter is one of comma, semicolon, tab, pipe and colon")]
    Delimiter,
    /// A layout without name or columns.
    #[error("a layout needs a name and at least one required column")]
    EmptyLayout,
    /// Two columns of a layout, or two layouts, have one name.
    #[error("`{0}` stands twice")]
    Twice(String),
    /// A column name with control characters or of more than 255 bytes.
    #[error("column {column} of layout `{layout}` has a name no header can have")]
    ColumnName {
        /// The layout.
        layout: String,
        /// The column, from 1.
        column: usize,
    },
    /// A layout with more columns than a row may have.
    #[error("layout `{0}` has more columns than a row may have")]
    WideLayout(String),
}

const fn positive(name: &'static str, value: u64) -> Result<(), RuleFault> {
    if value == 0 {
        Err(RuleFault::Zero(name))
    } else {
        Ok(())
    }
}

/// A least and a most, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<T> {
    low: T,
    high: T,
}

impl<T: Copy + Ord> Span<T> {
    /// # Errors
    ///
    /// [`RuleFault::Range`] when `low` is above `high`.
    pub fn new(name: &'static str, low: T, high: T) -> Result<Self, RuleFault> {
        if low > high {
            Err(RuleFault::Range(name))
        } else {
            Ok(Self { low, high })
        }
    }

    /// The least.
    pub const fn low(&self) -> T {
        self.low
    }

    /// The most.
    pub const fn high(&self) -> T {
        self.high
    }

    /// Whether `value` lies within.
    pub fn contains(&self, value: T) -> bool {
        self.low <= value && value <= self.high
    }
}

/// When the bytes of a file may go on to the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// When the whole file has been judged: nothing of a refused upload reaches the app.
    #[default]
    Whole,
    /// When the head has been judged, for kinds whose structure is walked as it streams (WAV and
    /// images). A fault further on cuts the request to the app off in the middle.
    Head,
}

/// A column of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, exactly as in the header.
    pub name: String,
    /// Whether a header without it is refused.
    pub required: bool,
}

/// A known header of CSV files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    name: String,
    columns: Vec<Column>,
    ordered: bool,
}

impl Layout {
    /// A layout whose columns stand in this order (`ordered`) or in any.
    ///
    /// # Errors
    ///
    /// No name, no required column, a column twice, or a name no header can have.
    pub fn new(name: &str, columns: Vec<Column>, ordered: bool) -> Result<Self, RuleFault> {
        if name.is_empty() || !columns.iter().any(|column| column.required) {
            return Err(RuleFault::EmptyLayout);
        }
        for (at, column) in columns.iter().enumerate() {
            let text = column.name.as_str();
            if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
                let layout = name.to_owned();
                return Err(RuleFault::ColumnName {
                    layout,
                    column: at + 1,
                });
            }
            if columns.iter().take(at).any(|other| other.name == text) {
                return Err(RuleFault::Twice(text.to_owned()));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            columns,
            ordered,
        })
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether the order counts.
    #[must_use]
    pub const fn ordered(&self) -> bool {
        self.ordered
    }
}

/// Limits of CSV files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvLimits {
    /// Rows, the header not counted.
    pub rows: Span<u64>,
    /// Columns of a row, at most 65,536.
    pub columns: u32,
    /// Bytes of a cell without its quotes.
    pub cell: u32,
}

/// What CSV files must be. UTF-8 always; a byte order mark is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csv {
    delimiters: Vec<u8>,
    layouts: Vec<Layout>,
    limits: CsvLimits,
}

impl Csv {
    /// Rules with these delimiters, in order of preference, and these layouts; without a layout any
    /// header is accepted.
    ///
    /// # Errors
    ///
    /// Delimiters that are none, doubled or unusable, layouts of one name, limits of zero.
    pub fn new(
        delimiters: &[u8],
        layouts: Vec<Layout>,
        limits: CsvLimits,
    ) -> Result<Self, RuleFault> {
        positive("rows", limits.rows.high())?;
        positive("columns", limits.columns.into())?;
        positive("cell", limits.cell.into())?;
        if limits.columns > 65_536 {
            return Err(RuleFault::Above {
                name: "columns",
                most: 65_536,
            });
        }
        if delimiters.iter().any(|byte| !b",;\t|:".contains(byte)) {
            return Err(RuleFault::Delimiter);
        }
        let doubled = |at: usize, byte| delimiters.iter().take(at).any(|other| other == byte);
        let twice = delimiters
            .iter()
            .enumerate()
            .any(|(at, byte)| doubled(at, byte));
        if delimiters.is_empty() || twice {
            return Err(RuleFault::Delimiters);
        }
        for (at, layout) in layouts.iter().enumerate() {
            if layouts
                .iter()
                .take(at)
                .any(|other| other.name == layout.name)
            {
                return Err(RuleFault::Twice(layout.name.clone()));
            }
            if layout.columns.len() as u64 > u64::from(limits.columns) {
                return Err(RuleFault::WideLayout(layout.name.clone()));
            }
        }
        Ok(Self {
            delimiters: delimiters.to_vec(),
            layouts,
            limits,
        })
    }

    /// The delimiters, most preferred first.
    #[must_use]
    pub fn delimiters(&self) -> &[u8] {
        &self.delimiters
    }

    /// The layouts.
    #[must_use]
    pub fn layouts(&self) -> &[Layout] {
        &self.layouts
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &CsvLimits {
        &self.limits
    }
}

/// What sound must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audio {
    kinds: Kinds,
    rate: Span<u32>,
    channels: u16,
    lasts: Span<Duration>,
}

impl Audio {
    /// Rules for `kinds`: samples a second, the most channels, and how long it lasts.
    ///
    /// # Errors
    ///
    /// No kind or one that is no sound; no channels.
    pub fn new(
        kinds: Kinds,
        rate: Span<u32>,
        channels: u16,
        lasts: Span<Duration>,
    ) -> Result<Self, RuleFault> {
        only(kinds, Kind::is_audio)?;
        positive("channels", channels.into())?;
        Ok(Self {
            kinds,
            rate,
            channels,
            lasts,
        })
    }

    /// Samples a second.
    #[must_use]
    pub const fn rate(&self) -> Span<u32> {
        self.rate
    }

    /// The most channels.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// How long it lasts.
    #[must_use]
    pub const fn lasts(&self) -> Span<Duration> {
        self.lasts
    }
}

/// What pictures must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    kinds: Kinds,
    side: u32,
    pixels: u64,
}

impl Image {
    /// Rules for `kinds`: the most pixels a side and in all.
    ///
    /// # Errors
    ///
    /// No kind or one that is no picture; limits of zero.
    pub fn new(kinds: Kinds, side: u32, pixels: u64) -> Result<Self, RuleFault> {
        only(kinds, Kind::is_image)?;
        positive("side", side.into())?;
        positive("pixels", pixels)?;
        Ok(Self {
            kinds,
            side,
            pixels,
        })
    }

    /// The most pixels a side.
    #[must_use]
    pub const fn side(&self) -> u32 {
        self.side
    }

    /// The most pixels in all.
    #[must_use]
    pub const fn pixels(&self) -> u64 {
        self.pixels
    }
}

fn only(kinds: Kinds, fits: impl Fn(Kind) -> bool) -> Result<(), RuleFault> {
    if kinds.is_empty() {
        return Err(RuleFault::NoKinds);
    }
    match kinds.iter().find(|kind| !fits(*kind)) {
        Some(kind) => Err(RuleFault::ForeignKind(kind)),
        None => Ok(()),
    }
}

/// Sizes and counts of one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file: u64,
    /// Files in one upload.
    pub files: u32,
    /// Form fields that are no files.
    pub fields: u32,
    /// Bytes of one such field.
    pub field: u64,
}

/// What a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    limits: Limits,
    hold: Hold,
    csv: Option<Arc<Csv>>,
    audio: Option<Audio>,
    image: Option<Image>,
    pdf: bool,
}

/// The kinds of a route, before its rules are made.
#[derive(Clone, Debug, Default)]
pub struct Accepts {
    /// CSV files.
    pub csv: Option<Csv>,
    /// Sound.
    pub audio: Option<Audio>,
    /// Pictures.
    pub image: Option<Image>,
    /// PDF documents without active content.
    pub pdf: bool,
}

impl Rules {
    /// Rules of a route.
    ///
    /// # Errors
    ///
    /// [`RuleFault::NoKinds`], or a limit of files that is zero.
    pub fn new(limits: Limits, hold: Hold, accepts: Accepts) -> Result<Self, RuleFault> {
        positive("file", limits.file)?;
        positive("files", limits.files.into())?;
        let Accepts {
            csv,
            audio,
            image,
            pdf,
        } = accepts;
        let rules = Self {
            limits,
            hold,
            csv: csv.map(Arc::new),
            audio,
            image,
            pdf,
        };
        if rules.kinds().is_empty() {
            Err(RuleFault::NoKinds)
        } else {
            Ok(rules)
        }
    }

    /// Sizes and counts.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// When bytes may go on.
    #[must_use]
    pub const fn hold(&self) -> Hold {
        self.hold
    }

    /// Rules of CSV files.
    #[must_use]
    pub const fn csv(&self) -> Option<&Arc<Csv>> {
        self.csv.as_ref()
    }

    /// Rules of sound.
    #[must_use]
    pub const fn audio(&self) -> Option<&Audio> {
        self.audio.as_ref()
    }

    /// Rules of pictures.
    #[must_use]
    pub const fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// Every kind that is taken.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        let mut kinds = Kinds::default();
        if self.csv.is_some() {
            kinds = kinds.with(Kind::Csv);
        }
        if self.pdf {
            kinds = kinds.with(Kind::Pdf);
        }
        let audio = self.audio.map(|audio| audio.kinds).unwrap_or_default();
        let image = self.image.map(|image| image.kinds).unwrap_or_default();
        kinds.union(audio).union(image)
    }
}

#[cfg(test)]
mod tests;
