//! Tokens in the stead of passwords: every flow against an endpoint of ours, validated by Dovecot's own oauth2.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::dovecot::{Dovecot, Options};
use crate::support::fake::Fake;
use crate::support::ferry::{Ferry, Side};
use crate::support::issuer::{Answers, CLIENT_SECRET, Issuer, Reply};
use crate::support::process::ServiceUser;
use crate::support::server::{Server, User};
use crate::support::shared;

/// How Dovecot looks at tokens.
#[derive(Clone, Copy)]
pub enum Validation {
    /// By itself, with the signing key.
    Local,
    /// It asks the endpoint (RFC 7662).
    Introspection,
}

/// A Dovecot that takes tokens of that endpoint, and whose users exist with any password.
fn dovecot(issuer: &Issuer, validation: Validation) -> Dovecot {
    let owner = ServiceUser::current();
    let directory = tempfile::tempdir().expect("a directory").keep();
    let keys = directory.join("keys");
    issuer.write_keys(&keys);
    let settings = directory.join("oauth2.conf.ext");
    let how = match validation {
        Validation::Local => format!(
            "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/\nusername_attribute = sub\n",
            keys.display()
        ),
        Validation::Introspection => format!(
            "introspection_mode = post\nintrospection_url = https://cid:secret@localhost:{}\nusername_attribute = username\n\
             active_attribute = active\nactive_value = true\nforce_introspection = yes\ntls_ca_cert_file = {}\n",
            issuer.url("/introspect").rsplit(':').next().expect("a port"),
            issuer.authority_file().display(),
        ),
    };
    fs::write(&settings, how).expect("the settings");
    let everybody = |path: &Path| {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    [
        &directory,
        &keys,
        &keys.join("default"),
        &keys.join("default/HS256"),
        &keys.join("default/HS256/default"),
        &settings,
    ]
    .into_iter()
    .for_each(|path| everybody(path));
    everybody(issuer.directory());
    everybody(&issuer.authority_file());
    owner.own(&directory);
    let passdb = |more: &str| {
        let settings = settings.display();
        format!("passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {settings}\n{more}}}")
    };
    let mut options = Options::maildir_with_dots();
    options.extra_configuration =
        vec!["auth_mechanisms = plain xoauth2 oauthbearer".to_owned(), passdb("  master = yes\n"), passdb("")];
    Dovecot::start(options)
}

/// An account whose source takes tokens, and whose destination is shared.
pub struct Scene {
    pub issuer: Issuer,
    pub server: Dovecot,
    pub user: User,
    pub ferry: Ferry,
}

impl Scene {
    pub fn new(validation: Validation) -> Scene {
        let issuer = Issuer::start();
        let server = dovecot(&issuer, validation);
        let user = User::fresh("bearer");
        let pair = shared::dovecot_pair();
        server.add_user(&user);
        pair.destination.add_user(&user);
        let source = Side::of(&server).with_own_passwords();
        let ferry = Ferry::new(source, Side::of(&pair.destination));
        let ferry = ferry.with_account_lines(&format!("source_user = \"{}\"", user.name));
        Scene { issuer, server, user, ferry }
    }

    /// With these lines in the table of tokens.
    pub fn flow(mut self, flow: &str, lines: &str) -> Scene {
        self.ferry.further_settings = self.issuer.settings("source", flow, lines);
        self
    }

    /// The application acts as whom it likes: `user*app` with a token of `app`.
    pub fn of_application(mut self) -> Scene {
        self.ferry.source = self.ferry.source.set("master_user", "\"app\"").set("master_style", "\"separator\"");
        fs::write(self.ferry.directory().join("client.secret"), CLIENT_SECRET).expect("a secret");
        fs::set_permissions(self.ferry.directory().join("client.secret"), fs::Permissions::from_mode(0o600))
            .expect("it");
        self.flow(
            "client-credentials",
            "client_id = \"app\"\nscope = \"imap/.default\"\nclient_secret_file = \"client.secret\"",
        )
    }

    #[track_caller]
    pub fn assert_opened_by(&self, method: &str) {
        self.ferry.run(&["check"]).expect(0);
        let log = self.server.log();
        let login = log.lines().rev().find(|line| line.contains("Login:")).unwrap_or_else(|| panic!("no login: {log}"));
        assert!(login.contains(&format!("user=<{}>", self.user.name)), "{login}");
        assert!(login.contains(&format!("method={method},")), "{login}");
    }
}

#[test]
fn application_opens_all_accounts_with_one_token() {
    let mut scene = Scene::new(Validation::Local).of_application();
    let others: Vec<User> = (0..4).map(|_| User::fresh("bearer")).collect();
    for other in &others {
        scene.server.add_user(other);
        shared::dovecot_pair().destination.add_user(other);
        scene.ferry = scene.ferry.with_account_lines(&format!("source_user = \"{}\"", other.name));
    }
    scene.ferry.run(&["check", "-j", "4"]).expect(0);
    let requests = scene.issuer.requests("/token");
    assert_eq!(requests.len(), 1, "one token for all: {requests:?}");
    assert_eq!(requests[0]["client_secret"], CLIENT_SECRET);
    let log = scene.server.log();
    for user in others.iter().chain([&scene.user]) {
        assert!(log.contains(&format!("user=<{}>, method=OAUTHBEARER", user.name)), "{log}");
    }
}

#[test]
fn dovecot_takes_tokens_by_both_mechanisms_and_both_validations() {
    for validation in [Validation::Local, Validation::Introspection] {
        let mut scene = Scene::new(validation).of_application();
        for (auth, method) in [("oauthbearer", "OAUTHBEARER"), ("xoauth2", "XOAUTH2")] {
            scene.ferry.source = scene.ferry.source.clone().set("auth", format!("\"{auth}\""));
            scene.assert_opened_by(method);
        }
    }
}

#[test]
fn application_proves_itself_by_its_certificate() {
    let scene = Scene::new(Validation::Local).of_application();
    let directory = scene.issuer.directory().display().to_string();
    let lines = format!(
        "client_id = \"app\"\nscope = \"s\"\ncertificate_file = '{directory}/app.pem'\nkey_file = '{directory}/rsa.pem'"
    );
    let scene = scene.flow("client-credentials", &lines);
    scene.assert_opened_by("OAUTHBEARER");
    assert!(scene.issuer.requests("/token")[0].contains_key("client_assertion"));
}

#[test]
fn service_account_asks_for_each_user() {
    let mut scene = Scene::new(Validation::Local).flow("service-account", "key_file = \"key.json\"\nscope = \"mail\"");
    fs::write(scene.ferry.directory().join("key.json"), scene.issuer.service_account().to_string()).expect("a key");
    scene.assert_opened_by("OAUTHBEARER");
    let other = User::fresh("bearer");
    scene.server.add_user(&other);
    shared::dovecot_pair().destination.add_user(&other);
    scene.ferry = scene.ferry.with_account_lines(&format!("source_user = \"{}\"", other.name));
    let before = scene.issuer.requests("/token").len();
    scene.ferry.run(&["check", "-j", "2"]).expect(0);
    assert_eq!(scene.issuer.requests("/token").len(), before + 2, "one token for each");
}

#[test]
fn refresh_token_that_is_rotated_is_kept_for_the_next_run() {
    let scene = Scene::new(Validation::Local)
        .flow("refresh-token", "client_id = \"app\"\nscope = \"mail\"\nrefresh_token_file = \"kept/{name}\"");
    scene.issuer.behave(Answers { rotates: true, ..Answers::default() });
    scene.issuer.knows("r0", &scene.user.name);
    let file = scene.ferry.directory().join("kept").join(&scene.user.name);
    // Without one, it is said how to get it.
    scene.ferry.run(&["check"]).expect(2).complains(&[&format!("mailferry login {}", scene.user.name)]);
    fs::create_dir_all(file.parent().expect("its directory")).expect("it");
    fs::write(&file, "r0\n").expect("a refresh token");
    scene.assert_opened_by("OAUTHBEARER");
    assert_eq!(fs::read_to_string(&file).expect("it is kept"), "r0+\n");
    assert_eq!(fs::metadata(&file).expect("it").permissions().mode() & 0o777, 0o600);
    scene.assert_opened_by("OAUTHBEARER");
    assert_eq!(fs::read_to_string(&file).expect("it is kept"), "r0++\n");
    scene.issuer.revoke_all();
    scene.ferry.run(&["check"]).expect(4).complains(&["invalid_grant", "mailferry login"]);
}

#[test]
fn command_and_file_bring_tokens() {
    let scene = Scene::new(Validation::Local);
    let token = crate::support::issuer::token::sign(&scene.user.name, 3600, 0);
    let mut scene = scene;
    fs::write(scene.ferry.directory().join("token"), format!("{token}\r\n")).expect("a token");
    scene.ferry.further_settings = "[source.oauth]\nflow = \"file\"\ntoken_file = \"token\"\n".to_owned();
    scene.assert_opened_by("OAUTHBEARER");
    fs::write(
        scene.ferry.directory().join("token.json"),
        format!("{{\"access_token\": \"{token}\", \"expires_in\": 60}}"),
    )
    .expect("it");
    scene.ferry.further_settings =
        "[source.oauth]\nflow = \"command\"\ntoken_command = [\"sh\", \"-c\", \"test \\\"$0\\\" = {user} && cat token.json\", \"{user}\"]\n"
            .to_owned();
    scene.assert_opened_by("OAUTHBEARER");
    // What a file holds by mistake is told, and not sent.
    fs::write(scene.ferry.directory().join("token"), format!("{token}\n{token}\n")).expect("two lines");
    scene.ferry.further_settings = "[source.oauth]\nflow = \"file\"\ntoken_file = \"token\"\n".to_owned();
    let output = scene.ferry.run(&["check"]).expect(2).complains(&["the token has a line end in it"]);
    assert!(!output.stderr.contains(&token));
}

/// No token is printed, and what is read of this is what people see.
#[test]
fn endpoint_that_refuses_is_told_with_what_to_do() {
    let scene = Scene::new(Validation::Local).of_application();
    let mail = |kind: &str, body: &str| Reply::text(kind, body);
    let cases = [
        (
            Reply::refusal("invalid_client").with_status(401),
            4,
            "invalid_client: words about invalid_client",
            "client secret",
        ),
        (Reply::refusal("unauthorized_client"), 4, "unauthorized_client", "provider's console"),
        (Reply::refusal("invalid_scope"), 2, "invalid_scope", "check `scope`"),
        (Reply::refusal("invalid_request"), 2, "invalid_request", "check `scope`"),
        (
            mail("text/html", "<html>Welcome s3cret</html>"),
            4,
            "no answer to a request for a token (HTTP 200, text/html)",
            "`token_url`",
        ),
        (
            mail("application/json", "{}").with_status(302).with_header("Location", "https://elsewhere.example"),
            4,
            "HTTP 302",
            "`token_url`",
        ),
        (mail("application/json", &format!("\"{}\"", "x".repeat(3 << 20))), 4, "its answer has no end", ""),
        (
            Reply::json(&serde_json::json!({"access_token": "s3cret", "token_type": "mac"})),
            4,
            "its token is of no kind that IMAP takes",
            "",
        ),
        (
            Reply::refusal("invalid_grant").with_header("Date", "Thu, 01 Jan 2015 00:00:00 GMT"),
            4,
            "invalid_grant",
            "this machine's clock is",
        ),
    ];
    for (reply, code, cause, hint) in cases {
        scene.issuer.script([reply.clone()]);
        let output =
            scene.ferry.run(&["check"]).expect(code).complains(&["could not get a token from localhost", cause, hint]);
        assert!(!output.stderr.contains("s3cret"), "{output}");
    }
}

/// What proves who asks is looked at before anybody is asked, and never shown.
#[test]
fn keys_that_cannot_serve_are_told_without_a_word_of_them() {
    let mut scene = Scene::new(Validation::Local);
    let directory = scene.ferry.directory().to_owned();
    let issuer = scene.issuer.directory().display().to_string();
    let application = |lines: &str| format!("client_id = \"app\"\nscope = \"s\"\n{lines}");
    let service = |fields: &[&str]| {
        let mut key = scene.issuer.service_account();
        fields.iter().for_each(|field| drop(key.as_object_mut().expect("an object").remove(*field)));
        key.to_string()
    };
    let files = [
        ("unkeyed.json", service(&["private_key"])),
        ("unnamed.json", service(&["client_email"])),
        ("garbled.json", service(&[]).replacen("MII", "s3cret!", 1)),
        ("cut.json", service(&[])[..900].to_owned()),
        ("key.pem", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n".to_owned()),
        ("empty.pem", String::new()),
        ("secret", "s3cret\n".to_owned()),
    ];
    for (name, text) in files {
        fs::write(directory.join(name), text).expect("a file");
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o600)).expect("its mode");
    }
    let (credentials, account) = ("client-credentials", "service-account");
    let key = |name: &str| format!("key_file = \"{name}\"\nscope = \"mail\"");
    let certified = |certificate: &str, key: &str| {
        application(&format!("certificate_file = '{issuer}/{certificate}'\nkey_file = \"{key}\""))
    };
    let cases = [
        (credentials, application(&format!("certificate_file = '{issuer}/app.pem'")), "is given without its key"),
        (credentials, application(""), "nothing proves who the application is"),
        (
            credentials,
            application(&format!("certificate_file = '{issuer}/app.pem'\nclient_secret_file = \"secret\"")),
            "keep one",
        ),
        (credentials, certified("app.pem", "key.pem"), "the private key cannot be used"),
        (credentials, certified("app.pem", "empty.pem"), "empty.pem"),
        (credentials, certified("rsa.pem", "key.pem"), "holds no certificate in PEM form"),
        (credentials, certified("gone.pem", "key.pem"), "could not read"),
        (account, key("unkeyed.json"), "holds no `private_key`"),
        (account, key("unnamed.json"), "holds no `client_email`"),
        (account, key("garbled.json"), "the private key cannot be used"),
        (account, key("cut.json"), "the service account's key is no JSON"),
        (account, "scope = \"mail\"".to_owned(), "the service account's key is missing"),
    ];
    for (flow, lines, told) in cases {
        scene.ferry.further_settings = scene.issuer.settings("source", flow, &lines);
        let output = scene.ferry.run(&["check"]).expect(2).complains(&[told]);
        for secret in ["s3cret", "MII"] {
            assert!(!output.stderr.contains(secret), "{lines}: {output}");
        }
    }
    assert!(scene.issuer.requests("/token").is_empty(), "nobody is asked");
}

