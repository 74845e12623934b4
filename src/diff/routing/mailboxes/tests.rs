//! Listings are written one mailbox to an entry: its path, then after `|` its attributes and marks.

use super::*;
use crate::error::Kind;
use crate::model::namespace::Namespace;
use crate::model::server::Preset;
use crate::model::{
    Attribute, FlagCapacity, Labels, MailboxName, MailboxState, ModSeq, Names, SideState, SpecialUse, SyncPoint, Uid,
    UidValidity, utf7,
};

struct Side {
    state: SideState,
    names: Names,
    mailboxes: Vec<MailboxState>,
}

impl Side {
    fn view(&self) -> SideView<'_> {
        SideView { state: &self.state, names: &self.names, mailboxes: &self.mailboxes }
    }

    fn creates_special_use(mut self) -> Self {
        self.state.creates_special_use = true;
        self
    }
}

/// `Trash | \Trash subscribed`: marks are attributes, `subscribed`, `unscanned`, `search` and `trouble`.
fn side(preset: Preset, prefix: &str, delimiter: char, listing: &[&str]) -> Side {
    let namespace = Namespace { prefix: RawName(prefix.as_bytes().to_vec()), delimiter: Some(delimiter) };
    let mailboxes = listing.iter().map(|entry| mailbox(entry, &namespace)).collect();
    let product = format!("{preset:?}");
    let state = SideState {
        product,
        preset,
        namespace,
        append_limit: None,
        creates_special_use: false,
        expunges_by_uid: true,
        quotas: Vec::new(),
    };
    Side { state, names: Names::default(), mailboxes }
}

fn generic(listing: &[&str]) -> Side {
    side(Preset::Generic, "", '/', listing)
}

fn mailbox(entry: &str, namespace: &Namespace) -> MailboxState {
    let (path, marks) = entry.split_once(" | ").unwrap_or((entry, ""));
    let marks: Vec<&str> = marks.split_whitespace().collect();
    let has = |mark: &str| marks.contains(&mark);
    let attributes: Vec<Attribute> = marks.iter().filter_map(|mark| attribute(mark)).collect();
    let selectable = !has("\\NoSelect") && !has("\\NonExistent");
    let point = SyncPoint {
        uid_validity: UidValidity(1),
        uid_next: (!has("search")).then_some(Uid(10)),
        highest_modseq: (!has("search")).then_some(ModSeq(1)),
        messages: 9,
    };
    MailboxState {
        name: name(path, namespace),
        delimiter: namespace.delimiter,
        attributes,
        subscribed: has("subscribed"),
        sync_point: (selectable && !has("unscanned")).then_some(point),
        capacity: FlagCapacity::everything(),
        octets: 0,
        records: 9,
        revision: 1,
        deltas: 0,
        identified: true,
        trouble: has("trouble").then(|| "NO [NOPERM] no right".to_owned()),
    }
}

/// Levels are divided by `/` in a path, but for the delimiter `.`, so that `/` can stand in a level.
fn name(path: &str, namespace: &Namespace) -> MailboxName {
    let divider = namespace.delimiter.unwrap_or('/');
    let levels: Vec<String> = path.split(divider).map(str::to_owned).collect();
    let encoded: Vec<String> = levels.iter().map(|level| utf7::encode(level)).collect();
    let inbox = levels.len() == 1 && levels[0].eq_ignore_ascii_case("INBOX");
    let prefix = if inbox { &[][..] } else { &namespace.prefix.0 };
    MailboxName { raw: RawName([prefix, encoded.join(&divider.to_string()).as_bytes()].concat()), levels }
}

fn attribute(mark: &str) -> Option<Attribute> {
    let special_use = SpecialUse::ALL.into_iter().find(|special_use| special_use.as_str() == mark);
    match mark {
        "\\NoSelect" => Some(Attribute::NoSelect),
        "\\NonExistent" => Some(Attribute::NonExistent),
        "\\NoInferiors" => Some(Attribute::NoInferiors),
        "\\Remote" => Some(Attribute::Remote),
        _ => special_use.map(Attribute::SpecialUse),
    }
}

