//! Pictures and documents.

use super::*;

pub(super) fn rows() -> Vec<Bad> {
    use Kind::{Gif, Jpeg, Pdf, Png, WebP};
    let side = "the image is 101 by 20 pixels; 1 to 100 a side are accepted";
    let none = "the image is 0 by 20 pixels; 1 to 100 a side are accepted";
    let active = |name: &str| of(Pdf, &pdf_with(&format!("2 0 obj << /S /{name} >> endobj")));
    vec![
        row(
            "wide png",
            of(Png, &png_with(101, 20, b"")),
            "image-side",
            side,
            of(Png, &png_with(100, 20, b"")),
        ),
        row(
            "png without width",
            of(Png, &png_with(0, 20, b"")),
            "image-side",
            none,
            twin(Png),
        ),
        row(
            "png of many pixels",
            of(Png, &png_with(100, 51, b"")),
            "image-pixels",
            "the image has 5100 pixels; at most 5000 are accepted",
            of(Png, &png_with(100, 50, b"")),
        ),
        row(
            "bytes behind a png",
            behind(Png, b"more"),
            "file-trailing",
            "the PNG image has bytes behind its end (from byte 77)",
            twin(Png),
        ),
        row(
            "cut png",
            cut(Png, 1),
            "file-truncated",
            "the PNG image is cut off after 76 bytes",
            twin(Png),
        ),
        row(
            "png with a second header",
            of(Png, &png_with(10, 20, b"\0\0\0\0IHDR\0\0\0\0")),
            "file-broken",
            "the PNG image is broken at byte 41: a second IHDR",
            of(Png, &png_with(10, 20, b"\0\0\0\0tEXt\0\0\0\0")),
        ),
        row(
            "wide jpeg",
            of(Jpeg, &jpeg_with(101, 20, b"")),
            "image-side",
            side,
            of(Jpeg, &jpeg_with(100, 20, b"")),
        ),
        row(
            "bytes behind a jpeg",
            behind(Jpeg, b"more"),
            "file-trailing",
            "the JPEG image has bytes behind its end (from byte 61)",
            twin(Jpeg),
        ),
        row(
            "cut jpeg",
            cut(Jpeg, 2),
            "file-truncated",
            "the JPEG image is cut off after 59 bytes",
            twin(Jpeg),
        ),
        row(
            "wide gif",
            of(Gif, &gif_with(101, 20)),
            "image-side",
            side,
            of(Gif, &gif_with(100, 20)),
        ),
        row(
            "bytes behind a gif",
            behind(Gif, b"more"),
            "file-trailing",
            "the GIF image has bytes behind its end (from byte 43)",
            twin(Gif),
        ),
        row(
            "cut gif",
            cut(Gif, 1),
            "file-truncated",
            "the GIF image is cut off after 42 bytes",
            twin(Gif),
        ),
        row(
            "wide webp",
            of(WebP, &webp_with(101, 20)),
            "image-side",
            side,
            of(WebP, &webp_with(100, 20)),
        ),
        row(
            "bytes behind a webp",
            behind(WebP, b"more"),
            "file-trailing",
            "the WebP image has bytes behind its end (from byte 32)",
            twin(WebP),
        ),
        row(
            "cut webp",
            cut(WebP, 1),
            "file-truncated",
            "the WebP image is cut off after 31 bytes",
            twin(WebP),
        ),
        row(
            "pdf with a script",
            active("JavaScript"),
            "pdf-active",
            "the PDF has active content (JavaScript) at byte 59",
            active("URI"),
        ),
        row(
            "pdf with an escaped script",
            active("J#53"),
            "pdf-active",
            "the PDF has active content (JS) at byte 59",
            active("J#54"),
        ),
        row(
            "pdf that starts a program",
            active("Launch"),
            "pdf-active",
            "the PDF has active content (Launch) at byte 59",
            active("GoTo"),
        ),
        row(
            "pdf that acts on opening",
            active("OpenAction"),
            "pdf-active",
            "the PDF has active content (OpenAction) at byte 59",
            twin(Pdf),
        ),
        row(
            "pdf with a file in it",
            active("EmbeddedFile"),
            "pdf-active",
            "the PDF has active content (EmbeddedFile) at byte 59",
            twin(Pdf),
        ),
        row(
            "encrypted pdf",
            active("Encrypt"),
            "pdf-encrypted",
            "the PDF is encrypted; upload it without a password",
            twin(Pdf),
        ),
        row(
            "pdf with an object in a string",
            of(Pdf, &pdf_with("2 0 obj (3 0 obj) endobj")),
            "pdf-hidden",
            "the PDF hides objects in a form that cannot be checked (byte 61)",
            of(Pdf, &pdf_with("2 0 obj (3 0 abc) endobj")),
        ),
        row(
            "pdf of an unknown version",
            of(Pdf, b"%PDF-x"),
            "file-broken",
            "the PDF document is broken at byte 0: the header has no known version",
            twin(Pdf),
        ),
        row(
            "cut pdf",
            cut(Pdf, 6),
            "file-truncated",
            "the PDF document is cut off after 58 bytes",
            twin(Pdf),
        ),
        row(
            "bytes behind a pdf",
            behind(Pdf, b"more"),
            "file-trailing",
            "the PDF document has bytes behind its end (from byte 64)",
            twin(Pdf),
        ),
    ]
}
