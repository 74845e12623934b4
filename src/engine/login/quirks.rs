//! Who the server is, and the oddities that its name tells. A capability beats a preset, what is seen beats both.

use super::servers::{known_by, named_in};
use crate::engine::conversation::session::Session;
use crate::engine::wire::response::Response;
use crate::model::server::Preset;

/// Tells the server who we are (RFC 2971); some log it, and administrators look for it there.
pub const ID_COMMAND: &[u8] =
    concat!("ID (\"name\" \"mailferry\" \"version\" \"", env!("CARGO_PKG_VERSION"), "\")").as_bytes();

/// An ID response has no more fields (RFC 2971 3.3).
const FIELDS: usize = 30;

/// Whether this is the answer to ID.
pub fn is_id(response: &Response) -> bool {
    response.text().get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"* ID "))
}

/// The fields of an ID response, as (name in lower case, value).
pub fn id_fields(mut response: Response) -> Vec<(String, String)> {
    let mut scanner = response.scan();
    let is_id = scanner.take(b'*') && {
        scanner.spaces();
        scanner.word().is_some_and(|word| word.eq_ignore_ascii_case(b"ID"))
    };
    scanner.spaces();
    let mut fields = Vec::new();
    if !is_id || !scanner.take(b'(') {
        return fields;
    }
    while fields.len() < FIELDS {
        scanner.spaces();
        let Some(name) = scanner.string() else { return fields };
        scanner.spaces();
        let Some(value) = scanner.string() else { return fields };
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        fields.push((text(name).to_ascii_lowercase(), crate::error::sanitized(&text(value))));
    }
    fields
}

/// The value of that field.
pub fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// The product's name and version, as far as ID tells.
pub fn product(fields: &[(String, String)]) -> String {
    [field(fields, "name"), field(fields, "version")].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Finds the preset from the settings, the ID, the capabilities and the greeting, in this order. Capabilities are those after
/// the login: a proxy shows its own before it.
pub fn recognise(session: &mut Session) {
    let by_name = named_in(&session.product).filter(|_| !session.product.is_empty());
    let found = by_name.or_else(|| known_by(&session.capabilities)).or_else(|| named_in(&session.greeting));
    if session.product.is_empty() {
        session.product = found.map_or_else(String::new, |(name, _)| name.to_owned());
    }
    session.preset = session.server.preset.or(found.map(|(_, preset)| preset)).unwrap_or(Preset::Generic);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_fields_nil_and_missing_values_are_taken() {
        let fields = id_fields(Response::from_text("* ID (\"name\" \"Cyrus IMAPD\" \"version\" \"3.6.1\" \"os\" NIL)"));
        assert_eq!(product(&fields), "Cyrus IMAPD 3.6.1");
        assert!(id_fields(Response::from_text("* ID NIL")).is_empty());
        assert!(id_fields(Response::from_text("* ID (\"name\"")).is_empty());
    }
}