fn policy(rename: &[(&str, &str)]) -> MailboxPolicy {
    let rename = rename.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    MailboxPolicy { rename, ..MailboxPolicy::default() }
}

fn map(source: &Side, destination: &Side, policy: &MailboxPolicy) -> Mapping {
    map_mailboxes(source.view(), destination.view(), &HashMap::new(), policy).unwrap()
}

/// `source > raw destination`, then `create`, the special use and `subscribe`; omissions `source: reason`, obstacles
/// with `!` before them.
fn shown(mapping: &Mapping) -> Vec<String> {
    let pairs = mapping.pairs.iter().map(|pair| {
        let raw = String::from_utf8_lossy(&pair.destination.raw.0);
        let create = if pair.create { " create" } else { "" };
        let special_use = pair.special_use.map_or(String::new(), |special_use| format!(" {}", special_use.as_str()));
        let subscribe = if pair.subscribe { " subscribe" } else { "" };
        format!("{} > {raw}{create}{special_use}{subscribe}", pair.source)
    });
    let omitted = mapping.omitted.iter().map(|omitted| {
        let obstacle = if omitted.condition.is_obstacle() { "! " } else { "" };
        format!("{obstacle}{}: {}", omitted.mailbox, omitted.reason)
    });
    pairs.chain(omitted).collect()
}

fn check(source: &Side, destination: &Side, rename: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(shown(&map(source, destination, &policy(rename))), expected);
}

#[test]
fn names_are_translated_between_delimiters_and_prefixes() {
    let source = generic(&["Entwürfe/a.b", "inbox", "Kunden/Neu", "INBOX/sub"]);
    check(
        &source,
        &generic(&["INBOX", "Kunden/Neu"]),
        &[],
        &[
            "INBOX > INBOX",
            "Entwürfe/a.b > Entw&APw-rfe/a.b create",
            "INBOX/sub > INBOX/sub create",
            "Kunden/Neu > Kunden/Neu",
        ],
    );
    check(
        &source,
        &side(Preset::Courier, "INBOX.", '.', &["INBOX", "Kunden.Neu"]),
        &[],
        &[
            "INBOX > INBOX",
            "Kunden/Neu > INBOX.Kunden.Neu",
            "INBOX/sub > INBOX.sub create",
            "! Entwürfe/a.b: `.` divides levels on the destination and cannot stand in `a.b`; give it another name in \
         [mailboxes.rename]: \"Entwürfe/a.b\" = \"…\"",
        ],
    );
}

/// On a server that has all below INBOX there is one INBOX: the other is told with the line that helps.
#[test]
fn inbox_within_the_inbox_is_an_obstacle_that_a_rename_frees() {
    let source = generic(&["INBOX", "INBOX/INBOX", "INBOX/INBOX/Old"]);
    let destination = side(Preset::Courier, "INBOX.", '.', &["INBOX"]);
    let told = shown(&map(&source, &destination, &policy(&[])));
    assert_eq!(told[0], "INBOX > INBOX");
    assert!(told[2].ends_with("[mailboxes.rename]: \"INBOX/INBOX\" = \"…\""), "{told:?}");
    let freed = shown(&map(&source, &destination, &policy(&[("INBOX/INBOX", "Inner")])));
    assert_eq!(
        freed,
        ["INBOX > INBOX", "INBOX/INBOX > INBOX.Inner create", "INBOX/INBOX/Old > INBOX.Inner.Old create"]
    );
}

#[test]
fn pairs_come_inbox_first_and_parents_before_children() {
    let source = generic(&["b/c", "b", "a", "Z", "INBOX", "b/c/d"]);
    let mapping = map(&source, &generic(&[]), &policy(&[]));
    let order: Vec<String> = mapping.pairs.iter().map(|pair| pair.source.path()).collect();
    assert_eq!(order, ["INBOX", "Z", "a", "b", "b/c", "b/c/d"]);
}

