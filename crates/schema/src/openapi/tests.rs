use serde_json::{Value, json};

use super::*;
use crate::{json::Limits, text::TextRules};

fn options() -> ApiOptions {
    let json = JsonRules::new(Limits::DEFAULT, TextRules::PROSE).unwrap();
    ApiOptions {
        base: "/v1".into(),
        unknown_query: false,
        set_read_only: false,
        requests: json.clone(),
        answers: json,
    }
}

fn pets() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/pets": {
                "get": {
                    "parameters": [
                        {"name": "limit", "in": "query", "required": true, "schema": {"type": "integer", "maximum": 100}},
                        {"name": "kind", "in": "query", "schema": {"type": "array", "items": {"enum": ["cat", "dog"]}}},
                        {"name": "ids", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "integer"}}},
                        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    ],
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}}},
                        "4XX": {"description": "no body"},
                        "default": {"content": {"application/problem+json": {}}},
                    },
                },
                "post": {
                    "requestBody": {"$ref": "#/components/requestBodies/Pet"},
                    "responses": {"201": {"description": "made"}},
                },
            },
            "/pets/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}}},
                "delete": {"responses": {"204": {"description": "gone"}}},
            },
            "/pets/mine": {"get": {"responses": {"200": {"content": {"text/*": {}}}}}},
            "/report.{kind}": {"get": {
                "parameters": [{"name": "kind", "in": "path", "required": true, "schema": {"enum": ["csv", "pdf"]}}],
                "responses": {"default": {"content": {"*/*": {}}}},
            }},
        },
        "components": {
            "parameters": {"Id": {"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1, "format": "int32"}}},
            "requestBodies": {"Pet": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}},
            "schemas": {"Pet": {
                "type": "object",
                "required": ["id", "name", "pin"],
                "properties": {
                    "id": {"type": "integer", "readOnly": true},
                    "name": {"type": "string", "maxLength": 10},
                    "pin": {"$ref": "#/components/schemas/Pin"},
                },
                "additionalProperties": false,
            }, "Pin": {"type": "string", "writeOnly": true}},
            "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "api_key"}},
        },
    })
}

fn load(file: &Value) -> Result<Api, LoadError> {
    Api::load(file.to_string().as_bytes(), options())
}

fn asked(method: &str, target: &str) -> Result<(), Fault> {
    let api = load(&pets()).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = api.request(method, path.as_bytes(), Some(query.as_bytes()));
    asked.map(|_| ()).map_err(|it| it.fault)
}

fn posted(body: &str) -> Result<Kind, String> {
    let api = load(&pets()).unwrap();
    let asked = api.request("POST", b"/v1/pets", None).unwrap();
    let judged = asked.judge(Some(b"application/json"), body.as_bytes());
    judged.map(|it| it.kind()).map_err(|it| it.to_string())
}

fn answered(target: &str, status: u16, media: &str, body: &str) -> Result<Kind, &'static str> {
    let api = load(&pets()).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = api
        .request("GET", path.as_bytes(), Some(query.as_bytes()))
        .unwrap();
    let media = (!media.is_empty()).then_some(media.as_bytes());
    let judged = asked.judge_answer(status, media, body.as_bytes());
    judged.map(|it| it.kind()).map_err(|it| it.code())
}

#[test]
fn operations_are_found_by_path_and_method() {
    for (method, target) in [
        ("GET", "/v1/pets?limit=5"),
        ("HEAD", "/v1/pets?limit=5"),
        ("POST", "/v1/pets"),
        ("GET", "/v1/pets/7"),
        ("GET", "/v1/pets/mine"),
        ("DELETE", "/v1/pets/%37"),
        ("GET", "/v1/report.csv"),
    ] {
        assert_eq!(asked(method, target), Ok(()), "{method} {target}");
    }
    for target in [
        "/pets/7",
        "/v1",
        "/v1/",
        "/v1/pet",
        "/v1/pets/7/x",
        "/v1/pets/",
        "/v1/report.",
        "/v1pets",
        "/v1/report",
    ] {
        assert_eq!(asked("GET", target), Err(Fault::ApiPath), "{target}");
    }
    for method in ["PUT", "get", "TRACE", "DELETE"] {
        assert_eq!(asked(method, "/v1/pets"), Err(Fault::ApiMethod), "{method}");
    }
    assert_eq!(asked("HEAD", "/v1/pets"), Err(Fault::ParameterMissing));
}

