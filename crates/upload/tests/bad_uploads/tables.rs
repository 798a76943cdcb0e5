//! CSV files.

use super::*;

pub(super) fn rows() -> Vec<Bad> {
    let t = || twin(Kind::Csv);
    let wide = "the CSV is not UTF-8: save it as \"CSV UTF-8\"";
    let latin = b"sku,price\nA,caf\xe9\n";
    let rows = |count: usize| format!("sku,price\n{}", "A,1\n".repeat(count));
    vec![
        row(
            "utf-16",
            of(Kind::Csv, b"\xff\xfes\0k\0u\0"),
            "csv-wide",
            wide,
            t(),
        ),
        row(
            "utf-16 without mark",
            of(Kind::Csv, b"s\0k\0u\0"),
            "csv-wide",
            wide,
            t(),
        ),
        row(
            "latin 1",
            of(Kind::Csv, latin),
            "csv-encoding",
            "row 2, column 2: a character is not UTF-8; save the file as \"CSV UTF-8\"",
            csv("sku,price\nA,caf\u{e9}\n"),
        ),
        row(
            "nul",
            csv("sku,price\nA,\0\n"),
            "csv-control",
            "row 2, column 2: a control character",
            t(),
        ),
        row(
            "escape",
            csv("sku,price\nA,1\nB\x1b,2\n"),
            "csv-control",
            "row 3, column 1: a control character",
            t(),
        ),
        row(
            "old line ends",
            csv("sku,price\nA,1\rB,2\n"),
            "csv-bare-cr",
            "row 2, column 2: a line break of an old kind (a carriage return alone)",
            csv("sku,price\r\nA,1\r\nB,2\r\n"),
        ),
        row(
            "empty row",
            csv("sku,price\nA,1\n\nB,2\n"),
            "csv-empty-line",
            "row 3 is empty; remove empty rows",
            csv("sku,price\nA,1\nB,2\n"),
        ),
        row(
            "long header",
            csv(&"a".repeat(70_000)),
            "csv-header-too-long",
            "the header row is longer than 65536 bytes",
            t(),
        ),
        row(
            "foreign columns",
            csv("one,two\n1,2\n"),
            "csv-column-unknown",
            "the header fits no known layout: column 1 is not expected there",
            t(),
        ),
        row(
            "surplus column",
            csv("sku,price,who\n1,2,3\n"),
            "csv-column-unknown",
            "the header fits no known layout: column 3 is not expected there",
            csv("sku,price\n1,2\n"),
        ),
        row(
            "missing column",
            csv("sku,note\n1,2\n"),
            "csv-column-missing",
            "the header lacks the column \"price\" of the layout \"supplier\"",
            t(),
        ),
        row(
            "repeated column",
            csv("sku,sku,price\n1,2,3\n"),
            "csv-column-twice",
            "column 2 of the header repeats an earlier one",
            t(),
        ),
        row(
            "unknown delimiter",
            csv("sku|price\nA|1\n"),
            "csv-column-unknown",
            "the header fits no known layout: column 1 is not expected there",
            csv("sku;price\nA;1\n"),
        ),
        row(
            "header alone",
            csv("sku,price\n"),
            "csv-few-rows",
            "the CSV has 0 rows below its header; at least 1 are needed",
            csv("sku,price\nA,1\n"),
        ),
        row(
            "a row too many",
            csv(&rows(6)),
            "csv-rows",
            "the CSV has more than 5 rows",
            csv(&rows(5)),
        ),
        row(
            "columns beyond the limit",
            csv("sku,note,price,a,b,c,d\n"),
            "csv-column-unknown",
            "the header fits no known layout: column 4 is not expected there",
            t(),
        ),
        row(
            "long cell",
            csv("sku,price\nA,123456789012345678901\n"),
            "csv-cell",
            "row 2, column 2: the cell is longer than 20 bytes",
            csv("sku,price\nA,12345678901234567890\n"),
        ),
        row(
            "row too long",
            csv("sku,price\nA,1\nB,2,3\n"),
            "csv-ragged",
            "row 3 has 3 columns, the header has 2",
            csv("sku,price\nA,1\nB,\"2,3\"\n"),
        ),
        row(
            "row too short",
            csv("sku,price\nA\n"),
            "csv-ragged",
            "row 2 has 1 columns, the header has 2",
            csv("sku,price\nA,\n"),
        ),
        row(
            "quote within",
            csv("sku,price\nA\"B,1\n"),
            "csv-quote-inside",
            "row 2, column 1: a quote in the middle of a cell; put the whole cell in quotes",
            csv("sku,price\n\"A\"\"B\",1\n"),
        ),
        row(
            "text behind a quote",
            csv("sku,price\n\"A\"B,1\n"),
            "csv-quote-tail",
            "row 2, column 1: text behind a closing quote",
            csv("sku,price\n\"A\",1\n"),
        ),
        row(
            "open quote",
            csv("sku,price\nA,1\n\"B,2\n"),
            "csv-quote-open",
            "row 3, column 1: a quote is opened and never closed",
            csv("sku,price\nA,1\n\"B\",2\n"),
        ),
    ]
}