#[test]
fn existing_mailbox_is_found_by_composition_and_spoken_of_by_its_own_name() {
    let destination = generic(&["Cafe\u{301}"]);
    check(&generic(&["Caf\u{e9}"]), &destination, &[], &["Caf\u{e9} > Cafe&AwE-"]);
    check(&generic(&["Nai\u{308}f"]), &destination, &[], &["Nai\u{308}f > Na&AO8-f create"]);
}

#[test]
fn existing_parent_that_cannot_hold_messages_is_created() {
    check(&generic(&["a"]), &generic(&["a | \\NoSelect", "a/b"]), &[], &["a > a create"]);
}

#[test]
fn special_use_goes_to_the_mailbox_of_that_use_and_takes_children_along() {
    let source = generic(&["Gesendet | \\Sent", "Gesendet/2020", "[Gmail]/Bin | \\Trash"]);
    let destination = generic(&["Sent Messages | \\Sent", "Trash | \\Trash"]);
    let expected = ["Gesendet > Sent Messages", "Gesendet/2020 > Sent Messages/2020 create", "[Gmail]/Bin > Trash"];
    check(&source, &destination, &[], &expected);
    let plain = MailboxPolicy { special_use: false, ..policy(&[]) };
    assert_eq!(shown(&map(&source, &destination, &plain))[0], "Gesendet > Gesendet create");
}

#[test]
fn special_use_yields_to_a_rename() {
    let source = generic(&["Gesendet | \\Sent", "Gesendet/2020"]);
    let destination = generic(&["Sent | \\Sent"]);
    let expected = ["Gesendet > Old create", "Gesendet/2020 > Old/2020 create"];
    check(&source, &destination, &[("Gesendet", "Old")], &expected);
}

#[test]
fn special_use_held_by_several_is_held_by_nobody() {
    let source = generic(&["Gesendet | \\Sent"]);
    check(&source, &generic(&["A | \\Sent", "B | \\Sent"]), &[], &["Gesendet > Gesendet create"]);
}

#[test]
fn special_use_missing_on_the_destination_is_created_with_it() {
    let source = generic(&["Gesendet | \\Sent", "x"]);
    let expected = ["Gesendet > Gesendet create \\Sent", "x > x create"];
    check(&source, &generic(&[]).creates_special_use(), &[], &expected);
    check(&source, &generic(&[]), &[], &["Gesendet > Gesendet create", "x > x create"]);
}

#[test]
fn special_use_guessed_by_name_is_said() {
    let source = side(Preset::Zimbra, "", '/', &["Sent", "Trash", "Sub/Junk"]);
    let destination = generic(&["Gesendete Objekte | \\Sent", "Trash | \\Trash", "Spam | \\Junk"]);
    let mapping = map(&source, &destination, &policy(&[]));
    assert_eq!(shown(&mapping), ["Sent > Gesendete Objekte", "Sub/Junk > Sub/Junk create", "Trash > Trash"]);
    let warning = "`Sent` goes to `Gesendete Objekte`, guessed by name to be \\Sent; to decide otherwise, name it in \
                   [mailboxes.rename]";
    assert_eq!(mapping.warnings, [warning]);
}

#[test]
fn guess_never_takes_the_place_of_another_mailbox() {
    let source = generic(&["Gesendet | \\Sent", "Sent"]);
    check(&source, &generic(&["Sent"]), &[], &["Gesendet > Gesendet create", "Sent > Sent"]);
}

#[test]
fn special_use_by_attribute_is_stronger_than_a_name() {
    let source = generic(&["Sent | \\Sent", "Gesendet"]);
    let expected = "! Gesendet: `Sent` goes to `Gesendet` already, and two mailboxes are not merged into one unless `merge` in [mailboxes] names it; give it \
                    another name in [mailboxes.rename]: \"Gesendet\" = \"…\"";
    check(&source, &generic(&["Gesendet | \\Sent"]), &[], &["Sent > Gesendet", expected]);
}

