//! The small language in which shapes say what is sent.
//!
//! Owns the reading of text such as `GET / HTTP/1.1\r\nHost: {host}\r\n{pause 50}\r\n` into bytes and
//! the moments between them. `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` are bytes; `{a*9000}` repeats
//! text; `{{` is a brace. Refuses whatever it does not know, so that a slip never becomes a byte.

use std::time::Duration;

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// These bytes, in one write.
    Bytes(Vec<u8>),
    /// Nothing, for so long.
    Pause(Duration),
    /// One more answer is waited for.
    Answer,
    /// This side sends no more, and still reads.
    Shut,
    /// The connection is closed.
    Close,
}

/// What the names in a script stand for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) host: &'a str,
    /// The fields that a gate sets itself.
    pub(super) ours: &'a str,
}

/// Most bytes that one script may become.
const LARGEST: usize = 64 << 20;

/// Reads a script.
pub(super) fn read(text: &str, names: Names<'_>) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '{']) {
        let (plain, special) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        if let Some(after) = special.strip_prefix("{{") {
            bytes.push(b'{');
            rest = after;
        } else if let Some(after) = special.strip_prefix('{') {
            let (word, after) = after
                .split_once('}')
                .ok_or_else(|| format!("no brace closes `{special}`"))?;
            match word {
                "host" => bytes.extend_from_slice(names.host.as_bytes()),
                "ours" => bytes.extend_from_slice(names.ours.as_bytes()),
                _ => match step(word)? {
                    Step::Bytes(more) => bytes.extend(more),
                    step => {
                        flush(&mut steps, &mut bytes);
                        steps.push(step);
                    }
                },
            }
            rest = after;
        } else {
            rest = escape(special, &mut bytes)?;
        }
        if bytes.len() > LARGEST {
            return Err("the script is too long".to_owned());
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    flush(&mut steps, &mut bytes);
    Ok(steps)
}

/// The bytes of a script without moments.
pub(super) fn bytes(text: &str, names: Names<'_>) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for step in read(text, names)? {
        match step {
            Step::Bytes(bytes) => all.extend(bytes),
            other => return Err(format!("{other:?} has no place here")),
        }
    }
    Ok(all)
}

fn flush(steps: &mut Vec<Step>, bytes: &mut Vec<u8>) {
    if !bytes.is_empty() {
        steps.push(Step::Bytes(std::mem::take(bytes)));
    }
}

fn step(word: &str) -> Result<Step, String> {
    let unknown = || format!("there is no {{{word}}}");
    if let Some(count) = word.strip_prefix("pause ") {
        let millis = count.parse().map_err(|_| unknown())?;
        return Ok(Step::Pause(Duration::from_millis(millis)));
    }
    match word {
        "answer" => return Ok(Step::Answer),
        "shut" => return Ok(Step::Shut),
        "close" => return Ok(Step::Close),
        _ => {}
    }
    let (unit, count) = word.rsplit_once('*').ok_or_else(unknown)?;
    let count: usize = count.parse().map_err(|_| unknown())?;
    let unit = bytes(unit, Names::default())?;
    if unit.len().saturating_mul(count) > LARGEST {
        return Err(format!("{{{word}}} is too long"));
    }
    Ok(Step::Bytes(unit.repeat(count)))
}

fn escape<'t>(special: &'t str, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let unknown = || format!("there is no escape at `{special}`");
    let letter = special.chars().nth(1).ok_or_else(unknown)?;
    let byte = match letter {
        'r' => b'\r',
        'n' => b'\n',
        't' => b'\t',
        '0' => 0,
        '\\' => b'\\',
        'x' => {
            let digits = special.get(2..4).ok_or_else(unknown)?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| unknown())?);
            return special.get(4..).ok_or_else(unknown);
        }
        _ => return Err(unknown()),
    };
    bytes.push(byte);
    special.get(2..).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_repetitions_and_names_become_bytes() {
        let names = Names {
            host: "a.example",
            ours: "",
        };
        assert_eq!(
            bytes(r"A\r\n\t\0\\\xff{host}{ab*3}{\x00*2}{{", names).unwrap(),
            b"A\r\n\t\0\\\xffa.exampleababab\0\0{"
        );
    }

    #[test]
    fn moments_divide_what_is_written() {
        let steps = read("a{pause 20}b{answer}{shut}{close}", Names::default()).unwrap();
        let expected = [
            Step::Bytes(b"a".to_vec()),
            Step::Pause(Duration::from_millis(20)),
            Step::Bytes(b"b".to_vec()),
            Step::Answer,
            Step::Shut,
            Step::Close,
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_slip_is_refused() {
        for text in [
            r"\q",
            r"\x4",
            r"\xzz",
            "{",
            "{no}",
            "{pause x}",
            "{a*x}",
            "\\",
            "{a*99999999}",
        ] {
            assert!(read(text, Names::default()).is_err(), "{text}");
        }
        assert!(bytes("a{pause 1}", Names::default()).is_err());
    }
}
