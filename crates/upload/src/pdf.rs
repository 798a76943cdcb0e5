//! PDF (ISO 32000-1): basic structure, and nothing that acts.
//!
//! Owns a walk over every token of the file, from its header to its end. Refuses names that make a
//! reader act (scripts, launches, actions on opening, embedded files, XFA), however their letters
//! are escaped; encryption; object streams it cannot open. Objects are found where they lie and not
//! by the file's own index, because the index may point anywhere: so a mark of an object within a
//! string, a comment or the data of a stream is refused too, where an index could make it live.
//!
//! What cannot be seen here: faults in fonts, pictures and other coded data that a reader's decoder
//! may have; links to web pages, which are not refused; what a page shows.

mod lexer;
mod objects;

use std::io::SeekFrom;

use crate::{audio::Whole, kind::Kind, refusal::UploadRefusal};

use lexer::{Lexer, Token};
use objects::Object;

/// Names that make a reader act, or carry what it may run.
const ACTIVE: [&str; 18] = [
    "JavaScript",
    "JS",
    "Launch",
    "AA",
    "EmbeddedFile",
    "EmbeddedFiles",
    "RichMedia",
    "RichMediaContent",
    "XFA",
    "SubmitForm",
    "ImportData",
    "GoToE",
    "GoToR",
    "Rendition",
    "Movie",
    "Sound",
    "3D",
    "Trans3D",
];

pub(super) const fn broken<T>(offset: u64, what: &'static str) -> Result<T, UploadRefusal> {
    Err(UploadRefusal::Broken {
        kind: Kind::Pdf,
        offset,
        what,
    })
}

/// Looks at every name, in the file and in its object streams.
#[derive(Debug, Default)]
struct Names {
    /// Where an `OpenAction` stands whose value comes next.
    opening: Option<u64>,
}

impl Names {
    fn see(&mut self, token: Token, text: &[u8], offset: u64) -> Result<(), UploadRefusal> {
        // An array is a place in the document to begin at, which is all many writers put there;
        // anything else is an action, or a reference to one.
        if let Some(offset) = self.opening.take()
            && token != Token::ArrayOpens
        {
            return Err(UploadRefusal::PdfActive {
                what: "OpenAction",
                offset,
            });
        }
        if token != Token::Name {
            return Ok(());
        }
        if text == b"Encrypt" {
            return Err(UploadRefusal::PdfEncrypted);
        }
        self.opening = (text == b"OpenAction").then_some(offset);
        match ACTIVE.iter().find(|active| active.as_bytes() == text) {
            Some(what) => Err(UploadRefusal::PdfActive { what, offset }),
            None => Ok(()),
        }
    }
}

/// Judges a whole file. Blocks on its source.
///
/// # Errors
///
/// The first fault, with its offset; [`UploadRefusal::SpoolFailed`] when the source fails.
pub fn judge(source: &mut dyn Whole) -> Result<(), UploadRefusal> {
    let length = source
        .seek(SeekFrom::End(0))
        .map_err(|_| UploadRefusal::SpoolFailed)?;
    source
        .seek(SeekFrom::Start(0))
        .map_err(|_| UploadRefusal::SpoolFailed)?;
    let mut head = [0; 8];
    let whole = source.read_exact(&mut head).is_ok();
    if !whole
        || !matches!(
            head,
            [b'%', b'P', b'D', b'F', b'-', b'1' | b'2', b'.', b'0'..=b'9']
        )
    {
        return broken(0, "the header has no known version");
    }
    let mut reader = source;
    let mut lexer = Lexer::new(&mut reader, 8, true);
    let mut object = Object::default();
    let mut names = Names::default();
    let (mut objects, mut index) = (0_u64, false);
    while let Some(token) = lexer.next()? {
        names.see(token, lexer.text(), lexer.start())?;
        match token {
            Token::Word if lexer.text() == b"obj" => objects += 1,
            Token::Word if lexer.text() == b"startxref" => index = true,
            _ => {}
        }
        object.see(token, &mut lexer)?;
    }
    let Some(end) = lexer.end_mark() else {
        return Err(UploadRefusal::Truncated {
            kind: Kind::Pdf,
            offset: length,
        });
    };
    if let Some(offset) = lexer.last_token().filter(|offset| *offset > end) {
        return Err(UploadRefusal::Trailing {
            kind: Kind::Pdf,
            offset,
        });
    }
    if objects == 0 || !index {
        return broken(end, "no objects or no index");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
