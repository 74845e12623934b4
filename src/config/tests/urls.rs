//! One mailbox without a settings file.

use super::*;

#[test]
fn urls_give_one_account_on_two_servers() {
    let settings =
        Settings::from_urls("imaps://al%40x.de@Old.example:1993/", "imap://bob@x@[::1]", None, UrlTrust::default())
            .unwrap();
    assert_eq!(settings.servers[0].address, Address::Tcp { host: "old.example".into(), port: 1993 });
    assert_eq!(settings.servers[0].tls, Tls::Implicit);
    assert_eq!(settings.servers[1].address, Address::Tcp { host: "::1".into(), port: 143 });
    assert_eq!(settings.servers[1].tls, Tls::StartTls);
    let account = &settings.accounts[0];
    assert_eq!((&*account.name, &*account.source_user, &*account.destination_user), ("al@x.de", "al@x.de", "bob@x"));
    assert_eq!(settings.state, Path::new(DEFAULT_STATE));
    let elsewhere =
        Settings::from_urls("imaps://a@b", "imaps://a@c", Some(Path::new("/s")), UrlTrust::default()).unwrap();
    assert_eq!(elsewhere.state, Path::new("/s"));
}

#[test]
fn user_and_host_alone_are_a_url_under_tls() {
    let settings =
        Settings::from_urls("al@x.de@old.example", "bob@new.example:1993", None, UrlTrust::default()).unwrap();
    assert_eq!(settings.servers[0].address, Address::Tcp { host: "old.example".into(), port: 993 });
    assert_eq!(settings.servers[1].address, Address::Tcp { host: "new.example".into(), port: 1993 });
    assert_eq!(&*settings.accounts[0].source_user, "al@x.de");
    let mistakes =
        Settings::from_urls("al:Tr0ub4@old.example", "b@n", None, UrlTrust::default()).unwrap_err().to_string();
    assert!(mistakes.contains("a password in a URL") && !mistakes.contains("Tr0ub4"), "{mistakes}");
}

#[test]
fn wrong_urls_say_which_and_why() {
    let table = [
        ("old.example", "--source: this is not a URL: relative URL without a base; write it like imaps://user@host"),
        ("https://a@h", "--source: only imaps:// and imap:// lead to a mailbox"),
        ("imaps://h", "--source: the user is missing"),
        ("imaps://a@", "--source: "),
        ("imaps://a@h:99999", "--source: this is not a URL: invalid port number"),
        ("imaps://a@h/INBOX", "--source: something follows the host"),
        ("imaps://a@h?x", "--source: something follows the host"),
        ("imaps://%00@h", "--source: control characters are not allowed here"),
        ("imaps://%ff@h", "--source: its percent-encoding is not UTF-8"),
        ("imaps://a@n", "user `a` is its own destination"),
    ];
    for (url, expected) in table {
        let mistakes = Settings::from_urls(url, "imaps://a@n", None, UrlTrust::default()).unwrap_err().to_string();
        assert!(mistakes.contains(expected), "{url}: {mistakes}");
    }
    let both = Settings::from_urls("x", "y", None, UrlTrust::default()).unwrap_err();
    assert_eq!(both.0.len(), 2);
}

#[test]
fn url_with_a_password_is_refused_and_not_shown() {
    for url in [
        "imaps://a:hunter2@h",
        "imaps://a:@h",
        "imaps://:hunter2@h",
        "imaps://a:hunter2@h:99999",
        "imaps://a:hun@ter2@h",
    ] {
        let mistakes = Settings::from_urls("imaps://a@o", url, None, UrlTrust::default()).unwrap_err().to_string();
        assert!(mistakes.starts_with("--destination: ") && !mistakes.contains("hun"), "{mistakes}");
    }
    let mistakes =
        Settings::from_urls("imaps://a:b@o", "imaps://a@h", None, UrlTrust::default()).unwrap_err().to_string();
    assert!(mistakes.contains("seen by everyone") && mistakes.contains("MAILFERRY_SOURCE_PASSWORD"), "{mistakes}");
}
