//! `mailferry login`: what a person does once.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;

use crate::support::issuer::Reply;
use crate::tokens::{Scene, Validation};

/// A person at `mailferry login`, and the settings that it needs.
pub fn consenting() -> Scene {
    let scene = Scene::new(Validation::Local);
    let lines = format!(
        "client_id = \"app\"\nscope = \"mail offline_access\"\ndevice_url = \"{}\"\nauthorize_url = \"{}\"",
        scene.issuer.url("/devicecode"),
        scene.issuer.url("/authorize")
    );
    scene.flow("refresh-token", &lines)
}

#[test]
fn login_by_device_code_is_done_once_and_opens_the_account_from_then_on() {
    let scene = consenting();
    let user = scene.user.name.clone();
    scene.ferry.run(&["check"]).expect(2).complains(&[&format!("run once: mailferry login {user}")]);
    let code = Reply::json(&serde_json::json!({
        "device_code": "dev1ce-c0de", "user_code": "ABCD-EFGH", "interval": 0, "expires_in": 900,
        "verification_uri": "https://example.org/device",
    }));
    let granted = Reply::json(&serde_json::json!({"access_token": "unused", "refresh_token": "r0"}));
    scene.issuer.knows("r0", &user);
    scene.issuer.script([code.clone(), Reply::refusal("authorization_pending"), granted]);
    let output = scene.ferry.run(&["login", &user]).expect(0).says("the refresh token is kept");
    let output = output.complains(&["https://example.org/device", "ABCD-EFGH", "15 minutes"]);
    assert!(!format!("{output}").contains("dev1ce-c0de"), "{output}");
    let file = scene.ferry.directory().join(format!("mailferry.tokens/{user}.source"));
    assert_eq!(fs::metadata(&file).expect("it is kept").permissions().mode() & 0o777, 0o600);
    scene.assert_opened_by("OAUTHBEARER");
    for (refusal, told) in [("authorization_declined", "declined"), ("expired_token", "the code has ended")] {
        scene.issuer.script([code.clone(), Reply::refusal(refusal)]);
        scene.ferry.run(&["login", &user, "--device"]).expect(4).complains(&[told]);
    }
    scene.ferry.run(&["login", &user, "--side", "destination"]).expect(2).complains(&["nothing to consent to"]);
}

#[test]
fn login_by_browser_takes_the_code_of_its_own_page_alone() {
    let scene = consenting();
    let user = scene.user.name.clone();
    let mut running = scene.ferry.start(&["login", &user, "--browser"]);
    assert!(running.wait_until_said(|stderr| stderr.contains("/authorize?") && stderr.contains("login_hint")));
    let said = fs::read_to_string(running.stderr_file()).expect("standard error");
    let page = said.lines().find_map(|line| url::Url::parse(line.trim()).ok()).expect("a page");
    let field = |name: &str| page.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let redirect = url::Url::parse(&field("redirect_uri").expect("a way back")).expect("a URL");
    let visit = |query: &str| {
        let mut stream =
            std::net::TcpStream::connect(("127.0.0.1", redirect.port().expect("a port"))).expect("it listens");
        write!(stream, "GET /?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("ask");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let state = field("state").expect("a state");
    assert!(visit("code=stolen&state=guessed").contains("404"));
    assert!(visit("favicon").contains("404"));
    assert!(visit(&format!("code={user}&state={state}")).contains("may be closed"));
    running.finish().expect(0);
    let exchanged = scene.issuer.requests("/token").pop().expect("the code was exchanged");
    assert_eq!(exchanged["code"], user);
    let challenge = field("code_challenge").expect("PKCE");
    let digest = ring::digest::digest(&ring::digest::SHA256, exchanged["code_verifier"].as_bytes());
    let digest = crate::support::base64::encode_unpadded(digest.as_ref()).replace('+', "-").replace('/', "_");
    assert_eq!(digest, challenge);
    scene.assert_opened_by("OAUTHBEARER");
}
