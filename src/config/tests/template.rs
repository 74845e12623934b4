//! The settings that `init` writes.

use super::*;

#[test]
fn template_loads_once_its_placeholders_are_filled() {
    let presets = PRESETS.iter().map(|(_, preset)| Some(*preset)).chain([None]);
    for preset in presets {
        for (source, destination) in [(preset, None), (None, preset)] {
            let text = template(source, destination);
            let mistakes = Desk::new().mistakes(&text);
            assert!(mistakes.lines().all(|line| line.contains("placeholder")), "{mistakes}");
            let filled = text
                .replace("<host name of the old server>", "old.example.com")
                .replace("<host name of the new server>", "new.example.com")
                .replace("<the master user's login name>", "master")
                .replace("<user on the ", "")
                .replace(" server>", "");
            let settings = Desk::new().read(&filled).unwrap_or_else(|mistakes| panic!("{mistakes}\n{filled}"));
            assert_eq!((settings.servers[0].preset, settings.servers[1].preset), (source, destination));
            assert!(settings.warnings.is_empty());
        }
    }
}

#[test]
fn template_keys_that_are_commented_out_are_known_too() {
    let text = template(None, Some(Preset::Dovecot));
    let known = ["[accounts]", "file = \"accounts.csv\"", "source_password_file"];
    let is_setting = |line: &str| match line.split_once(" = ") {
        Some((key, _)) => key.starts_with('"') || !key.contains(' '),
        None => line.starts_with('['),
    };
    let uncommented = text.lines().map(|line| line.strip_prefix("# ").filter(|line| is_setting(line)).unwrap_or(line));
    let uncommented: Vec<&str> = uncommented.collect();
    assert!(known.iter().all(|known| uncommented.iter().any(|line| line.starts_with(known))));
    let mistakes = Desk::new().mistakes(&uncommented.join("\n"));
    assert!(!mistakes.contains("unknown") && !mistakes.contains("not TOML"), "{mistakes}");
}

#[test]
fn template_tells_what_decides_a_master_login() {
    assert!(template(Some(Preset::Zimbra), None).contains("adminLoginAs"));
    assert!(template(None, Some(Preset::Dovecot)).contains("acl_user = %u"));
    assert!(template(Some(Preset::Cyrus), None).contains("proxyservers"));
}