#[test]
fn parameters_are_what_their_schemas_say() {
    let schema = |keyword: &'static str, limit: &str| {
        Err(Fault::Schema {
            keyword: keyword.into(),
            limit: limit.into(),
        })
    };
    assert_eq!(
        asked(
            "GET",
            "/v1/pets?limit=5&kind=cat&kind=dog&ids=1,2&api_key=x"
        ),
        Ok(())
    );
    assert_eq!(asked("GET", "/v1/pets?limit=5&&"), Ok(()));
    assert_eq!(asked("GET", "/v1/pets?limit=%35"), Ok(()));
    assert_eq!(asked("GET", "/v1/pets"), Err(Fault::ParameterMissing));
    assert_eq!(asked("GET", "/v1/pets?limit=101"), schema("maximum", "100"));
    for wrong in ["a", "", "1.5", "1e", "0x1", "+5", " 5", "true"] {
        let target = format!("/v1/pets?limit={}", wrong.replace(' ', "%20"));
        assert_eq!(asked("GET", &target), schema("type", "integer"), "{wrong}");
    }
    assert_eq!(
        asked("GET", "/v1/pets?limit=1&limit=2"),
        Err(Fault::ParameterDuplicate)
    );
    assert_eq!(
        asked("GET", "/v1/pets?limit=1&kind=cow"),
        schema("enum", "[\"cat\",\"dog\"]")
    );
    assert_eq!(
        asked("GET", "/v1/pets?limit=1&ids=1,a"),
        schema("type", "integer")
    );
    assert_eq!(
        asked("GET", "/v1/pets?limit=1&ids=1&ids=2"),
        Err(Fault::ParameterDuplicate)
    );
    assert_eq!(
        asked("GET", "/v1/pets?limit=1&debug=1"),
        Err(Fault::ParameterUnknown)
    );
    assert_eq!(
        asked("GET", "/v1/pets?limit=%3"),
        Err(Fault::ParameterEscape)
    );
    assert_eq!(
        asked("GET", "/v1/pets?limit=1&kind=cat%0a"),
        Err(Fault::TextLineBreak)
    );
    assert_eq!(asked("GET", "/v1/pets/0"), schema("minimum", "1"));
    assert_eq!(
        asked("GET", "/v1/pets/2147483648"),
        schema("maximum", "2147483647")
    );
    assert_eq!(asked("GET", "/v1/pets/abc"), schema("type", "integer"));
    assert_eq!(
        asked("GET", "/v1/report.exe"),
        schema("enum", "[\"csv\",\"pdf\"]")
    );
    for target in [
        "/v1/pets/%2f",
        "/v1/pets/%5c",
        "/v1/pets/%",
        "/v1/pets/%ff",
        "/v1/pets/é",
    ] {
        assert_eq!(
            asked("GET", target),
            Err(Fault::ParameterEscape),
            "{target}"
        );
    }
}

#[test]
fn a_request_body_keeps_its_schema_and_sets_nothing_that_is_read_only() {
    assert_eq!(posted("{\"name\":\"Rex\",\"pin\":\"1\"}"), Ok(Kind::Json));
    let told = posted("{\"name\":\"Rex\"}").unwrap_err();
    assert!(told.contains("required") && told.contains("pin"), "{told}");
    let told = posted("{\"name\":\"Rex\",\"pin\":\"1\",\"id\":7}").unwrap_err();
    assert!(told.starts_with("`/id`"), "{told}");
    assert!(posted("{\"name\":\"Rex\",\"pin\":\"1\",\"role\":1}").is_err());
    assert!(posted("{\"name\":\"Rex\",\"name\":\"Rex\",\"pin\":\"1\"}").is_err());
    assert!(posted("").is_err());
    let open = ApiOptions {
        set_read_only: true,
        ..options()
    };
    let api = Api::load(pets().to_string().as_bytes(), open).unwrap();
    let asked = api.request("POST", b"/v1/pets", None).unwrap();
    let body = b"{\"name\":\"Rex\",\"pin\":\"1\",\"id\":7}";
    assert!(asked.judge(Some(b"application/json"), body).is_ok());
    assert_eq!(
        asked.judge(Some(b"text/plain"), body).unwrap_err().fault,
        Fault::TypeNotAllowed
    );
    let asked = api.request("DELETE", b"/v1/pets/1", None).unwrap();
    assert!(asked.judge(None, b"").is_ok());
    assert_eq!(
        asked.judge(None, b"{}").unwrap_err().fault,
        Fault::Unexpected
    );
}

