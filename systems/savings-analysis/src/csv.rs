//! The tables of suppliers, in and out.
//!
//! Owns one schema: `sku,description,quantity,price`, quoted where it must be. A table of another one is
//! no purchase history, which is all that is checked.

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

/// Reads a table; none where it has another schema.
pub(crate) fn read(text: &str) -> Option<Vec<Purchase>> {
    let mut lines = text.lines();
    if !lines.next()?.trim().eq_ignore_ascii_case(HEAD) {
        return None;
    }
    lines
        .filter(|line| !line.trim().is_empty())
        .map(purchase)
        .collect()
}

fn purchase(line: &str) -> Option<Purchase> {
    let fields: [String; 4] = fields(line).try_into().ok()?;
    let [sku, description, quantity, price] = fields;
    Some(Purchase {
        sku,
        description,
        quantity: quantity.parse().ok()?,
        cents: cents(&price)?,
    })
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
        assert_eq!(read(&write(&purchases)), Some(purchases));
    }

    #[test]
    fn a_table_of_another_schema_is_none() {
        for text in [
            "",
            "name,phone\na,b",
            "sku,description,quantity,price\na,b,c,1.00",
            "sku,description,quantity,price\na,b,1",
            "sku,description,quantity,price\na,b,1,1.005",
            "sku,description,quantity,price\na,b,-1,1.00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(
            read("SKU,Description,Quantity,Price\r\na,b,1,2.5\r\n")
                .unwrap()
                .len(),
            1
        );
    }
}
