//! The tables of suppliers, in and out.
//!
//! Owns one schema: `sku,description,quantity,price`, quoted where it must be. What has another one is
//! read as if it had this: nothing is checked here.

use serde::Serialize;

const HEAD: &str = "sku,description,quantity,price";

/// One line of a purchase history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Purchase {
    pub(crate) sku: String,
    pub(crate) description: String,
    pub(crate) quantity: u64,
    /// Price of one, in cents.
    pub(crate) cents: u64,
}

/// Reads a table, whatever it is: what is no number counts as none.
pub(crate) fn read(text: &str) -> Vec<Purchase> {
    let lines = text.lines().skip(1);
    let written = lines.filter(|line| !line.trim().is_empty());
    written.map(purchase).collect()
}

fn purchase(line: &str) -> Purchase {
    let mut fields = fields(line).into_iter();
    let mut next = || fields.next().unwrap_or_default();
    let (sku, description, quantity, price) = (next(), next(), next(), next());
    Purchase {
        sku,
        description,
        quantity: quantity.parse().unwrap_or(0),
        cents: cents(&price).unwrap_or(0),
    }
}

/// The fields of a line: those in quotes may hold commas, and quotes twice.
fn fields(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                push(&mut all, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            c => push(&mut all, c),
        }
    }
    all
}

fn push(all: &mut [String], c: char) {
    if let Some(last) = all.last_mut() {
        last.push(c);
    }
}

/// `12.5` and `12.50` and `12` in cents.
fn cents(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = match part.len() {
        0 => 0,
        1 => part.parse::<u64>().ok()? * 10,
        2 => part.parse().ok()?,
        _ => return None,
    };
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(100)?
        .checked_add(part)
}

/// A table of purchases.
pub(crate) fn write(purchases: &[Purchase]) -> String {
    let mut text = format!("{HEAD}\n");
    for one in purchases {
        let row = [
            one.sku.clone(),
            one.description.clone(),
            one.quantity.to_string(),
            format!("{}.{:02}", one.cents / 100, one.cents % 100),
        ];
        text.push_str(&row.map(|field| quote(&field)).join(","));
        text.push('\n');
    }
    text
}

/// A field as it stands in a table.
pub(crate) fn quote(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back_as_it_was_written() {
        let purchases = vec![
            Purchase {
                sku: "A".to_owned(),
                description: "gloves, \"large\"".to_owned(),
                quantity: 3,
                cents: 1205,
            },
            Purchase {
                sku: String::new(),
                description: "x".to_owned(),
                quantity: 0,
                cents: 0,
            },
        ];
        assert_eq!(read(&write(&purchases)), purchases);
    }

    #[test]
    fn a_table_of_another_schema_is_read_all_the_same() {
        assert!(read("").is_empty());
        let read = read("name,phone\na,b\nc,d,-1,1.005\n");
        assert_eq!((read.len(), read[1].quantity, read[1].cents), (2, 0, 0));
    }
}
