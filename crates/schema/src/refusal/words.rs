//! The code, the status and the sentence of each fault.
//!
//! Owns one table, so that a new fault cannot be without one of the three.

use std::fmt;

use super::Fault;

/// How a fault is known and answered.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) status: u16,
    /// The sentence without place and limit, for surfaces that take a constant.
    pub(super) public: &'static str,
}

const fn words(code: &'static str, status: u16, public: &'static str) -> Words {
    Words {
        code,
        status,
        public,
    }
}

impl Fault {
    #[rustfmt::skip]
    pub(super) const fn words(&self) -> Words {
        match self {
            Self::Empty => words("body-empty", 400, "there is no body"),
            Self::Unexpected => words("body-unexpected", 400, "there is a body where none is wanted"),
            Self::TooLarge { .. } => words("body-too-large", 413, "the body is too large"),
            Self::LengthMismatch => words("length-mismatch", 400, "the body is not as long as Content-Length says"),

            Self::TypeMissing => words("type-missing", 415, "the type of the body is not given"),
            Self::TypeMalformed => words("type-malformed", 415, "the content type is not one media type"),
            Self::TypeNotAllowed => words("type-not-allowed", 415, "this content type is not taken here"),
            Self::Charset => words("charset", 415, "the charset is not UTF-8"),

            Self::CodingUnknown => words("coding-unknown", 415, "this content coding is not taken here"),
            Self::CodingNested => words("coding-nested", 415, "there is more than one content coding"),
            Self::CodingBroken => words("coding-broken", 400, "the compressed stream is broken"),
            Self::CodingCut => words("coding-cut", 400, "the compressed stream ends too early"),
            Self::CodingChecksum => words("coding-checksum", 400, "the checksum of the compressed stream is wrong"),
            Self::CodingTrailing => words("coding-trailing", 400, "something follows the compressed stream"),
            Self::CodingRatio { .. } => words("coding-ratio", 413, "the compressed stream expands too much"),

            Self::NotUtf8 => words("not-utf8", 400, "this is not UTF-8"),
            Self::ByteOrderMark => words("byte-order-mark", 400, "there is a byte order mark"),

            Self::JsonSyntax { .. } => words("json-syntax", 400, "this is not JSON"),
            Self::JsonTrailing => words("json-trailing", 400, "something follows the JSON value"),
            Self::JsonControl => words("json-control", 400, "a control character in a string is not escaped"),
            Self::JsonEscape => words("json-escape", 400, "JSON has no such escape"),
            Self::JsonSurrogate => words("json-surrogate", 400, "an escape is half of a surrogate pair"),
            Self::JsonDuplicate => words("json-duplicate", 400, "two keys of one object are the same"),
            Self::JsonDepth { .. } => words("json-depth", 422, "the JSON is nested too deeply"),
            Self::JsonValues { .. } => words("json-values", 422, "the JSON has too many values"),
            Self::JsonKeys { .. } => words("json-keys", 422, "the JSON has too many keys"),
            Self::JsonObject { .. } => words("json-object", 422, "an object has too many keys"),
            Self::JsonArray { .. } => words("json-array", 422, "an array has too many items"),
            Self::JsonKey { .. } => words("json-key", 422, "a key is too long"),
            Self::JsonString { .. } => words("json-string", 422, "a string is too long"),
            Self::JsonDigits { .. } => words("json-digits", 422, "a number has too many digits"),
            Self::JsonExponent { .. } => words("json-exponent", 422, "the exponent of a number is too large"),
            Self::JsonRange => words("json-range", 422, "a number is too large for a double"),

            Self::TextNul => words("text-nul", 422, "there is a zero character"),
            Self::TextControl => words("text-control", 422, "there is a control character"),
            Self::TextTab => words("text-tab", 422, "there is a tab where none may stand"),
            Self::TextLineBreak => words("text-line-break", 422, "there is a line break where none may stand"),
            Self::TextBidi => words("text-bidi", 422, "a character turns the direction of the text"),
            Self::TextInvisible => words("text-invisible", 422, "there is an invisible character"),
            Self::TextNoncharacter => words("text-noncharacter", 422, "there is a code point that is no character"),
            Self::TextUnassigned => words("text-unassigned", 422, "there is a code point that has no meaning yet"),
            Self::TextPrivate => words("text-private", 422, "there is a code point for private use"),
            Self::TextForm { .. } => words("text-form", 422, "the text is not in its normal form"),
            Self::TextShort { .. } => words("text-short", 422, "the text is too short"),
            Self::TextLong { .. } => words("text-long", 422, "the text is too long"),

            Self::Blocked { .. } => words("blocked-field", 422, "this field may not be set by a caller"),

            Self::FormEscape => words("form-escape", 400, "a % is not followed by two hexadecimal digits"),
            Self::FormByte => words("form-byte", 400, "there is a byte that a form writes as an escape"),
            Self::FormPair => words("form-pair", 400, "a pair has no name or no equals sign"),
            Self::FormFields { .. } => words("form-fields", 422, "the form has too many fields"),
            Self::FormName { .. } => words("form-name", 422, "the name of a field is too long"),
            Self::FormValue { .. } => words("form-value", 422, "the value of a field is too long"),
            Self::FormDuplicate => words("form-duplicate", 400, "the field stands twice"),
            Self::FormUnknown => words("form-unknown", 422, "the field is not known here"),
            Self::FormMissing => words("form-missing", 422, "the field is missing"),

            Self::Schema { .. } => words("schema", 422, "the schema of this route does not allow this"),

            Self::ApiPath => words("api-path", 404, "the API description has no such path"),
            Self::ApiMethod => words("api-method", 405, "the API description has no such method for this path"),
            Self::ApiStatus => words("api-status", 422, "the API description has no such status for this operation"),
            Self::ParameterMissing => words("parameter-missing", 422, "the parameter is missing"),
            Self::ParameterDuplicate => words("parameter-duplicate", 400, "the parameter stands twice"),
            Self::ParameterUnknown => words("parameter-unknown", 422, "the query has a parameter that the operation does not have"),
            Self::ParameterEscape => words("parameter-escape", 400, "the parameter cannot be decoded"),
            Self::ParameterCount { .. } => words("parameter-count", 422, "the query has too many parameters"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = self.words().public;
        match self {
            Self::TooLarge { limit }
            | Self::JsonKey { limit }
            | Self::JsonString { limit }
            | Self::FormName { limit }
            | Self::FormValue { limit } => {
                write!(to, "{public}: at most {limit} bytes")
            }
            Self::CodingRatio { limit } => {
                write!(to, "{public}: at most {limit} bytes for each byte sent")
            }
            Self::JsonSyntax { expected } => write!(to, "{public}: expected {expected}"),
            Self::JsonDepth { limit } => write!(to, "{public}: at most {limit} levels"),
            Self::JsonValues { limit } => write!(to, "{public}: at most {limit}"),
            Self::JsonKeys { limit }
            | Self::JsonObject { limit }
            | Self::JsonArray { limit }
            | Self::FormFields { limit }
            | Self::ParameterCount { limit } => {
                write!(to, "{public}: at most {limit}")
            }
            Self::JsonDigits { limit } => write!(to, "{public}: at most {limit}"),
            Self::JsonExponent { limit } => write!(to, "{public}: -{limit} to {limit}"),
            Self::TextForm { form } => write!(to, "{public}, {form}"),
            Self::TextShort { limit } => write!(to, "{public}: at least {limit} characters"),
            Self::TextLong { limit } => write!(to, "{public}: at most {limit} characters"),
            Self::Blocked { rule } => write!(to, "{public} (rule `{rule}`)"),
            Self::Schema { keyword, limit } if limit.is_empty() => {
                write!(to, "{public} (`{keyword}`)")
            }
            Self::Schema { keyword, limit } => write!(to, "{public} (`{keyword}`: {limit})"),
            _ => write!(to, "{public}"),
        }
    }
}