#[test]
fn endpoint_that_is_away_for_a_moment_is_asked_again() {
    let scene = Scene::new(Validation::Local).of_application();
    let replies = [
        Reply::text("text/plain", "out of order").with_status(503),
        Reply::text("text/plain", "slower").with_status(429).with_header("Retry-After", "1"),
    ];
    for reply in replies {
        scene.issuer.script([reply]);
        scene.ferry.run(&["check"]).expect(0);
    }
    let cut = Reply { cut_after: Some(10), ..Reply::json(&serde_json::json!({"access_token": "abcdefghi"})) };
    scene.issuer.script([cut]);
    scene.ferry.run(&["check"]).expect(0);
    // Nobody there at all.
    let mut scene = scene;
    let dead = format!("token_url = \"https://localhost:{}/token\"", crate::support::process::free_port());
    let live = format!("token_url = \"{}\"", scene.issuer.url("/token"));
    scene.ferry.further_settings = scene.ferry.further_settings.replace(&live, &dead);
    scene.ferry.run(&["check"]).expect(4).complains(&["could not get a token from localhost", "HTTPS_PROXY"]);
}

#[test]
fn endpoint_whose_certificate_is_strange_gets_no_secret() {
    let mut scene = Scene::new(Validation::Local).of_application();
    let trusted = format!("ca_file = '{}'\n", scene.issuer.authority_file().display());
    scene.ferry.further_settings = scene.ferry.further_settings.replace(&trusted, "");
    scene
        .ferry
        .run(&["check"])
        .expect(4)
        .complains(&["could not get a token from localhost", "`ca_file` of [source.oauth]"]);
    assert!(scene.issuer.requests("/token").is_empty());
}