#[test]
fn an_answer_keeps_its_schema_and_shows_nothing_that_is_write_only() {
    let json = "application/json";
    assert_eq!(
        answered("/v1/pets/1", 200, json, "{\"id\":1,\"name\":\"Rex\"}"),
        Ok(Kind::Json)
    );
    for body in [
        "{\"id\":1,\"name\":\"Rex\",\"pin\":\"1\"}",
        "{\"name\":\"Rex\"}",
        "{\"id\":1,\"name\":\"Rex\",\"ssn\":1}",
    ] {
        assert_eq!(
            answered("/v1/pets/1", 200, json, body),
            Err("schema"),
            "{body}"
        );
    }
    assert_eq!(
        answered("/v1/pets/1", 200, "text/html", "<pre>Traceback"),
        Err("type-not-allowed")
    );
    assert_eq!(answered("/v1/pets/1", 500, json, "{}"), Err("api-status"));
    assert_eq!(
        answered(
            "/v1/pets?limit=1",
            200,
            json,
            "[{\"id\":1,\"name\":\"Rex\"}]"
        ),
        Ok(Kind::Json)
    );
    assert_eq!(answered("/v1/pets?limit=1", 404, "", ""), Ok(Kind::None));
    assert_eq!(
        answered("/v1/pets?limit=1", 404, json, "{}"),
        Err("body-unexpected")
    );
    assert_eq!(
        answered("/v1/pets?limit=1", 500, "application/problem+json", "{}"),
        Ok(Kind::Json)
    );
    assert_eq!(
        answered("/v1/pets?limit=1", 500, "application/problem+json", "{"),
        Err("json-syntax")
    );
    assert_eq!(
        answered("/v1/pets/mine", 200, "text/csv", "a,b"),
        Ok(Kind::Any)
    );
}

#[test]
fn schemas_of_3_0_mean_what_3_0_says() {
    let file = json!({
        "openapi": "3.0.3",
        "paths": {"/a": {"post": {
            "requestBody": {"content": {"application/json": {"schema": {
                "type": "object",
                "properties": {
                    "note": {"type": "string", "nullable": true, "enum": ["x"]},
                    "share": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
                    "nullable": {"type": "boolean"},
                    "other": {"$ref": "#/components/schemas/Other", "maxLength": 1},
                },
            }}}},
            "responses": {"200": {"description": ""}},
        }}},
        "components": {"schemas": {"Other": {"type": "string"}}},
    });
    let api = Api::load(
        file.to_string().as_bytes(),
        ApiOptions {
            base: "".into(),
            ..options()
        },
    )
    .unwrap();
    let asked = api.request("POST", b"/a", None).unwrap();
    let judge = |body: &str| {
        asked
            .judge(Some(b"application/json"), body.as_bytes())
            .is_ok()
    };
    for body in [
        "{\"note\":null}",
        "{\"note\":\"x\"}",
        "{\"share\":0.1}",
        "{\"nullable\":true}",
        "{\"other\":\"long\"}",
    ] {
        assert!(judge(body), "{body}");
    }
    for body in [
        "{\"note\":1}",
        "{\"note\":\"y\"}",
        "{\"share\":0}",
        "{\"nullable\":null}",
        "{\"other\":1}",
    ] {
        assert!(!judge(body), "{body}");
    }
    assert!(asked.judge(None, b"").is_ok(), "the body is not required");
}

