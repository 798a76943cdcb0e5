//! Reading a description.
//!
//! Owns the structure of OpenAPI documents (3.0.4 and 3.1.1 of the OpenAPI Specification) as far as
//! traffic can be held against it. Refuses what would otherwise go unjudged without a word.

use serde_json::Value;

use crate::{
    document::{Library, check_schema, lint},
    json,
    load::LoadError,
    media::MediaType,
};

use super::{
    Answer, Api, ApiOptions, Content, LARGEST, MOST_OPERATIONS, Operation, PathItem, RequestBody,
    Shape, Statuses,
    at::{At, bad},
    convert::{Side, convert},
    form::{FORM, FormShape, Property},
    parameter::{In, List, Parameter, Types},
    path::Template,
};

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

struct File {
    requests: Value,
    request_library: Library,
    answer_library: Library,
}

pub(super) fn load(bytes: &[u8], options: ApiOptions) -> Result<Api, LoadError> {
    if bytes.len() > LARGEST {
        return Err(LoadError::TooMany {
            what: "bytes in the API description",
            limit: LARGEST,
        });
    }
    let what = "the API description";
    let value = json::strict(bytes).map_err(|why| LoadError::NotJson { what, why })?;
    let old = version(&value)?;
    lint::lint(&value, "")?;
    let file = sides(value, old, options.set_read_only)?;
    if let Some(Value::Object(schemas)) = file.requests.pointer("/components/schemas") {
        for (name, schema) in schemas {
            check_schema(
                schema,
                &format!("/components/schemas/{}", lint::escape(name)),
            )?;
        }
    }
    let mut paths = Vec::new();
    let root = At::root(&file.requests);
    let listed = root
        .get("paths")
        .ok_or_else(|| bad("", "it has no `paths`"))?;
    for item in listed.members() {
        let (name, item) = item?;
        paths.push(path_item(&file, &name, item)?);
    }
    check_paths(&paths)?;
    paths.sort_by_key(|item| item.template.order());
    let mut api = Api {
        paths,
        base: options.base,
        unknown_query: options.unknown_query,
        requests: options.requests,
        answers: options.answers,
        credentials: credentials(&file.requests),
    };
    api.requests.vocabulary.extend(file.request_library.names());
    api.answers.vocabulary.extend(file.answer_library.names());
    Ok(api)
}

/// Whether it is 3.0; an error for anything but 3.0 and 3.1.
fn version(value: &Value) -> Result<bool, LoadError> {
    let version = value.get("openapi").and_then(Value::as_str);
    let dialect = value.get("jsonSchemaDialect").and_then(Value::as_str);
    match (version, dialect) {
        (Some(version), None) if version.starts_with("3.0.") => Ok(true),
        (Some(version), None | Some("https://spec.openapis.org/oas/3.1/dialect/base"))
            if version.starts_with("3.1.") =>
        {
            Ok(false)
        }
        (Some(_), Some(_)) => Err(bad("/jsonSchemaDialect", "only the usual dialect is read")),
        _ => Err(bad("/openapi", "only 3.0 and 3.1 are read")),
    }
}

fn sides(value: Value, old: bool, set_read_only: bool) -> Result<File, LoadError> {
    let mut requests = value.clone();
    let asks = Side {
        old,
        banned: (!set_read_only).then_some("readOnly"),
        excused: Some("readOnly"),
    };
    convert(&mut requests, asks);
    let mut answers = value;
    let answered = Side {
        old,
        banned: Some("writeOnly"),
        excused: Some("writeOnly"),
    };
    convert(&mut answers, answered);
    Ok(File {
        request_library: Library::new(requests.clone())?,
        answer_library: Library::new(answers)?,
        requests,
    })
}

fn path_item(file: &File, name: &str, item: At<'_>) -> Result<PathItem, LoadError> {
    let template = Template::parse(name, &item.pointer)?;
    let item = item.resolved(&file.requests)?;
    let shared = parameters(file, &item)?;
    let mut operations = Vec::new();
    for method in METHODS {
        if let Some(at) = item.get(method) {
            operations.push(operation(file, method, &at, &item, &shared)?);
        }
    }
    for name in template.names() {
        let declared = |operation: &Operation| {
            let mut of_path = operation.parameters.iter();
            of_path.any(|it| it.place == In::Path && *it.name == *name)
        };
        if !operations.iter().all(declared) {
            let why = format!("parameter `{name}` of the path is not declared");
            return Err(bad(&item.pointer, why));
        }
    }
    Ok(PathItem {
        template,
        operations,
    })
}

