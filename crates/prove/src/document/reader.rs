//! Which words each anchor covers.
//!
//! Owns the walk over the Markdown: blocks, visible text, comments. Trusts `pulldown-cmark` for what
//! a reader of the rendered page would see; what stands in code is text, never an anchor.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::anchor::{self, AnchorError, Written};

/// An anchor and the visible words it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    /// Byte offset of the comment.
    pub(crate) at: usize,
    pub(crate) written: Result<Written, AnchorError>,
    /// The words, single-spaced; empty when nothing stands before the anchor.
    pub(crate) words: String,
    /// Anchors with the same number stand behind one another and share their words.
    pub(crate) run: usize,
}

/// What the walk found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) anchors: Vec<Covered>,
    /// Offsets of blocks whose visible text holds what looks like an anchor that never became one.
    pub(crate) unclosed: Vec<usize>,
    /// Offset of a code fence that no line closes.
    pub(crate) open_fence: Option<usize>,
    words: String,
    /// The visible text of the block outside code.
    block: String,
    block_at: usize,
    block_end: usize,
    last_was_anchor: bool,
    runs: usize,
}

/// Walks `text`.
pub(crate) fn walk(text: &str) -> Walk {
    let mut walk = Walk::default();
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_TASKLISTS;
    let mut html: Option<(usize, String)> = None;
    let mut in_code = false;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(Tag::HtmlBlock) => {
                if !continues(text, walk.block_end, range.start) {
                    walk.start_block(range.start);
                }
                html = Some((range.start, String::new()));
            }
            Event::End(TagEnd::HtmlBlock) => {
                if let Some((at, raw)) = html.take() {
                    walk.html(&raw, at);
                }
                walk.block_end = range.end;
            }
            Event::Html(part) => {
                if let Some((_, raw)) = html.as_mut() {
                    raw.push_str(&part);
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                walk.start_block(range.start);
                in_code = true;
                let block = text.get(range.clone()).unwrap_or_default();
                let fenced = matches!(kind, pulldown_cmark::CodeBlockKind::Fenced(_));
                if fenced && !is_closed(block) {
                    walk.open_fence.get_or_insert(range.start);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                in_code = false;
                walk.start_block(range.end);
            }
            Event::Start(Tag::TableCell) => walk.say(" "),
            Event::Start(tag) if is_block(&tag) => walk.start_block(range.start),
            Event::End(tag) if ends_block(tag) => walk.end_block(range.end),
            Event::Text(part) if !in_code => {
                walk.block.push_str(&part);
                walk.say(&part);
                walk.block_end = range.end;
            }
            Event::Code(part) => {
                walk.say(&part);
                walk.block_end = range.end;
            }
            Event::SoftBreak | Event::HardBreak => walk.say(" "),
            Event::InlineHtml(tag) => {
                if let Some(inside) = comment(&tag) {
                    walk.comment(inside, range.start);
                }
                walk.block_end = range.end;
            }
            _ => {}
        }
    }
    walk.start_block(text.len());
    walk
}

fn is_block(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::BlockQuote(_)
            | Tag::List(_)
            | Tag::Item
            | Tag::FootnoteDefinition(_)
            | Tag::Table(_)
            | Tag::TableHead
            | Tag::TableRow
    )
}

fn ends_block(tag: TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::BlockQuote(_)
            | TagEnd::List(_)
            | TagEnd::Item
            | TagEnd::FootnoteDefinition
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
    )
}

/// Whether an HTML block at `start` stands on the line right behind text that ended at `end`: a
/// comment on a line of its own interrupts a paragraph, and still belongs to it.
fn continues(text: &str, end: usize, start: usize) -> bool {
    end > 0
        && text.get(end..start).is_some_and(|gap| {
            gap.matches('\n').count() <= 1 && gap.chars().all(|c| c.is_whitespace() || c == '>')
        })
}

/// Whether the last line of a fenced block closes it.
fn is_closed(block: &str) -> bool {
    let fence = |line: &str| {
        let line = line.trim_start_matches(['>', ' ', '\t']);
        let sign = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == sign).count();
        Some((sign, length, line.trim_end().chars().count() == length))
    };
    let mut lines = block.trim_end().lines();
    let first = lines.next().and_then(fence);
    let last = lines.next_back().and_then(fence);
    match (first, last) {
        (Some((sign, length, _)), Some((closing, closing_length, alone))) => {
            closing == sign && closing_length >= length && alone
        }
        _ => false,
    }
}

/// The inside of a whole comment.
fn comment(html: &str) -> Option<&str> {
    html.trim().strip_prefix("<!--")?.strip_suffix("-->")
}

impl Walk {
    fn start_block(&mut self, at: usize) {
        if looks_like_an_anchor(&self.block) {
            self.unclosed.push(self.block_at);
        }
        self.block.clear();
        self.words.clear();
        self.last_was_anchor = false;
        self.block_at = at;
        self.block_end = at;
    }

    /// The words stay until the next block starts, for a comment on the next line.
    fn end_block(&mut self, at: usize) {
        self.block_end = self.block_end.max(1).min(at);
    }

    fn say(&mut self, part: &str) {
        if self.last_was_anchor && !part.trim().is_empty() {
            self.words.clear();
            self.last_was_anchor = false;
        }
        if !self.last_was_anchor {
            self.words.push_str(part);
        }
    }

    fn comment(&mut self, inside: &str, at: usize) {
        let Some(written) = anchor::read(inside) else {
            return;
        };
        if !self.last_was_anchor {
            self.runs += 1;
        }
        self.last_was_anchor = true;
        self.anchors.push(Covered {
            at,
            written,
            words: self.words.split_whitespace().collect::<Vec<_>>().join(" "),
            run: self.runs,
        });
    }

    /// Raw HTML: comments are read, other tags are invisible, the rest is text.
    fn html(&mut self, raw: &str, at: usize) {
        let mut rest = raw;
        while !rest.is_empty() {
            let here = at + (raw.len() - rest.len());
            if let Some(open) = rest.strip_prefix("<!--") {
                let Some((inside, after)) = open.split_once("-->") else {
                    self.unclosed.push(here);
                    return;
                };
                self.comment(inside, here);
                rest = after;
            } else if rest.starts_with('<')
                && let Some((_, after)) = rest.split_once('>')
            {
                rest = after;
            } else {
                let next = rest
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| *c == '<')
                    .map_or(rest.len(), |(at, _)| at);
                let (visible, after) = rest.split_at(next);
                self.say(visible);
                rest = after;
            }
        }
    }
}

/// Whether visible text holds the start of an anchor: a comment that was never closed, or opened
/// with the wrong number of dashes.
fn looks_like_an_anchor(visible: &str) -> bool {
    visible.match_indices("<!").any(|(at, mark)| {
        visible.get(at + mark.len()..).is_some_and(|rest| {
            anchor::starts_like_an_anchor(rest.trim_start_matches(['-', ' ', '\t'])).is_some()
        })
    })
}