#[test]
fn a_form_keeps_its_schema() {
    let file = json!({
        "openapi": "3.1.0",
        "paths": {"/a": {"post": {
            "requestBody": {"required": true, "content": {"application/x-www-form-urlencoded": {"schema": {
                "type": "object",
                "required": ["age"],
                "properties": {
                    "age": {"type": "integer", "maximum": 150},
                    "name": {"type": "string", "maxLength": 4},
                    "on": {"type": "boolean"},
                    "tag": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
                    "id": {"type": "string", "readOnly": true},
                },
                "additionalProperties": false,
            }}}},
            "responses": {},
        }}},
    });
    let options = ApiOptions {
        base: "".into(),
        ..options()
    };
    let api = Api::load(file.to_string().as_bytes(), options).unwrap();
    let asked = api.request("POST", b"/a", None).unwrap();
    let judge = |body: &str| {
        let media = b"application/x-www-form-urlencoded";
        let judged = asked.judge(Some(media), body.as_bytes());
        judged.map(|it| it.kind()).map_err(|it| it.to_string())
    };
    for body in ["age=7", "age=7&name=1234&on=true&tag=1&tag=2", "age=%37"] {
        assert_eq!(judge(body), Ok(Kind::Form), "{body}");
    }
    for (body, said) in [
        ("age=x", "field `age`: "),
        ("age=151", "field `age`: "),
        ("age=7&name=12345", "field `name`: "),
        ("age=7&on=yes", "field `on`: "),
        ("age=7&tag=x", "field `tag`: "),
        ("age=7&tag=1&tag=2&tag=3", "field `tag`: "),
        ("age=7&id=1", "field `id`: "),
        (
            "age=7&age=8",
            "field `age`, the 2nd: the field stands twice",
        ),
        (
            "name=a",
            "the schema of this route does not allow this (`required`: \"age\")",
        ),
        (
            "age=7&Jane=1",
            "the schema of this route does not allow this (`additionalProperties`)",
        ),
        ("age=7&", "the 2nd field: "),
    ] {
        let told = judge(body).unwrap_err();
        assert!(told.starts_with(said), "{body}: {told}");
    }
}

#[test]
fn a_description_that_would_go_unjudged_is_refused() {
    let with = |pointer: &str, value: Value| {
        let mut file = pets();
        let (around, name) = pointer.rsplit_once('/').unwrap();
        let around = file.pointer_mut(around).unwrap().as_object_mut().unwrap();
        around.insert(name.replace("~1", "/"), value);
        load(&file)
    };
    assert!(load(&pets()).is_ok_and(|api| api.operations() == 6));
    for (pointer, value) in [
        ("/openapi", json!("2.0")),
        ("/openapi", json!("3.2.0")),
        (
            "/jsonSchemaDialect",
            json!("http://json-schema.org/draft-07/schema#"),
        ),
        ("/paths/pets", json!({})),
        (
            "/paths/~1pets~1{other}",
            json!({"parameters": [{"name": "other", "in": "path", "required": true, "schema": {}}]}),
        ),
        ("/paths/~1x~1{id}", json!({"get": {"responses": {}}})),
        ("/paths/~1x~1{id", json!({})),
        ("/paths/~1x", json!({"get": {}})),
        ("/paths/~1x", json!({"get": {"responses": {"2": {}}}})),
        ("/paths/~1x", json!({"$ref": "#/paths/~1x"})),
        ("/paths/~1x", json!({"$ref": "other.json"})),
        (
            "/paths/~1x",
            json!({"get": {"parameters": [{"name": "a", "in": "query", "content": {}}], "responses": {}}}),
        ),
        (
            "/paths/~1x",
            json!({"get": {"parameters": [{"name": "a", "in": "query", "schema": {"type": "object"}}], "responses": {}}}),
        ),
        (
            "/paths/~1x",
            json!({"get": {"parameters": [{"name": "a", "in": "query", "style": "deepObject", "schema": {"type": "array"}}], "responses": {}}}),
        ),
        (
            "/paths/~1x",
            json!({"get": {"parameters": [{"name": "a", "in": "body", "schema": {}}], "responses": {}}}),
        ),
        (
            "/paths/~1x",
            json!({"get": {"responses": {"default": {"content": {"application/json": {"schema": {"pattern": "(?=a)"}}}}}}}),
        ),
        (
            "/paths/~1x",
            json!({"get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "https://a.example/s"}}}}}}}),
        ),
        (
            "/paths/~1x",
            json!({"get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/None"}}}}}}}),
        ),
        ("/components/schemas/Pet", json!({"type": "text"})),
        ("/components/schemas/Pet", json!({"minimum": "1"})),
        (
            "/components/schemas/Pet",
            json!({"properties": {"example": {"pattern": "(a)\\1"}}}),
        ),
    ] {
        assert!(with(pointer, value.clone()).is_err(), "{pointer} {value}");
    }
    assert!(with("/paths/~1x", json!({"get": {"responses": {}}})).is_ok());
    assert!(
        Api::load(b"openapi: 3.1.0", options()).is_err(),
        "YAML is not read"
    );
}
