mod support;
use mailferry::config::Settings;
use mailferry::engine::Connector;
use mailferry::pipeline::*;
use mailferry::store::Store;
use std::sync::Arc;
use support::{compare::*, seed::seed, server::*, shared, state::observe};

struct Print;
impl Observer for Print {
    fn event(&self, event: Event<'_>) {
        if !matches!(event, Event::Advanced { .. }) {
            eprintln!("{event:?}");
        }
    }
}

#[test]
fn smoke() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("anna");
    seed(
        &pair.source,
        &user.name,
        r#"
INBOX subscribed
    1 a \Seen $Label1 NonJunk "01-Jan-2024 10:00:00 +0100"
    2 b size:100k kind:no-message-id
    7 c
    10..500 bulk
"Old mail"/Größe
    a
"#,
    );
    let dir = tempfile::tempdir().unwrap();
    let text = |side: &str, server: &dyn Server| {
        format!(
            "[{side}]\nhost = \"localhost\"\nport = {}\nca_file = \"{}\"\nmaster_user = \"admin\"\npassword_env = \"MP\"\n",
            server.tls_port(),
            server.authority_file().display()
        )
    };
    unsafe { std::env::set_var("MP", "master-secret") };
    let config = format!(
        "{}{}[[account]]\nsource_user = \"{}\"\n",
        text("source", &pair.source),
        text("destination", &pair.destination),
        user.name
    );
    std::fs::write(dir.path().join("mailferry.toml"), config).unwrap();
    let settings = Settings::from_file(&dir.path().join("mailferry.toml")).unwrap_or_else(|m| panic!("{m}"));
    let (store, _) = Store::open(&settings.state).unwrap();
    let migration = Migration {
        accounts: settings.accounts.clone(),
        source: Connector::new(settings.source.clone(), settings.state.clone()).unwrap(),
        destination: Connector::new(settings.destination.clone(), settings.state.clone()).unwrap(),
        policy: settings.policy.clone(),
        limits: settings.limits,
        jobs: 4,
        passwords: settings.passwords(),
        store,
        observer: Arc::new(Print),
        stop: Stop::default(),
    };
    for _ in 0..3 {
        let results = resync::sync(&migration, Thoroughness::Incremental, ApplyOptions::default());
        eprintln!("{results:#?}");
    }
    assert_identical_but_automatic(&observe(&pair.source, &user.name), &observe(&pair.destination, &user.name));
}
