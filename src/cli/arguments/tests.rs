use super::*;
use crate::cli::settings_place::SettingsPlace;
use clap::CommandFactory;
use std::path::PathBuf;

fn parsed(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(std::iter::once("mailferry").chain(line.split_whitespace()))
}

#[test]
fn definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_of_the_contract_is_accepted() {
    for line in [
        "init --source zimbra --destination dovecot -",
        "check alice bob --json -",
        "scan --full --json -",
        "plan --details --json - --html page.html --detailed-exitcode alice",
        "apply --max-messages 10 --max-bytes 50MB --max-time 1h30m --allow-deletes --over-quota --now",
        "sync --full --watch 15m --max-messages 10 --json s.json tag:first",
        "verify --deep --json v.json --list v.csv",
        "verify --deep --again",
        "sync --serve 127.0.0.1:0 --metrics-file /x/mailferry.prom",
        "apply --serve unix:/run/page",
        "verify --serve localhost:8080",
        "status --json -",
        "report --html r.html",
        "explain alice INBOX 17",
        "accept alice INBOX 17 --reason seen",
        "accept alice --reason seen",
        "forget alice 'b*'",
        "pause alice tag:finance",
        "resume state:paused",
        "complete alice",
        "completions bash",
        "man pages",
    ] {
        assert!(parsed(line).is_ok(), "{line}: {}", parsed(line).unwrap_err());
    }
}

#[test]
fn global_options_stand_before_and_after_the_command() {
    for line in ["-c a.toml -j 9 -q scan", "scan -c a.toml -j 9 -q", "-j 9 scan -q --config a.toml"] {
        let global = parsed(line).unwrap().global;
        assert_eq!((global.jobs, global.quiet), (9, true), "{line}");
        assert_eq!(global.settings_place(), Ok(SettingsPlace::File("a.toml".into())), "{line}");
    }
}

#[test]
fn config_with_a_url_is_a_contradiction_wherever_they_stand() {
    for line in ["-c a.toml scan --source imaps://a@b", "--destination imaps://a@b scan -c a.toml"] {
        assert!(parsed(line).unwrap().global.settings_place().is_err(), "{line}");
    }
    assert!(parsed("scan --source imaps://a@b").unwrap().global.settings_place().is_err());
}

#[test]
fn two_urls_for_sync_are_its_source_and_destination() {
    let both = parsed("sync imaps://a@b imaps://c@d").unwrap().with_urls();
    let place = SettingsPlace::Urls { source: "imaps://a@b".to_owned(), destination: "imaps://c@d".to_owned() };
    assert_eq!(both.global.settings_place(), Ok(place));
    for line in ["sync a b", "sync imaps://a@b", "sync -c m.toml imaps://a@b imaps://c@d"] {
        assert_eq!(parsed(line).unwrap().with_urls().global.source, None, "{line}");
    }
    assert!(parsed("sync --ca-file x").unwrap().global.settings_place().is_err());
    assert!(parsed("sync --ca-file x --source a@b --destination c@d").unwrap().global.settings_place().is_ok());
}

#[test]
fn init_presets_are_known_ones() {
    let Command::Init(init) = parsed("init --source zimbra").unwrap().command else { panic!("not init") };
    assert_eq!((init.source.as_deref(), init.file), (Some("zimbra"), PathBuf::from(DEFAULT_CONFIG)));
    assert!(parsed("init --source zimbar").is_err());
}

#[test]
fn wrong_sizes_durations_and_counts_are_refused() {
    for line in [
        "sync --serve 0.0.0.0:80",
        "apply --max-bytes much",
        "apply --max-time 5",
        "sync --max-messages 0",
        "scan -j 0",
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn help_lists_every_exit_status_and_command() {
    let help = Arguments::command().render_long_help().to_string();
    for word in ["130", "mailferry sync --watch 15m", "verify", "explain", "MAILFERRY_SOURCE_PASSWORD"] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
}