#[test]
fn token_that_is_too_long_for_the_server_is_told() {
    let scene = Scene::new(Validation::Local).of_application();
    scene.issuer.behave(Answers { padding: 4000, ..Answers::default() });
    scene.ferry.run(&["check"]).expect(0);
    scene.issuer.behave(Answers { padding: 7000, ..Answers::default() });
    scene.ferry.run(&["check"]).expect(4).complains(&["over a login of", "too long for it (Dovecot takes 8192 bytes)"]);
    scene.issuer.behave(Answers { suffix: "\n", ..Answers::default() });
    scene.ferry.run(&["check"]).expect(2).complains(&["the token has a line end in it"]);
}

/// Minutes of copying, with tokens that live for 20 seconds and a server that ends each session with its token: exact, and no
/// failure. Run by `make torture`.
#[test]
#[ignore = "takes minutes"]
fn tokens_that_live_twenty_seconds_carry_a_copy_of_minutes() {
    let (issuer, source, destination) = (Issuer::start(), Fake::start(), Fake::start());
    issuer.behave(Answers { expires_in: 20, ..Answers::default() });
    let side =
        Side::in_clear_text(source.port()).with_own_passwords().set("max_connections", 2).set("preset", "\"exchange\"");
    let mut ferry = Ferry::new(side, Side::in_clear_text(destination.port()));
    fs::write(ferry.directory().join("client.secret"), CLIENT_SECRET).expect("a secret");
    let lines = "client_id = \"app\"\nscope = \"s\"\nclient_secret_file = \"client.secret\"";
    let limits = "[limits]\nretries = 0\nbandwidth = \"1MB/s\"\n";
    ferry.further_settings = issuer.settings("source", "client-credentials", lines) + limits;
    let ferry = ferry.with_account_lines("source_user = \"mover\"");
    for (name, count) in [("INBOX", 2000), ("Work", 1500), ("Old", 1300)] {
        let made = move |uid| {
            format!("Message-ID: <{uid}@{name}>\r\nSubject: {uid}\r\n\r\n{}\r\n", "x".repeat(20_000)).into_bytes()
        };
        source.tenant("mover").account().create(name.as_bytes()).generate(count, made);
    }
    source.end_sessions_after(Duration::from_secs(20), b"* BYE Session invalidated - AccessTokenExpired\r\n");
    let began = Instant::now();
    let output = ferry.run(&["sync", "--progress", "plain"]).expect(0);
    for word in ["trying again", "going on with a new connection"] {
        assert!(!output.stderr.contains(word), "it is no failure: {output}");
    }
    let (there, here) = (source.tenant("mover").state(), destination.tenant("mover").state());
    crate::support::compare::assert_identical_but_automatic(&there, &here);
    let (seconds, tokens) = (began.elapsed().as_secs(), source.tokens());
    println!("{seconds} seconds, {} logins, {} tokens", tokens.len(), issuer.requests("/token").len());
    assert!(seconds > 100 && issuer.requests("/token").len() > 3, "{seconds} seconds, {} logins", tokens.len());
}

#[test]
fn tokens_that_live_for_seconds_carry_a_copy_to_an_exact_end() {
    let scene = Scene::new(Validation::Local).of_application();
    scene.issuer.behave(Answers { expires_in: 0, ..Answers::default() });
    crate::support::seed::seed(&scene.server, &scene.user.name, "INBOX\n    a\n    b\n    c\nWork\n    d\n    e");
    scene.ferry.run(&["sync"]).expect(0);
    let pair = shared::dovecot_pair();
    let at = |server: &dyn Server| crate::support::state::observe(server, &scene.user.name);
    crate::support::compare::assert_identical_but_automatic(&at(&scene.server), &at(&pair.destination));
    let requests = scene.issuer.requests("/token").len();
    assert!(requests >= 2, "each login had a token of its own: {requests}");
}
