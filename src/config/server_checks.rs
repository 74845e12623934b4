//! What contradicts what in a table of a server, and which files it names in vain.

use super::document::At;
use super::mistake::{Findings, Mistake, Origin};
use super::server_keys::{IMAP_PORT, IMAPS_PORT, Keys, Style};
use crate::model::server::{Mechanism, Preset, Tls};
use std::fs;
use std::path::PathBuf;
use zeroize::Zeroizing;

pub(super) fn check_tunnel(keys: &Keys, findings: &Findings) {
    if keys.tunnel.is_none() {
        return;
    }
    let useless = [
        ("host", origin(&keys.host)),
        ("port", origin(&keys.port)),
        ("tls", origin(&keys.tls)),
        ("allow_plaintext", origin(&keys.allow_plaintext)),
        ("ca_file", origin(&keys.ca_file)),
        ("server_name", origin(&keys.server_name)),
        ("fingerprint", origin(&keys.fingerprint)),
        ("client_certificate_file", origin(&keys.client_certificate_file)),
    ];
    for (key, origin) in useless {
        let what = format!("`{key}` contradicts `tunnel`: the command's standard input and output are the server");
        refuse_at(origin, findings, || Mistake::new(&what).fix("keep one of the two"));
    }
}

pub(super) fn check_tls(keys: &Keys, findings: &Findings) {
    if keys.tls.as_ref().is_none_or(|tls| tls.value != Tls::None) || keys.tunnel.is_some() {
        return;
    }
    if keys.allow_plaintext.as_ref().is_none_or(|allow| !allow.value) {
        let what = "`tls = \"none\"` sends passwords and mail in clear text";
        let fix = "use \"implicit\" or \"starttls\", or add `allow_plaintext = true` where nobody can listen";
        refuse_at(origin(&keys.tls), findings, || Mistake::new(what).fix(fix));
    }
    let of_certificates = [
        ("ca_file", origin(&keys.ca_file)),
        ("server_name", origin(&keys.server_name)),
        ("fingerprint", origin(&keys.fingerprint)),
        ("client_certificate_file", origin(&keys.client_certificate_file)),
    ];
    for (key, origin) in of_certificates {
        let what = format!("`{key}` contradicts `tls = \"none\"`: there is no certificate to check");
        refuse_at(origin, findings, || Mistake::new(&what).fix("remove one of the two"));
    }
}

pub(super) fn check_master(keys: &Keys, has_master: bool, findings: &Findings) {
    if !has_master {
        let hanging =
            [("master_style", origin(&keys.master_style)), ("master_separator", origin(&keys.master_separator))];
        for (key, origin) in hanging {
            let what = format!("`{key}` is given without `master_user`");
            refuse_at(origin, findings, || Mistake::new(&what).fix("add `master_user`, or remove it"));
        }
        return;
    }
    let style = keys.master_style.as_ref().map_or(Style::AuthzId, |style| style.value);
    if style != Style::Separator {
        let what = "`master_separator` is used only with `master_style = \"separator\"`";
        refuse_at(origin(&keys.master_separator), findings, || Mistake::new(what).fix("set that style, or remove it"));
    }
    if style == Style::AuthzId {
        let carries = |auth: &At<Mechanism>| auth.value.carries_authorization() || auth.value.takes_token();
        if let Some(auth) = keys.auth.as_ref().filter(|auth| !carries(auth)) {
            let name = auth.value.name().to_ascii_lowercase();
            let what = format!("`auth = \"{name}\"` cannot log in as one user for another");
            let fix = "set `auth = \"plain\"`, or `master_style = \"separator\"` if the server knows it";
            refuse_at(origin(&keys.auth), findings, || Mistake::new(&what).fix(fix));
        }
    }
}

pub(super) fn check_ca_file(keys: &Keys, findings: &Findings) {
    check_pem("ca_file", &keys.ca_file, &["-----BEGIN CERTIFICATE-----"], "certificate", findings);
}