#[test]
fn views_are_left_out_unless_renamed_by_name() {
    let source = side(Preset::Gmail, "", '/', &["[Gmail] | \\NoSelect", "[Gmail]/All Mail | \\All", "[Gmail]/Chats"]);
    let folders = |rename| MailboxPolicy { labels: Labels::Folders, ..policy(rename) };
    let mapping = map(&source, &generic(&[]), &folders(&[]));
    assert!(mapping.pairs.is_empty() && mapping.omitted.iter().all(|omitted| !omitted.condition.is_obstacle()));
    assert_eq!(mapping.omitted.len(), 2);
    assert!(mapping.warnings[0].starts_with("messages that are only in `[Gmail]/All Mail`"));
    let renamed = map(&source, &generic(&[]), &folders(&[("[Gmail]/All Mail", "Archive")]));
    assert_eq!(shown(&renamed)[0], "[Gmail]/All Mail > Archive create");
    assert!(renamed.warnings.is_empty());
}

/// What comes of All Mail goes to the archive, of whatever name; to another place where a label has that name.
#[test]
fn all_mail_goes_to_the_archive_unless_a_label_stands_there() {
    let gmail = |labels: &[&str]| {
        let all = ["INBOX", "[Gmail] | \\NoSelect", "[Gmail]/All Mail | \\All", "[Gmail]/Starred | \\Flagged"];
        side(Preset::Gmail, "", '/', &[&all[..], labels].concat())
    };
    let starred = "[Gmail]/Starred: \\Flagged shows messages of other mailboxes; to copy it all the same, name it in \
                   [mailboxes.rename]: \"[Gmail]/Starred\" = \"…\"";
    let expected = |all: &'static str| ["INBOX > INBOX", all, starred];
    let destination = |archive: &[&str]| generic(&[&["INBOX"], archive].concat());
    check(&gmail(&[]), &destination(&[]), &[], &expected("[Gmail]/All Mail > Archive create"));
    check(&gmail(&[]), &destination(&["Archive"]), &[], &expected("[Gmail]/All Mail > Archive"));
    check(&gmail(&[]), &destination(&["Alt | \\Archive"]), &[], &expected("[Gmail]/All Mail > Alt"));
    let own = "[Gmail]/All Mail > [Gmail]/All Mail create";
    check(&gmail(&["Archive"]), &destination(&[]), &[], &["INBOX > INBOX", "Archive > Archive create", own, starred]);
    check(&gmail(&[]), &gmail(&[]), &[], &expected("[Gmail]/All Mail > [Gmail]/All Mail"));
    let renamed = [("[Gmail]/All Mail", "Old")];
    check(&gmail(&[]), &destination(&[]), &renamed, &expected("[Gmail]/All Mail > Old create"));
}

#[test]
fn gmail_by_keywords_copies_all_mail_and_what_is_not_in_it() {
    let listing = ["INBOX", "Work", "[Gmail]/All Mail | \\All", "[Gmail]/Spam | \\Junk", "[Gmail]/Bin | \\Trash"];
    let source = side(Preset::Gmail, "", '/', &listing);
    let keywords = MailboxPolicy { labels: Labels::AllMail, ..policy(&[]) };
    let mapping = map(&source, &generic(&["INBOX"]), &keywords);
    let pairs: Vec<String> = mapping.pairs.iter().map(|pair| pair.source.to_string()).collect();
    assert_eq!(pairs, ["[Gmail]/All Mail", "[Gmail]/Bin", "[Gmail]/Spam"]);
    assert_eq!(mapping.omitted.len(), 2);
    assert!(mapping.warnings.is_empty(), "{:?}", mapping.warnings);
}

/// Users may limit what IMAP shows of a mailbox, and hide All Mail from it.
#[test]
fn gmail_that_shows_less_than_it_holds_is_told() {
    let mut source = side(Preset::Gmail, "", '/', &["INBOX"]);
    source.mailboxes[0].records = 2_000;
    let mapping = map(&source, &generic(&["INBOX"]), &policy(&[]));
    assert_eq!(mapping.warnings.len(), 2, "{:?}", mapping.warnings);
    assert!(mapping.warnings[0].starts_with("Gmail does not show All Mail by IMAP"));
    assert!(mapping.warnings[1].starts_with("`INBOX` shows exactly 2000 messages"));
    source.mailboxes[0].records = 2_001;
    let folders = MailboxPolicy { labels: Labels::Folders, ..policy(&[]) };
    assert!(map(&source, &generic(&["INBOX"]), &folders).warnings.is_empty());
}

