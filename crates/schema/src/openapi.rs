//! OpenAPI 3.0 and 3.1: what an API says about its requests and answers, held against both.
//!
//! Owns the reading of a description (JSON alone: none of the YAML readers is one we would hold a
//! boundary with), and the judging of paths, parameters, bodies and answers against it. Refuses what
//! the description does not have. Trusts the caller to have checked the path's encoding, and
//! [`crate::json`] for what a body is. Header and cookie parameters are not judged, nor are the
//! schemas of bodies other than JSON and forms; their types are.

mod at;
mod convert;
mod form;
mod load;
mod parameter;
mod path;

use std::fmt;

use crate::{
    answers::AnswerRefusal,
    document::Schema,
    json::JsonRules,
    load::LoadError,
    media::MediaType,
    refusal::{Fault, Refusal},
    rules::{Judged, Kind},
};

use form::FormShape;
use parameter::Parameter;
use path::Template;

/// Largest description, in bytes.
pub const LARGEST: usize = 4_194_304;
/// Most operations.
pub const MOST_OPERATIONS: usize = 2_000;

/// How a description is held against traffic.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// The path that stands before those of the description, such as `/v1`; may be empty.
    pub base: Box<str>,
    /// Whether a query may have parameters that the operation does not.
    pub unknown_query: bool,
    /// Whether a request may set what the description calls `readOnly`. An answer never may show
    /// what it calls `writeOnly`.
    pub set_read_only: bool,
    /// Limits, text rules and blocked fields of JSON requests.
    pub requests: JsonRules,
    /// Limits of JSON answers.
    pub answers: JsonRules,
}

/// A description that was read.
#[derive(Debug)]
pub struct Api {
    /// In the order in which they are tried: what is written out before what is a parameter.
    paths: Vec<PathItem>,
    base: Box<str>,
    unknown_query: bool,
    requests: JsonRules,
    answers: JsonRules,
    /// Query parameters that carry credentials: those of security schemes.
    credentials: Vec<Box<str>>,
}

#[derive(Debug)]
struct PathItem {
    template: Template,
    operations: Vec<Operation>,
}

/// One method on one path.
pub struct Operation {
    method: Box<str>,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    answers: Vec<Answer>,
}

impl fmt::Debug for Operation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Operation")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

struct RequestBody {
    required: bool,
    content: Content,
}

/// Media types with what is known of their bodies.
type Content = Vec<(MediaType, Shape)>;

/// What is known of a body of one media type.
#[derive(Default)]
struct Shape {
    /// JSON and forms without a schema are read and held against nothing.
    schema: Option<Schema>,
    form: Option<FormShape>,
}

struct Answer {
    statuses: Statuses,
    content: Content,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Statuses {
    /// `200`
    One(u16),
    /// `2XX`
    Hundred(u16),
    /// `default`
    Any,
}

/// An operation that a request was found to be, whose path and query were judged.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    api: &'a Api,
    operation: &'a Operation,
    place: Place,
}

/// Where an operation stands in its description, so that it is found again when its answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    path: usize,
    operation: usize,
    head: bool,
}

impl Api {
    /// Reads a description.
    ///
    /// # Errors
    ///
    /// A file that is too large, no JSON, no OpenAPI 3.0 or 3.1, that refers to another file, or
    /// that says something we would have to leave unjudged.
    pub fn load(bytes: &[u8], options: ApiOptions) -> Result<Self, LoadError> {
        load::load(bytes, options)
    }

    /// Finds the operation of a request and judges its path and query.
    ///
    /// `path` is the path as it was sent, `query` what follows its `?`.
    ///
    /// # Errors
    ///
    /// A path or method that the description does not have, or a parameter it does not allow.
    pub fn request(
        &self,
        method: &str,
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Asked<'_>, Refusal> {
        let unknown = || Refusal::whole(Fault::ApiPath);
        let path = path
            .strip_prefix(self.base.as_bytes())
            .ok_or_else(unknown)?;
        let segments = path::segments(path).ok_or_else(unknown)??;
        let mut items = self.paths.iter().enumerate();
        let found = items.find(|(_, item)| item.template.fits(&segments));
        let (number, item) = found.ok_or_else(unknown)?;
        let of = |method: &str| {
            let mut operations = item.operations.iter().enumerate();
            operations.find(|(_, it)| &*it.method == method)
        };
        // Whoever answers GET answers HEAD (RFC 9110 section 9.3.2).
        let head = method == "HEAD";
        let found = of(method).or_else(|| head.then(|| of("GET")).flatten());
        let (place, operation) = found.ok_or_else(|| Refusal::whole(Fault::ApiMethod))?;
        let values = item.template.values(&segments);
        parameter::judge_path(&operation.parameters, &values)?;
        parameter::judge_query(
            &operation.parameters,
            query.unwrap_or_default(),
            self.unknown_query,
            &self.credentials,
        )?;
        Ok(Asked {
            api: self,
            operation,
            place: Place {
                path: number,
                operation: place,
                head,
            },
        })
    }