/// Who we are is a certificate and its key, in one file or in two.
pub(super) fn check_client_certificate(keys: &Keys, findings: &Findings) {
    const KEYS: &[&str] =
        &["-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----"];
    let Keys { client_certificate_file: certificate, client_key_file: key, .. } = keys;
    check_pem("client_certificate_file", certificate, &["-----BEGIN CERTIFICATE-----"], "certificate", findings);
    match (certificate, key) {
        (Some(_), None) => check_pem("client_certificate_file", certificate, KEYS, "private key", findings),
        (_, Some(_)) => check_pem("client_key_file", key, KEYS, "private key", findings),
        (None, None) => {}
    }
    if certificate.is_none() {
        let what = "`client_key_file` is given without `client_certificate_file`";
        refuse_at(origin(key), findings, || Mistake::new(what).fix("add the certificate, or remove it"));
        if let Some(auth) = keys.auth.as_ref().filter(|auth| auth.value == Mechanism::External) {
            let what = "`auth = \"external\"` needs a certificate of ours";
            let fix = "add `client_certificate_file` and `client_key_file`";
            refuse_at(Some(&auth.origin), findings, || Mistake::new(what).fix(fix));
        }
    }
}

/// With tokens there is no password, and no other way to log in.
pub(super) fn check_oauth(keys: &Keys, findings: &Findings) {
    if keys.oauth.is_none() {
        return;
    }
    if let Some(auth) = keys.auth.as_ref().filter(|auth| !auth.value.takes_token()) {
        let what = format!("`auth = \"{}\"` takes no token", auth.value.name().to_ascii_lowercase());
        let fix = "remove it, or set \"xoauth2\" or \"oauthbearer\"";
        refuse_at(Some(&auth.origin), findings, || Mistake::new(&what).fix(fix));
    }
    if let Some(place) = &keys.password {
        let what = "a password is named beside the table `oauth`, which says where tokens come from";
        refuse_at(Some(&place.origin), findings, || Mistake::new(what).fix("keep one of the two"));
    }
}

/// A file that must hold one of these blocks.
fn check_pem(key: &str, file: &Option<At<PathBuf>>, blocks: &[&str], noun: &str, findings: &Findings) {
    let Some(At { value: path, origin }) = file else { return };
    let holds = match fs::read(path).map(Zeroizing::new) {
        Ok(octets) => blocks.iter().any(|block| memchr::memmem::find(&octets, block.as_bytes()).is_some()),
        Err(error) => {
            let mistake = Mistake::new(format!("`{key}` {} cannot be read: {error}", path.display()));
            return findings.add(mistake.fix("correct the path or its rights").at(origin));
        }
    };
    if !holds {
        let mistake = Mistake::new(format!("`{key}` {} holds no {noun}", path.display()));
        findings.add(mistake.fix(format!("give a file in PEM form, with {}", blocks[0])).at(origin));
    }
}

pub(super) fn warn_of_oddities(keys: &Keys, findings: &Findings) {
    let tls = keys.tls.as_ref().map_or(Tls::Implicit, |tls| tls.value);
    if let Some(port) = &keys.port {
        match (port.value, tls) {
            (IMAP_PORT, Tls::Implicit) => findings.warn(&port.origin, "port 143 is usually `tls = \"starttls\"`"),
            (IMAPS_PORT, Tls::StartTls | Tls::None) => {
                findings.warn(&port.origin, "port 993 is usually `tls = \"implicit\"`");
            }
            _ => {}
        }
    }
    let is_courier = keys.preset.as_ref().is_some_and(|preset| preset.value == Preset::Courier);
    if let (true, Some(master)) = (is_courier, &keys.master_user) {
        findings.warn(&master.origin, "Courier knows no master user: give each account's own password");
    }
}

fn origin<T>(value: &Option<At<T>>) -> Option<&Origin> {
    value.as_ref().map(|value| &value.origin)
}

fn refuse_at(origin: Option<&Origin>, findings: &Findings, mistake: impl FnOnce() -> Mistake) {
    if let Some(origin) = origin {
        findings.add(mistake().at(origin));
    }
}