#[test]
fn zimbra_contacts_chats_and_searches_are_left_out() {
    let listing = ["Contacts", "Chats/x", "Emailed Contacts", "Unread | search", "Contacts2"];
    let mapping = map(&side(Preset::Zimbra, "", '/', &listing), &generic(&[]), &policy(&[]));
    assert_eq!(shown(&mapping)[0], "Contacts2 > Contacts2 create");
    assert_eq!(mapping.omitted.iter().filter(|omitted| !omitted.condition.is_obstacle()).count(), 4);
}

#[test]
fn what_a_server_empties_by_itself_is_told() {
    let warnings = |preset, path: &str| map(&generic(&[path]), &side(preset, "", '/', &[path]), &policy(&[])).warnings;
    assert!(warnings(Preset::Zimbra, "Trash")[0].contains("more than 30 days ago (zimbraMailTrashLifetime)"));
    assert!(warnings(Preset::Zimbra, "Junk")[0].contains("more than 30 days ago (zimbraMailSpamLifetime)"));
    assert!(warnings(Preset::Courier, "Trash")[0].contains("more than 7 days ago (IMAP_EMPTYTRASH)"));
    assert!(warnings(Preset::Zimbra, "Sent").is_empty() && warnings(Preset::Generic, "Trash").is_empty());
}

#[test]
fn unselectable_mailboxes_have_a_line_only_without_children() {
    let source = generic(&["a | \\NoSelect", "a/b", "c | \\NoSelect", "d | \\NonExistent", "e | \\Remote unscanned"]);
    check(
        &source,
        &generic(&[]),
        &[],
        &[
            "a/b > a/b create",
            "c: it cannot hold messages",
            "d: it does not exist; only its name is listed",
            "e: it is on another server",
        ],
    );
}

#[test]
fn unscanned_mailbox_of_either_side_is_an_obstacle() {
    check(
        &generic(&["a | unscanned trouble"]),
        &generic(&[]),
        &[],
        &["! a: it could not be scanned: NO [NOPERM] no right"],
    );
    check(
        &generic(&["a"]),
        &generic(&["a | unscanned trouble"]),
        &[],
        &["! a: the destination mailbox could not be scanned: NO [NOPERM] no right"],
    );
    let stale = map(&generic(&["a | trouble"]), &generic(&["a"]), &policy(&[]));
    assert_eq!((stale.pairs.len(), stale.warnings.len()), (1, 1));
}

#[test]
fn filters_are_named_in_the_reason_and_count_what_stays() {
    let filters = MailboxPolicy { exclude: vec!["Trash".to_owned()], ..policy(&[]) };
    let mapping = map(&generic(&["Trash", "INBOX"]), &generic(&[]), &filters);
    assert_eq!(shown(&mapping), ["INBOX > INBOX create", "Trash: excluded by `Trash` in [mailboxes] exclude"]);
    assert_eq!(mapping.omitted[0].messages, 9);
}

#[test]
fn bad_glob_is_a_settings_error() {
    let filters = MailboxPolicy { include: vec!["a{".to_owned()], ..policy(&[]) };
    let error = map_mailboxes(generic(&[]).view(), generic(&[]).view(), &HashMap::new(), &filters).unwrap_err();
    assert_eq!(*error.kind(), Kind::Settings);
}

#[test]
fn rename_onto_a_name_in_use_is_refused() {
    let obstacle = "! Sent Items: `Sent` goes to `Sent` already, and two mailboxes are not merged into one unless `merge` in [mailboxes] names it; give it \
                    another name in [mailboxes.rename]: \"Sent Items\" = \"…\"";
    check(
        &generic(&["Sent", "Sent Items"]),
        &generic(&["Sent"]),
        &[("Sent Items", "Sent")],
        &["Sent > Sent", obstacle],
    );
}