    /// Judges an answer of the app to a request that was found to be the operation at `place`.
    ///
    /// # Errors
    ///
    /// As [`Asked::judge_answer`]; and every answer to what was found to be no operation.
    pub fn judge_answer(
        &self,
        place: Option<Place>,
        status: u16,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Judged, AnswerRefusal> {
        let asked = place.and_then(|place| self.at(place));
        let unknown = || AnswerRefusal(Refusal::whole(Fault::ApiPath));
        let asked = asked.ok_or_else(unknown)?;
        asked.judge_answer(status, content_type, body)
    }

    fn at(&self, place: Place) -> Option<Asked<'_>> {
        let item = self.paths.get(place.path)?;
        let operation = item.operations.get(place.operation)?;
        Some(Asked {
            api: self,
            operation,
            place,
        })
    }

    /// The methods that the description has for a path, as `Allow` lists them; none where it does not
    /// have the path.
    #[must_use]
    pub fn allowed(&self, path: &[u8]) -> Option<String> {
        let path = path.strip_prefix(self.base.as_bytes())?;
        let segments = path::segments(path)?.ok()?;
        let item = self.paths.iter().find(|it| it.template.fits(&segments))?;
        let methods: Vec<&str> = item.operations.iter().map(|it| &*it.method).collect();
        Some(methods.join(", "))
    }

    /// How many operations there are.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.paths.iter().map(|item| item.operations.len()).sum()
    }
}

impl Asked<'_> {
    /// Where it stands.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Judges the body of the request, already inflated.
    ///
    /// # Errors
    ///
    /// The first thing that the rules or the description do not allow.
    pub fn judge(&self, content_type: Option<&[u8]>, body: &[u8]) -> Result<Judged, Refusal> {
        match &self.operation.body {
            None if body.is_empty() => Ok(Judged::of(Kind::None)),
            None => Err(Refusal::whole(Fault::Unexpected)),
            Some(wanted) if body.is_empty() && !wanted.required => Ok(Judged::of(Kind::None)),
            Some(_) if body.is_empty() => Err(Refusal::whole(Fault::Empty)),
            Some(wanted) => judge_content(&wanted.content, &self.api.requests, content_type, body),
        }
    }

    /// Judges an answer of the app.
    ///
    /// # Errors
    ///
    /// A status the description does not have, or a body it does not allow.
    pub fn judge_answer(
        &self,
        status: u16,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Judged, AnswerRefusal> {
        let fits = |answer: &&Answer| match answer.statuses {
            Statuses::One(one) => one == status,
            Statuses::Hundred(hundred) => hundred == status / 100,
            Statuses::Any => true,
        };
        let answer = self.operation.answers.iter().find(fits);
        let answer = answer.ok_or(AnswerRefusal(Refusal::whole(Fault::ApiStatus)))?;
        if body.is_empty() && (self.place.head || answer.content.is_empty() || status == 304) {
            return Ok(Judged::of(Kind::None));
        }
        if answer.content.is_empty() {
            return Err(AnswerRefusal(Refusal::whole(Fault::Unexpected)));
        }
        judge_content(&answer.content, &self.api.answers, content_type, body).map_err(AnswerRefusal)
    }
}

fn judge_content(
    content: &Content,
    rules: &JsonRules,
    content_type: Option<&[u8]>,
    body: &[u8],
) -> Result<Judged, Refusal> {
    let sent = MediaType::parse(content_type)?;
    // The most exact of the types that cover it, as the specification wants.
    let stars = |media: &MediaType| media.as_str().matches('*').count();
    let found = content
        .iter()
        .filter(|(media, _)| media.covers(&sent))
        .min_by_key(|(media, _)| stars(media));
    let not_allowed = Refusal::header("Content-Type", Fault::TypeNotAllowed);
    let (_, shape) = found.ok_or(not_allowed)?;
    if sent.is_json() {
        rules.judge(body)?;
        if let Some(schema) = &shape.schema {
            schema.judge_read(body)?;
        }
        return Ok(Judged::of(Kind::Json));
    }
    if let Some(form) = &shape.form {
        form.judge(shape.schema.as_ref(), body)?;
        return Ok(Judged::of(Kind::Form));
    }
    Ok(Judged::of(Kind::Any))
}

#[cfg(test)]
mod tests;
