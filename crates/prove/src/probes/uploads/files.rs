//! Files as a route takes them, made from its own rules.
//!
//! Owns a good table, good sound and a good document, in any size that the rules allow, and the form
//! around them. A probe changes one thing of them and nothing else.

use config::quantity;
use serde_json::Value;

/// What divides the parts of a form.
const BOUNDARY: &str = "vsc-boundary-vsc";

/// The type of a form.
pub(super) const FORM: &str = "multipart/form-data; boundary=vsc-boundary-vsc";

/// A file to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl File {
    pub(super) fn new(name: &str, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            content_type,
            bytes: bytes.into(),
        }
    }

    pub(super) fn named(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self.clone()
        }
    }

    pub(super) fn holding(&self, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            ..self.clone()
        }
    }
}

/// What a route says of its uploads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'t>(pub(super) &'t Value);

impl Rules<'_> {
    fn number(&self, pointer: &str, otherwise: u64) -> u64 {
        let found = self.0.pointer(pointer).and_then(Value::as_u64);
        found.unwrap_or(otherwise)
    }

    fn first(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.get(0)?.as_str()
    }

    /// Most bytes of one file.
    pub(super) fn file(&self) -> Option<u64> {
        match self.0.get("file")? {
            Value::String(text) => quantity::size(text),
            value => value.as_u64(),
        }
    }

    pub(super) fn takes_tables(&self) -> bool {
        self.0.get("csv").is_some()
    }

    /// Whether sound of this kind is taken.
    fn takes_sound(&self, kind: &str) -> bool {
        let Some(audio) = self.0.get("audio") else {
            return false;
        };
        let named = audio.get("kinds").and_then(Value::as_array);
        named.is_none_or(|named| named.iter().any(|it| it.as_str() == Some(kind)))
    }

    fn takes_documents(&self) -> bool {
        self.0.get("pdf").and_then(Value::as_bool) == Some(true)
    }

    /// A small good file; none where the rules take nothing that can be made here.
    pub(super) fn good(&self) -> Option<File> {
        if self.takes_tables() {
            let rows = self.number("/csv/fewest_rows", 1).max(2);
            return Some(self.table(rows));
        }
        if self.takes_sound("wav") {
            let shortest = self.0.pointer("/audio/shortest").and_then(Value::as_str);
            let shortest = shortest.and_then(quantity::duration).unwrap_or_default();
            let rate = self.rates().0;
            let samples = shortest.as_millis().saturating_mul(u128::from(rate)) / 1000 + 800;
            return Some(sound(rate, u32::try_from(samples).ok()?));
        }
        self.takes_documents().then(document)
    }

    /// Fewest and most samples a second.
    pub(super) fn rates(&self) -> (u32, u32) {
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let lowest = narrow(self.number("/audio/lowest_rate", 8000));
        let highest = narrow(self.number("/audio/highest_rate", 48_000));
        (lowest, highest)
    }

    /// The columns of the first known header, or two of our own.
    fn columns(&self) -> Vec<&str> {
        let columns = self.0.pointer("/csv/layouts/0/columns");
        let columns = columns.and_then(Value::as_array);
        match columns {
            Some(columns) => columns.iter().filter_map(Value::as_str).collect(),
            None => vec!["vsc", "number"],
        }
    }

    fn delimiter(&self) -> &str {
        self.first("/csv/delimiters").unwrap_or(",")
    }

    /// A header whose names are `columns`, as it stands in a file.
    fn header(&self, columns: &[&str]) -> String {
        let quoted = |name: &&str| {
            if name.contains(['"', '\n', '\r']) || name.contains(self.delimiter()) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                (*name).to_owned()
            }
        };
        let names: Vec<String> = columns.iter().map(quoted).collect();
        format!("{}\n", names.join(self.delimiter()))
    }

    /// A table with this many rows.
    pub(super) fn table(&self, rows: u64) -> File {
        let columns = self.columns();
        let row = format!("{}\n", vec!["1"; columns.len()].join(self.delimiter()));
        let text = self.header(&columns) + &row.repeat(usize::try_from(rows).unwrap_or(0));
        File::new("vouchsafe.csv", "text/csv", text)
    }

    /// The good table with other columns.
    pub(super) fn foreign(&self) -> Vec<(&'static str, File)> {
        let own = self.columns();
        let under = |columns: &[&str]| {
            let row = format!("{}\n", vec!["1"; columns.len()].join(self.delimiter()));
            File::new("vouchsafe.csv", "text/csv", self.header(columns) + &row)
        };
        let more = [own.as_slice(), &["vsc_column"]].concat();
        let many: Vec<String> = (0..5000).map(|number| format!("vsc{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let twice = own
            .first()
            .map(|first| [own.as_slice(), &[*first]].concat());
        let mut all = vec![
            ("of other columns", under(&["vsc_a", "vsc_b"])),
            ("with a column too many", under(&more)),
            ("of 5,000 columns", under(&many)),
        ];
        all.extend(twice.map(|twice| ("with a column twice", under(&twice))));
        if let Some(fewer) = own.get(1..).filter(|fewer| !fewer.is_empty()) {
            all.push(("with a column too few", under(fewer)));
        }
        let wide: Vec<u8> = String::from_utf8_lossy(&self.table(2).bytes)
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let wide = [&[0xff, 0xfe][..], &wide].concat();
        all.push(("in UTF-16", self.table(2).holding(wide)));
        all
    }

    /// A table of exactly `size` bytes, if the rules allow one.
    fn table_of(&self, size: u64) -> Option<File> {
        let columns = self.columns();
        let head = self.header(&columns);
        let left = size.checked_sub(head.len() as u64)?;
        let rest = self.delimiter().repeat(columns.len().saturating_sub(1)) + "\n";
        let frame = rest.len() as u64;
        let most = self.number("/csv/cell", 4096) + frame;
        let rows = left.div_ceil(most);
        if rows == 0 || rows > self.number("/csv/rows", 100_000) || left / rows < frame + 1 {
            return None;
        }
        let mut text = head;
        for row in 0..rows {
            let long = left / rows + u64::from(row < left % rows) - frame;
            text.push_str(&"1".repeat(usize::try_from(long).ok()?));
            text.push_str(&rest);
        }
        Some(File::new("vouchsafe.csv", "text/csv", text))
    }

    /// The longest file of at most `size` bytes that is good but for its size, and the shortest above.
    pub(super) fn around(&self, size: u64) -> Option<(File, File)> {
        if self.takes_tables() {
            return Some((self.table_of(size)?, self.table_of(size + 1)?));
        }
        if !self.takes_sound("wav") {
            return None;
        }
        let rate = self.rates().1;
        let samples = u32::try_from(size.checked_sub(44)? / 2).ok()?;
        Some((sound(rate, samples), sound(rate, samples.checked_add(1)?)))
    }
}

/// The form of `file`, with whatever else the route wants.
pub(super) fn form(rules: Rules<'_>, file: &File) -> Vec<u8> {
    let mut body = Vec::new();
    let required = rules.0.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let part =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let field = rules.first("/file_fields").unwrap_or("file");
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{}\"\r\n\
         Content-Type: {}\r\n\r\n",
        file.name, file.content_type
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&file.bytes);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Silence of one channel in 16 bits.
pub(super) fn sound(rate: u32, samples: u32) -> File {
    let data = samples.saturating_mul(2);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&data.saturating_add(36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&rate.to_le_bytes());
    bytes.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&data.to_le_bytes());
    let end = bytes.len() + usize::try_from(data).unwrap_or(0);
    bytes.resize(end, 0);
    File::new("vouchsafe.wav", "audio/wav", bytes)
}