#[test]
fn names_differing_in_case_collide_only_where_case_is_ignored() {
    let source = generic(&["Foo", "foo"]);
    check(&source, &generic(&[]), &[], &["Foo > Foo create", "foo > foo create"]);
    for destination in [side(Preset::Zimbra, "", '/', &[]), side(Preset::Exchange, "", '/', &["FOO"])] {
        let mapping = map(&source, &destination, &policy(&[]));
        assert_eq!((mapping.pairs.len(), mapping.omitted.len()), (1, 1));
        assert_eq!(mapping.pairs[0].source.path(), "Foo");
    }
}

#[test]
fn child_of_a_mailbox_without_inferiors_is_an_obstacle() {
    let mapping = map(&generic(&["Junk/a"]), &generic(&["Junk | \\NoInferiors"]), &policy(&[]));
    assert!(mapping.omitted[0].reason.starts_with("`Junk` takes no mailboxes below it"));
}

#[test]
fn subscription_follows_the_source_and_is_not_repeated() {
    let source = generic(&["a | subscribed", "b | subscribed", "c"]);
    let destination = generic(&["a", "b | subscribed", "c"]);
    check(&source, &destination, &[], &["a > a subscribe", "b > b", "c > c"]);
    let without = MailboxPolicy { subscriptions: false, ..policy(&[]) };
    assert!(map(&source, &destination, &without).pairs.iter().all(|pair| !pair.subscribe));
}

#[test]
fn mapping_is_the_same_once_its_mailboxes_exist() {
    let source = generic(&["INBOX", "INBOX/sub", "Verzonden | \\Sent", "Sent", "x/y"]);
    let destination = side(Preset::Courier, "INBOX.", '.', &["INBOX"]);
    let before = map(&source, &destination, &policy(&[]));
    for created in 0..=before.pairs.len() {
        let made: Vec<String> = before.pairs[..created].iter().map(|pair| pair.destination.levels.join(".")).collect();
        let listing: Vec<&str> = std::iter::once("INBOX").chain(made.iter().map(String::as_str).skip(1)).collect();
        let after = map(&source, &side(Preset::Courier, "INBOX.", '.', &listing), &policy(&[]));
        let places = |mapping: &Mapping| -> Vec<RawName> {
            mapping.pairs.iter().map(|pair| pair.destination.raw.clone()).collect()
        };
        assert_eq!(places(&after), places(&before), "after {created} were created");
    }
}

#[test]
fn mailbox_that_was_copied_stays_where_it_went_whatever_has_its_special_use_now() {
    let source = generic(&["INBOX", "Sent Items | \\Sent", "Sent Items/2024", "Gesendet"]);
    let destination = generic(&["INBOX", "Sent Items", "Sent Items/2024", "Sent | \\Sent"]);
    let raw = |name: &str| RawName(name.as_bytes().to_vec());
    let copied = |from: &str, to: &str| HashMap::from([(raw(from), raw(to))]);
    let map = |copied: &HashMap<RawName, RawName>, rename: &[(&str, &str)]| {
        map_mailboxes(source.view(), destination.view(), copied, &policy(rename)).unwrap()
    };
    let by_special_use = map(&HashMap::new(), &[]);
    assert_eq!(shown(&by_special_use)[2..], ["Sent Items > Sent", "Sent Items/2024 > Sent/2024 create"]);
    let kept = map(&copied("Sent Items", "Sent Items"), &[]);
    assert_eq!(shown(&kept)[2..], ["Sent Items > Sent Items", "Sent Items/2024 > Sent Items/2024"]);
    assert!(kept.warnings[0].contains("where it was copied before"), "{:?}", kept.warnings);
    let gone = map(&copied("Sent Items", "Archive"), &[]);
    assert_eq!(shown(&gone), shown(&by_special_use), "what it was copied to is gone");
    let renamed = map(&copied("Sent Items", "Sent Items"), &[("Sent Items", "Sent")]);
    assert_eq!(shown(&renamed)[2..], ["Sent Items > Sent", "Sent Items/2024 > Sent/2024 create"]);
}

