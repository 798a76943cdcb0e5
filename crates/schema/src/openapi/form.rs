//! Forms as a description knows them: objects whose properties are fields.
//!
//! Owns the turning of fields into the object that the schema speaks of. A field whose property is
//! an array may repeat; every other stands once. Trusts [`crate::form`] for what a form is.

use serde_json::{Map, Value};

use crate::{
    document::Schema,
    form::{Field, FormLimits, FormRules},
    load::LoadError,
    refusal::{Place, Refusal},
    text::TextRules,
};

use super::parameter::Types;

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A property of the form's schema.
pub(super) struct Property {
    pub(super) name: Box<str>,
    pub(super) types: Types,
    /// Whether it is an array, of which `types` are the items.
    pub(super) list: bool,
}

/// The fields of a form.
pub(super) struct FormShape {
    rules: FormRules,
    properties: Vec<Property>,
}

impl FormShape {
    pub(super) fn new(properties: Vec<Property>) -> Result<Self, LoadError> {
        let field = |property: &Property| Field {
            name: property.name.clone(),
            required: false,
            repeats: property.list,
            text: TextRules::PROSE,
        };
        let fields = properties.iter().map(field).collect();
        let rules = FormRules::new(FormLimits::DEFAULT, TextRules::PROSE)?;
        // What else may stand is for the schema to say.
        let rules = rules.with_fields(fields, true)?;
        Ok(Self { rules, properties })
    }

    pub(super) fn judge(&self, schema: Option<&Schema>, body: &[u8]) -> Result<(), Refusal> {
        let pairs = self.rules.read(body)?;
        let Some(schema) = schema else {
            return Ok(());
        };
        let mut object = Map::new();
        for (name, text) in pairs {
            let property = self.properties.iter().find(|it| *it.name == *name);
            let value = property.map_or_else(
                || Value::String(text.clone()),
                |property| property.types.value(&text),
            );
            if property.is_some_and(|it| it.list) {
                let list = object
                    .entry(name)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(items) = list {
                    items.push(value);
                }
            } else {
                object.insert(name, value);
            }
        }
        schema.judge(&Value::Object(object)).map_err(in_form)
    }
}

/// A violation at a pointer as one of a field.
fn in_form(refusal: Refusal) -> Refusal {
    let Refusal { fault, place } = refusal;
    let name = match &place {
        Place::Json { pointer, .. } => pointer.split('/').nth(1).filter(|it| *it != "?"),
        _ => None,
    };
    let place = name.map_or(Place::Body, |name| Place::Field {
        nth: 0,
        name: Some(name.into()),
    });
    Refusal { fault, place }
}
