//! How much room there is (RFC 9208, RFC 2087).

use crate::engine::wire::response::{Response, number};
use crate::model::server::{Quota, QuotaResource};

/// STORAGE is counted in units of this many octets on the wire.
const STORAGE_UNIT: u64 = 1024;

/// Resources of one quota root: there are two that count here.
const RESOURCES: usize = 8;

/// Asks for the quotas that the INBOX counts against.
pub(in crate::engine) const QUOTA_COMMAND: &[u8] = b"GETQUOTAROOT \"INBOX\"";

/// `* QUOTA "root" (STORAGE used limit MESSAGE used limit)`
pub(in crate::engine) fn quota_line(response: &mut Response) -> Option<Vec<Quota>> {
    let mut scanner = response.scan();
    scanner.word()?;
    scanner.spaces();
    if !scanner.word()?.eq_ignore_ascii_case(b"QUOTA") {
        return None;
    }
    scanner.spaces();
    let root = crate::error::sanitized(&String::from_utf8_lossy(&scanner.string()?));
    scanner.spaces();
    let words = scanner.words()?;
    let resource = |triple: &[String]| {
        let (resource, unit) = match triple[0].to_ascii_uppercase().as_str() {
            "STORAGE" => (QuotaResource::Storage, STORAGE_UNIT),
            "MESSAGE" => (QuotaResource::Messages, 1),
            _ => return None,
        };
        let value = |text: &str| number(text.as_bytes()).map(|value| value.saturating_mul(unit));
        Some(Quota { root: root.clone(), resource, used: value(&triple[1])?, limit: value(&triple[2])? })
    };
    Some(words.chunks_exact(3).filter_map(resource).take(RESOURCES).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_line_units_are_octets() {
        let quotas =
            quota_line(&mut Response::from_text("* QUOTA \"User quota\" (STORAGE 239 1024 MESSAGE 3 10 X 1 2)"));
        let quotas = quotas.unwrap();
        assert_eq!((quotas.len(), quotas[0].used, quotas[0].limit), (2, 239 << 10, 1 << 20));
        assert_eq!(quotas[1].resource, QuotaResource::Messages);
    }
}