#[test]
fn child_that_was_copied_elsewhere_does_not_follow_its_parent() {
    let source = generic(&["Sent Items | \\Sent", "Sent Items/2024"]);
    let destination = generic(&["Sent Items/2024", "Gesendet", "Sent | \\Sent"]);
    let raw = |name: &str| RawName(name.as_bytes().to_vec());
    let copied =
        HashMap::from([(raw("Sent Items"), raw("Gesendet")), (raw("Sent Items/2024"), raw("Sent Items/2024"))]);
    let mapping = map_mailboxes(source.view(), destination.view(), &copied, &policy(&[])).unwrap();
    assert_eq!(shown(&mapping), ["Sent Items > Gesendet", "Sent Items/2024 > Sent Items/2024"]);
}

/// Each was given the place of the other in turn, without end.
#[test]
fn two_mailboxes_of_one_name_go_on_to_go_where_each_was_copied() {
    let source = generic(&["Caf\u{e9}", "Cafe\u{301}"]);
    let destination = generic(&["A", "B"]);
    let raw = |side: &Side, number: usize| side.mailboxes[number].name.raw.clone();
    let copied = HashMap::from([0, 1].map(|number| (raw(&source, number), raw(&destination, number))));
    let mapping = map_mailboxes(source.view(), destination.view(), &copied, &policy(&[])).unwrap();
    let mut shown = shown(&mapping);
    shown.sort_by_key(|one| one.chars().last());
    assert_eq!(shown, ["Caf\u{e9} > A", "Cafe\u{301} > B"]);
}

/// Each that was copied elsewhere took a look at all others that were: a hundred thousand names took hours.
#[test]
fn mailboxes_that_were_copied_elsewhere_cost_no_more_each() {
    const MANY: usize = 100_000;
    let listing = |stem: &str| (0..MANY).map(|number| format!("{stem}-{number}")).collect::<Vec<_>>();
    let side = |listing: &[String]| generic(&listing.iter().map(String::as_str).collect::<Vec<_>>());
    let (source, destination) = (side(&listing("old")), side(&listing("new")));
    let names = source.mailboxes.iter().zip(&destination.mailboxes);
    let copied = names.map(|(from, to)| (from.name.raw.clone(), to.name.raw.clone())).collect();
    let mapping = map_mailboxes(source.view(), destination.view(), &copied, &policy(&[])).unwrap();
    assert_eq!(mapping.pairs.len(), MANY);
    assert!(mapping.pairs.iter().all(|pair| copied[&pair.source.raw] == pair.destination.raw));
}

/// Each took a look at all others: a hundred thousand names took hours.
#[test]
fn parents_without_mail_and_candidates_for_a_special_use_cost_no_more_each() {
    const MANY: usize = 10_000;
    let mut listing: Vec<String> = (0..MANY).map(|number| format!("parent-{number} | \\NoSelect")).collect();
    // Well-known names in all cases, each taken on the source: none is free.
    let cased = |number: usize| {
        let cased = "deleted messages".char_indices();
        let letter =
            |(at, letter): (usize, char)| if number >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter };
        cased.map(letter).collect::<String>()
    };
    let names: std::collections::BTreeSet<String> = (0..MANY).map(cased).collect();
    let candidates: Vec<&str> = names.iter().map(String::as_str).collect();
    listing.extend(names.iter().cloned());
    listing.push("Bin | \\Trash".to_owned());
    let entries: Vec<&str> = listing.iter().map(String::as_str).collect();
    let mapping = map(&generic(&entries), &generic(&candidates), &policy(&[]));
    assert_eq!(mapping.pairs.len(), names.len() + 1);
    assert_eq!(mapping.omitted.len(), MANY);
}

#[test]
fn parent_without_mail_is_silent_only_where_something_is_below_it() {
    let source = generic(&["a | \\NoSelect", "a b", "a-b/c", "b | \\NoSelect", "b/c", "c | \\NoSelect", "c/d/e"]);
    let omitted: Vec<String> =
        map(&source, &generic(&[]), &policy(&[])).omitted.iter().map(|omitted| omitted.mailbox.path()).collect();
    assert_eq!(omitted, ["a"]);
}