fn operation(
    file: &File,
    method: &str,
    at: &At<'_>,
    item: &At<'_>,
    shared: &[At<'_>],
) -> Result<Operation, LoadError> {
    let own = parameters(file, at)?;
    let key = |at: &At<'_>| {
        (
            at.text("name").map(str::to_owned),
            at.text("in").map(str::to_owned),
        )
    };
    // A parameter of the operation takes the place of one of the path item.
    let overridden = |it: &&At<'_>| own.iter().any(|other| key(other) == key(it));
    let inherited = shared.iter().filter(|it| !overridden(it));
    let mut parameters = Vec::new();
    for at in inherited.chain(&own) {
        parameters.extend(parameter(file, at)?);
    }
    let body = match at.get("requestBody") {
        None => None,
        Some(body) => {
            let body = body.resolved(&file.requests)?;
            Some(RequestBody {
                required: body.is("required"),
                content: content(file, &file.request_library, &body)?,
            })
        }
    };
    let responses = at.get("responses");
    let responses =
        responses.ok_or_else(|| bad(&item.pointer, "an operation has no `responses`"))?;
    let mut answers = Vec::new();
    for answer in responses.members() {
        let (status, answer) = answer?;
        if status.starts_with("x-") {
            continue;
        }
        let statuses = statuses(&status).ok_or_else(|| bad(&answer.pointer, "it is no status"))?;
        let answer = answer.resolved(&file.requests)?;
        let content = match answer.get("content") {
            Some(_) => content(file, &file.answer_library, &answer)?,
            None => Vec::new(),
        };
        answers.push(Answer { statuses, content });
    }
    answers.sort_by_key(|answer| answer.statuses);
    Ok(Operation {
        method: method.to_ascii_uppercase().into(),
        parameters,
        body,
        answers,
    })
}

fn statuses(written: &str) -> Option<Statuses> {
    if written == "default" {
        return Some(Statuses::Any);
    }
    if let Some(hundred) = written.strip_suffix("XX") {
        let hundred = hundred.parse().ok().filter(|it| (1..=5).contains(it));
        return hundred.map(Statuses::Hundred);
    }
    let status = written.parse().ok().filter(|it| (100..600).contains(it));
    status.map(Statuses::One)
}

fn content(file: &File, library: &Library, of: &At<'_>) -> Result<Content, LoadError> {
    let content = of.get("content");
    let content = content.ok_or_else(|| bad(&of.pointer, "it has no `content`"))?;
    let mut found: Content = Vec::new();
    for media in content.members() {
        let (name, media) = media?;
        // Parameters of a media type are about how, not what.
        let essence = name.split(';').next().unwrap_or_default().trim();
        let kind = MediaType::new(essence)?;
        if found.iter().any(|(other, _)| *other == kind) {
            return Err(LoadError::Twice {
                what: "media type",
                name: name.into(),
            });
        }
        let mut shape = Shape::default();
        let is_form = kind.as_str() == FORM;
        if let Some(schema) = media.get("schema")
            && (is_form || kind.is_json() || essence.contains('*'))
        {
            check_schema(schema.value, &schema.pointer)?;
            shape.schema = Some(library.schema(&schema.pointer)?);
        }
        if is_form {
            let schema = media.get("schema").map(|it| it.resolved(&file.requests));
            let properties = properties(file, schema.transpose()?.as_ref())?;
            shape.form = Some(FormShape::new(properties)?);
        }
        found.push((kind, shape));
    }
    Ok(found)
}

/// The properties that the fields of a form are; those of `allOf` and its like are not looked for,
/// and their fields are texts.
fn properties(file: &File, schema: Option<&At<'_>>) -> Result<Vec<Property>, LoadError> {
    let named = schema.and_then(|it| it.get("properties"));
    let members = named.map(|it| it.members()).unwrap_or_default();
    let mut properties = Vec::new();
    for member in members {
        let (name, inner) = member?;
        let inner = inner.resolved(&file.requests)?;
        let list = kinds_of(inner.value).contains(&"array");
        let items = inner.get("items").map(|it| it.resolved(&file.requests));
        let texts = if list {
            items.transpose()?
        } else {
            Some(inner)
        };
        properties.push(Property {
            name: name.into(),
            types: texts
                .map(|it| types(&kinds_of(it.value)))
                .unwrap_or_default(),
            list,
        });
    }
    Ok(properties)
}

