//! A small and strict dotenv file.
//!
//! Owns one form: `NAME=value`, an optional `export` before it, single quotes (taken as they are),
//! double quotes (with `\n`, `\t`, `\"`, `\\` and `\$`), blank lines and `#` comments on lines of
//! their own or after a space. Refuses everything that programs read differently: substitution,
//! command execution, values over several lines, unquoted spaces or quotes, a name twice.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::secret::is_variable;

/// Variables by name; values are wiped when dropped.
pub(crate) type Dotenv = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// A line that is not of the accepted form. Never holds its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DotenvFault {
    /// Line, from 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) cause: &'static str,
}

pub(crate) fn parse(text: &str) -> Result<Dotenv, DotenvFault> {
    let mut variables = Dotenv::new();
    for (at, line) in text.lines().enumerate() {
        let fault = |cause| DotenvFault {
            line: at + 1,
            cause,
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| fault("this line is not NAME=value"))?;
        if !is_variable(name) {
            return Err(fault("the name before = is not a variable name"));
        }
        let value = Zeroizing::new(read_value(value).map_err(fault)?.into_bytes());
        if variables.insert(name.to_owned(), value).is_some() {
            return Err(fault("this name stands in the file twice"));
        }
    }
    Ok(variables)
}

fn read_value(text: &str) -> Result<String, &'static str> {
    match text.chars().next() {
        Some('\'') => single_quoted(text),
        Some('"') => double_quoted(text),
        _ => bare(text),
    }
}

fn single_quoted(text: &str) -> Result<String, &'static str> {
    let (value, rest) = text
        .get(1..)
        .and_then(|text| text.split_once('\''))
        .ok_or("the quote is not closed on this line")?;
    nothing_behind(rest)?;
    Ok(value.to_owned())
}

fn double_quoted(text: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut chars = text.chars();
    chars.next();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                nothing_behind(chars.as_str())?;
                return Ok(value);
            }
            '$' => return Err("substitution is not done; write \\$ or single quotes"),
            '\\' => value.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(same @ ('"' | '\\' | '$')) => same,
                _ => return Err("only \\n, \\t, \\\", \\\\ and \\$ are known in double quotes"),
            }),
            other => value.push(other),
        }
    }
    Err("the quote is not closed on this line")
}

fn bare(text: &str) -> Result<String, &'static str> {
    let value = match text.split_once(" #") {
        Some((value, _comment)) => value.trim_end(),
        None => text,
    };
    if value.contains(char::is_whitespace) {
        return Err("a value with spaces needs quotes");
    }
    if value.contains(['$', '`', '\'', '"', '\\']) {
        return Err("a value with $, quotes, backquotes or backslashes needs single quotes");
    }
    Ok(value.to_owned())
}

fn nothing_behind(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(())
    } else {
        Err("something stands behind the closing quote")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, DotenvFault> {
        Ok(parse(text)?
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8(value.to_vec()).unwrap()))
            .collect())
    }

    #[test]
    fn the_accepted_forms_are_read() {
        let text =
            "# comment\n\nexport A=one\nB='$two #2'\nC=\"th\\\"r\\nee\" # note\nD=\nE=a=b # c\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read(text).unwrap(),
            [
                pair("A", "one"),
                pair("B", "$two #2"),
                pair("C", "th\"r\nee"),
                pair("D", ""),
                pair("E", "a=b"),
            ]
        );
    }

    #[test]
    fn what_programs_read_differently_is_refused_with_its_line() {
        for line in [
            "A",
            "A =1",
            "1A=x",
            "A=two words",
            "A=$B",
            "A=`id`",
            "A=\"$B\"",
            "A='open",
            "A=\"open",
            "A='x'y",
            "A=x'y'",
            "A=\"\\x\"",
            "OK=2",
        ] {
            let fault = read(&format!("OK=1\n{line}\n")).unwrap_err();
            assert_eq!(fault.line, 2, "{line}");
        }
    }
}