fn with_exclude(exclude: &[&str]) -> MailboxPolicy {
    MailboxPolicy { exclude: exclude.iter().map(|text| (*text).to_owned()).collect(), ..MailboxPolicy::default() }
}

/// Where each mailbox goes, `-` for nowhere.
fn goes(source: &Side, destination: &Side, policy: &MailboxPolicy) -> Vec<String> {
    let mapping = map_mailboxes(source.view(), destination.view(), &HashMap::new(), policy).unwrap();
    let pairs = mapping.pairs.iter().map(|pair| format!("{} > {}", pair.source, pair.destination));
    let omitted = mapping.omitted.iter().map(|omitted| format!("{} -", omitted.mailbox));
    pairs.chain(omitted).collect()
}

#[test]
fn special_use_is_excluded_by_attribute_or_by_its_name() {
    let said = generic(&["INBOX", "Müll | \\Trash", "Müll/2024", "Trash", "Spam"]);
    let policy = with_exclude(&["\\Trash", "\\Junk"]);
    let there = generic(&["INBOX"]);
    assert_eq!(goes(&said, &there, &policy), ["INBOX > INBOX", "Trash > Trash", "Müll -", "Müll/2024 -", "Spam -"]);
    let several = generic(&["INBOX", "Trash", "Papierkorb"]);
    let mapping = map_mailboxes(several.view(), there.view(), &HashMap::new(), &policy).unwrap();
    assert_eq!(mapping.pairs.len(), 3, "which one it is cannot be told");
    assert_eq!(mapping.unmatched, ["`\\Trash` in [mailboxes] exclude", "`\\Junk` in [mailboxes] exclude"]);
}

#[test]
fn prefix_takes_the_whole_account_below_it_whatever_has_a_special_use_there() {
    let source = generic(&["INBOX", "Gesendet | \\Sent", "a/b"]);
    let there = side(Preset::Courier, "INBOX.", '.', &["INBOX", "Sent | \\Sent"]);
    let policy = MailboxPolicy { prefix: Some("Old mail/anna".to_owned()), ..MailboxPolicy::default() };
    let mapping = map_mailboxes(source.view(), there.view(), &HashMap::new(), &policy).unwrap();
    let raw: Vec<_> =
        mapping.pairs.iter().map(|pair| String::from_utf8_lossy(&pair.destination.raw.0).into_owned()).collect();
    assert_eq!(raw, ["INBOX.Old mail.anna.Gesendet", "INBOX.Old mail.anna.INBOX", "INBOX.Old mail.anna.a.b"]);
    assert!(mapping.pairs.iter().all(|pair| pair.create && pair.special_use.is_none()));
}

#[test]
fn prefix_that_is_new_overrules_where_it_was_copied_before() {
    let source = generic(&["a"]);
    let there = generic(&["INBOX", "a"]);
    let policy = MailboxPolicy { prefix: Some("Old".to_owned()), ..MailboxPolicy::default() };
    let copied = HashMap::from([(RawName(b"a".to_vec()), RawName(b"a".to_vec()))]);
    let mapping = map_mailboxes(source.view(), there.view(), &copied, &policy).unwrap();
    assert_eq!(mapping.pairs[0].destination.path(), "Old/a");
}

#[test]
fn place_of_another_account_is_given_to_nobody() {
    let source = generic(&["INBOX", "Old/Bob", "Old/bob/x", "Old"]);
    let policy = MailboxPolicy { reserved: vec!["Old/bob".to_owned()], ..MailboxPolicy::default() };
    let mapping = map_mailboxes(source.view(), generic(&["INBOX"]).view(), &HashMap::new(), &policy).unwrap();
    assert_eq!(mapping.pairs.len(), 2);
    assert!(
        mapping
            .omitted
            .iter()
            .all(|omitted| omitted.condition.is_obstacle() && omitted.reason.contains("where another account goes"))
    );
}
