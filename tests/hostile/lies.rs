//! Small ways to spoil a response: parts of behaviours.

/// The number behind `key` becomes another, or goes together with the key.
pub fn number_after(response: Vec<u8>, key: &str, change: impl Fn(u64) -> Option<u64>) -> Vec<u8> {
    let Some(at) = memchr::memmem::find(&response, key.as_bytes()) else { return response };
    let start = at + key.len();
    let length = response[start..].iter().take_while(|octet| octet.is_ascii_digit()).count();
    let number = String::from_utf8_lossy(&response[start..start + length]).parse().unwrap_or(0);
    let mut changed = response.clone();
    match change(number) {
        Some(number) => changed.splice(start..start + length, number.to_string().into_bytes()),
        None => changed.splice(at..start + length, Vec::new()),
    };
    changed
}

/// Every `from` becomes `to`.
pub fn replaced(response: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let mut rest = response.as_slice();
    let mut changed = Vec::with_capacity(rest.len());
    while let Some(at) = memchr::memmem::find(rest, from.as_bytes()) {
        changed.extend_from_slice(&rest[..at]);
        changed.extend_from_slice(to.as_bytes());
        rest = &rest[at + from.len()..];
    }
    changed.extend_from_slice(rest);
    changed
}

/// Whether it is an untagged response with this word in second or third place.
pub fn is(response: &[u8], word: &str) -> bool {
    let words = response.split(|octet| b" \r".contains(octet)).take(3).skip(1);
    response.starts_with(b"* ") && words.into_iter().any(|it| it == word.as_bytes())
}

/// Whether it is the FETCH of that UID.
pub fn is_fetch_of(response: &[u8], uid: u32) -> bool {
    let named = |after: &str| memchr::memmem::find(response, format!("UID {uid}{after}").as_bytes()).is_some();
    is(response, "FETCH") && (named(" ") || named(")"))
}

/// Whether the response holds that text.
pub fn holds(response: &[u8], text: &str) -> bool {
    memchr::memmem::find(response, text.as_bytes()).is_some()
}

/// From this text up to the end of that one: gone.
pub fn without(response: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let Some(start) = memchr::memmem::find(&response, from.as_bytes()) else { return response };
    let Some(length) = memchr::memmem::find(&response[start..], to.as_bytes()) else { return response };
    let mut changed = response;
    changed.drain(start..start + length + to.len());
    changed
}