/// An empty document.
pub(super) fn document() -> File {
    let text = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
        2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n\
        trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n";
    File::new("vouchsafe.pdf", "application/pdf", text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_the_size_and_the_rows_that_are_asked_for() {
        let rules = json!({ "csv": { "rows": 50_000, "cell": 300,
            "layouts": [{ "columns": ["sku", "a \"b\"", "c,d"] }] } });
        let rules = Rules(&rules);
        for size in [1000, 1001, 99_999, 1 << 20] {
            let (fits, over) = rules.around(size).unwrap();
            assert_eq!(
                (fits.bytes.len() as u64, over.bytes.len() as u64),
                (size, size + 1)
            );
            let text = String::from_utf8(fits.bytes).unwrap();
            assert!(text.starts_with("sku,\"a \"\"b\"\"\",\"c,d\"\n") && text.ends_with(",,\n"));
        }
        assert!(rules.around(20 << 20).is_none(), "no 50,000 rows hold that");
        let table = String::from_utf8(rules.table(3).bytes).unwrap();
        assert_eq!(table.lines().count(), 4);
    }

    #[test]
    fn sound_is_as_long_as_it_may_be() {
        let rules = json!({ "audio": {} });
        let (fits, over) = Rules(&rules).around(1001).unwrap();
        assert_eq!((fits.bytes.len(), over.bytes.len()), (1000, 1002));
    }
}