fn parameters<'f>(file: &'f File, of: &At<'f>) -> Result<Vec<At<'f>>, LoadError> {
    let listed = of
        .get("parameters")
        .map(|it| it.items())
        .unwrap_or_default();
    let resolve = |at: At<'f>| at.resolved(&file.requests);
    listed.into_iter().map(resolve).collect()
}

/// A parameter of path or query; none for those of headers and cookies.
fn parameter(file: &File, at: &At<'_>) -> Result<Option<Parameter>, LoadError> {
    let name = at
        .text("name")
        .ok_or_else(|| bad(&at.pointer, "it has no `name`"))?;
    let place = match at.text("in") {
        Some("path") => In::Path,
        Some("query") => In::Query,
        Some("header" | "cookie") => return Ok(None),
        _ => {
            return Err(bad(
                &at.pointer,
                "`in` is none of path, query, header and cookie",
            ));
        }
    };
    if place == In::Path && !at.is("required") {
        return Err(bad(&at.pointer, "a parameter of the path is `required`"));
    }
    let schema = at.get("schema");
    let schema =
        schema.ok_or_else(|| bad(&at.pointer, "parameters without `schema` are not read"))?;
    check_schema(schema.value, &schema.pointer)?;
    let compiled = file.request_library.schema(&schema.pointer)?;
    let inner = schema.resolved(&file.requests)?;
    let (list, types) = match kinds_of(inner.value).as_slice() {
        kinds if kinds.contains(&"object") => {
            return Err(bad(&at.pointer, "parameters that are objects are not read"));
        }
        kinds if kinds.contains(&"array") => {
            let items = inner.get("items").map(|it| it.resolved(&file.requests));
            let types = items.transpose()?.map(|it| types(&kinds_of(it.value)));
            (list(at, place)?, types.unwrap_or_default())
        }
        kinds => (List::One, types(kinds)),
    };
    Ok(Some(Parameter {
        name: name.into(),
        place,
        required: at.is("required"),
        types,
        list,
        schema: Some(compiled),
    }))
}

/// How an array is written (OpenAPI 3.1.1 section 4.8.12).
fn list(at: &At<'_>, place: In) -> Result<List, LoadError> {
    let explode = at.value.get("explode").and_then(Value::as_bool);
    match (place, at.text("style"), explode) {
        (In::Query, None | Some("form"), None | Some(true)) => Ok(List::Repeated),
        (In::Query, None | Some("form"), Some(false)) => Ok(List::Joined(',')),
        (In::Query, Some("pipeDelimited"), Some(false)) => Ok(List::Joined('|')),
        (In::Query, Some("spaceDelimited"), Some(false)) => Ok(List::Joined(' ')),
        (In::Path, None | Some("simple"), _) => Ok(List::Joined(',')),
        _ => Err(bad(&at.pointer, "this `style` of an array is not read")),
    }
}

/// The types that a schema names, on its first level.
fn kinds_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn types(kinds: &[&str]) -> Types {
    Types {
        number: kinds.iter().any(|it| matches!(*it, "integer" | "number")),
        boolean: kinds.contains(&"boolean"),
    }
}

/// Refuses two templates that the same path fits equally, and too many operations.
fn check_paths(paths: &[PathItem]) -> Result<(), LoadError> {
    for (at, item) in paths.iter().enumerate() {
        let mut others = paths.iter().skip(at + 1);
        if others.any(|other| other.template.is_twin(&item.template)) {
            return Err(bad(
                "/paths",
                "two paths differ only in the names of their parameters",
            ));
        }
    }
    let operations: usize = paths.iter().map(|item| item.operations.len()).sum();
    if operations > MOST_OPERATIONS {
        return Err(LoadError::TooMany {
            what: "operations",
            limit: MOST_OPERATIONS,
        });
    }
    Ok(())
}

/// The query parameters of `apiKey` security schemes.
fn credentials(file: &Value) -> Vec<Box<str>> {
    let schemes = file.pointer("/components/securitySchemes");
    let schemes = schemes.and_then(Value::as_object);
    let in_query = |scheme: &&Value| scheme.get("in").and_then(Value::as_str) == Some("query");
    schemes
        .into_iter()
        .flat_map(|schemes| schemes.values())
        .filter(in_query)
        .filter_map(|scheme| scheme.get("name").and_then(Value::as_str))
        .map(Box::from)
        .collect()
}
