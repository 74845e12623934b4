//! Whether JSON is as its schema in `schemas/` says (JSON Schema 2020-12, as much of it as is used there). More is asked than
//! of a reader: each field has to be described. What the schemas use and this does not know is an error.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What only explains.
const WORDS: [&str; 6] = ["$schema", "$id", "$defs", "title", "description", "required"];

pub struct Schemas(HashMap<String, Value>);

impl Schemas {
    /// All that are in the repository.
    pub fn read() -> Schemas {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        let entries = fs::read_dir(&directory).expect("the schemas").map(|entry| entry.expect("an entry").path());
        let read = |path: &Path| serde_json::from_slice(&fs::read(path).expect("a schema")).expect("JSON");
        Schemas(entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read(&path))).collect())
    }

    /// Panics with all that is not as `name`.json says.
    #[track_caller]
    pub fn check(&self, name: &str, value: &Value) {
        let mut faults = Vec::new();
        let file = format!("{name}.json");
        let schema = self.0.get(&file).unwrap_or_else(|| panic!("there is no {file}"));
        self.judge((&file, schema), value, name, &mut faults);
        assert!(faults.is_empty(), "{}\nin {value:#}", faults.join("\n"));
    }

    fn judge(&self, (file, schema): (&str, &Value), value: &Value, place: &str, faults: &mut Vec<String>) {
        let keywords = schema.as_object().unwrap_or_else(|| panic!("{place}: no schema: {schema}"));
        for (keyword, wanted) in keywords {
            match keyword.as_str() {
                word if WORDS.contains(&word) => {}
                "$ref" => {
                    let (other, definition) = self.referred(file, wanted);
                    self.judge((&other, definition), value, place, faults);
                }
                "type" => {
                    let names = if wanted.is_array() { wanted.clone() } else { Value::from(vec![wanted.clone()]) };
                    let fits = names.as_array().unwrap().iter().any(|name| is_of(value, name.as_str().unwrap()));
                    note(fits, faults, || format!("{place}: {value} is no {wanted}"));
                }
                "const" => note(value == wanted, faults, || format!("{place}: {value} is not {wanted}")),
                "enum" => {
                    let fits = wanted.as_array().unwrap().contains(value);
                    note(fits, faults, || format!("{place}: {value} is none of {wanted}"));
                }
                "minimum" => {
                    let fits = value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap());
                    note(fits, faults, || format!("{place}: {value} is less than {wanted}"));
                }
                "anyOf" => {
                    let fits = wanted.as_array().unwrap().iter().any(|one| {
                        let mut found = Vec::new();
                        self.judge((file, one), value, place, &mut found);
                        found.is_empty()
                    });
                    note(fits, faults, || format!("{place}: {value} is none of the kinds that it may be"));
                }
                "items" => {
                    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.judge((file, wanted), item, &format!("{place}[{number}]"), faults);
                    }
                }
                "properties" | "additionalProperties" => {}
                unknown => panic!("{place}: what is {unknown}?"),
            }
        }
        if let Some(object) = value.as_object().filter(|_| keywords.get("type").is_some_and(|it| it == "object")) {
            self.judge_fields((file, schema), object, place, faults);
        }
    }

    fn judge_fields(
        &self,
        (file, schema): (&str, &Value),
        object: &serde_json::Map<String, Value>,
        place: &str,
        faults: &mut Vec<String>,
    ) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            note(object.contains_key(name), faults, || format!("{place}: {name} is missing"));
        }
        for (name, field) in object {
            let place = format!("{place}.{name}");
            match schema["properties"].get(name).or(schema.get("additionalProperties")) {
                Some(described) => self.judge((file, described), field, &place, faults),
                None => faults.push(format!("{place}: nothing is said of it")),
            }
        }
    }

    fn referred(&self, file: &str, reference: &Value) -> (String, &Value) {
        let reference = reference.as_str().expect("a reference");
        let (other, pointer) = reference.split_once('#').expect("a fragment");
        let other = if other.is_empty() { file } else { other };
        let found = self.0.get(other).and_then(|schema| schema.pointer(pointer));
        (other.to_owned(), found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
    }
}

fn note(fits: bool, faults: &mut Vec<String>, fault: impl FnOnce() -> String) {
    if !fits {
        faults.push(fault());
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("what is {other}?"),
    }
}
