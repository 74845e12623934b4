//! What holds of every mapping of mailboxes to their places, shown on generated servers and settings.

mod support {
    pub mod listed;
    pub mod property;
    pub mod replay;
}

use mailferry::diff::routing::mailboxes::map_mailboxes;
use mailferry::diff::routing::mapping::{Mapping, SideView};
use mailferry::model::namespace::{Names, Namespace, Namespaces};
use mailferry::model::policy::MailboxPolicy;
use mailferry::model::server::Preset;
use mailferry::model::{Attribute, MailboxName, MailboxState, RawName, SideState, SpecialUse};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use support::listed::mailbox;
use support::property::cases;

static NO_NAMES: Names =
    Names { namespaces: Namespaces(Vec::new()), foreign: Vec::new(), foreign_unnamed: 0, unreadable: Vec::new() };

#[derive(Clone, Debug)]
struct Server {
    state: SideState,
    mailboxes: Vec<MailboxState>,
}

impl Server {
    fn view(&self) -> SideView<'_> {
        SideView { state: &self.state, names: &NO_NAMES, mailboxes: &self.mailboxes }
    }

    /// The server once the first pairs have been created.
    fn with_created(&self, mapping: &Mapping, pairs: usize) -> Server {
        let mut server = self.clone();
        for pair in mapping.pairs.iter().take(pairs).filter(|pair| pair.create) {
            server.mailboxes.retain(|mailbox| mailbox.name != pair.destination);
            let attributes: Vec<Attribute> = pair.special_use.map(Attribute::SpecialUse).into_iter().collect();
            let state = mailbox("x", &self.state.namespace, &attributes);
            server.mailboxes.push(MailboxState { name: pair.destination.clone(), ..state });
        }
        server
    }
}

const LEVELS: [&str; 14] = [
    "INBOX",
    "Sent",
    "sent",
    "Gesendet",
    "Verzonden",
    "Junk",
    "Bulk Mail",
    "Spam",
    "a",
    "b.c",
    "Caf\u{e9}",
    "Cafe\u{301}",
    "Bin",
    "100%",
];

fn path() -> impl Strategy<Value = String> {
    vec(select(LEVELS.to_vec()), 1..4).prop_map(|levels| levels.join("/"))
}

fn server(presets: &'static [Preset]) -> impl Strategy<Value = Server> {
    let attribute = prop_oneof![
        6 => Just(None),
        1 => select(vec![SpecialUse::Sent, SpecialUse::Junk, SpecialUse::Trash, SpecialUse::All])
            .prop_map(|special_use| Some(Attribute::SpecialUse(special_use))),
        1 => Just(Some(Attribute::NoSelect)),
    ];
    let wire = select(vec![("", '/'), ("", '.'), ("INBOX.", '.')]);
    let mailboxes = vec((path(), attribute), 0..8);
    (select(presets.to_vec()), wire, any::<bool>(), mailboxes).prop_map(
        |(preset, (prefix, delimiter), creates_special_use, mailboxes)| {
            let namespace = Namespace { prefix: RawName(prefix.into()), delimiter: Some(delimiter) };
            let mut by_name = BTreeMap::new();
            for (path, attribute) in mailboxes {
                let held = !path.split('/').any(|level| level.contains(delimiter));
                let attributes: Vec<Attribute> = attribute.filter(|_| path != "INBOX").into_iter().collect();
                by_name.extend(held.then(|| (path.clone(), mailbox(&path, &namespace, &attributes))));
            }
            let product = format!("{preset:?}");
            let quotas = Vec::new();
            let state = SideState {
                product,
                preset,
                namespace,
                append_limit: None,
                creates_special_use,
                expunges_by_uid: true,
                quotas,
            };
            Server { state, mailboxes: by_name.into_values().collect() }
        },
    )
}

fn source() -> impl Strategy<Value = Server> {
    server(&[Preset::Generic, Preset::Zimbra, Preset::Gmail])
}

fn destination() -> impl Strategy<Value = Server> {
    server(&[Preset::Generic, Preset::Zimbra, Preset::Cyrus, Preset::Dovecot])
}

fn mailbox_policy() -> impl Strategy<Value = MailboxPolicy> {
    let exclude = select(vec![vec![], vec!["Junk".to_owned()], vec!["a/**".to_owned()], vec!["\\Trash".to_owned()]]);
    let rename = prop_oneof![4 => (path(), path()), 1 => select(patterns())];
    let prefix = prop_oneof![4 => Just(None), 1 => path().prop_map(Some)];
    let merge = select(vec![vec![], vec![], vec!["Sent".to_owned()], vec!["**".to_owned()]]);
    (vec(rename, 0..3), exclude, any::<bool>(), prefix, merge).prop_map(
        |(rename, exclude, special_use, prefix, merge)| {
            let rename = rename.into_iter().collect();
            MailboxPolicy { rename, exclude, special_use, prefix, merge, ..MailboxPolicy::default() }
        },
    )
}

/// Renames that say where to many mailboxes go.
fn patterns() -> Vec<(String, String)> {
    let written = [("a/**", "**"), ("**", "a/**"), ("*/b", "b/*"), ("*", "*"), ("b/**", "a/**")];
    written.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec()
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn mailboxes_share_a_destination_only_where_it_is_asked_for(
        (source, destination, policy) in (source(), destination(), mailbox_policy())
    ) {
        let mapping = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let mut places: BTreeMap<&RawName, u32> = BTreeMap::new();
        mapping.pairs.iter().for_each(|pair| *places.entry(&pair.destination.raw).or_default() += 1);
        for pair in mapping.pairs.iter().filter(|pair| places[&pair.destination.raw] > 1) {
            let levels = &pair.destination.levels;
            let is_sent = levels.last().is_some_and(|level| level.eq_ignore_ascii_case("Sent"));
            let is_asked_for = policy.merge == ["**"] || (policy.merge == ["Sent"] && is_sent);
            prop_assert!(is_asked_for, "{:?} to {:?}", policy, pair.destination);
        }
    }

    /// What is merged is no obstacle any more: nothing stays behind for want of a place.
    #[test]
    fn merging_leaves_nothing_behind_for_want_of_a_place(
        (source, destination, policy) in (source(), destination(), mailbox_policy())
    ) {
        let policy = MailboxPolicy { merge: vec!["**".to_owned()], ..policy };
        let mapping = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let refused = mapping.omitted.iter().find(|omitted| omitted.reason.contains("already"));
        prop_assert!(refused.is_none(), "{:?}", refused);
    }

    /// One account at the top and one below a mailbox, on whatever the other has made there already.
    #[test]
    fn accounts_with_one_destination_never_share_a_mailbox(
        (one, other, destination, policy) in (source(), source(), destination(), mailbox_policy()), prefix in path()
    ) {
        let below = MailboxPolicy { prefix: Some(prefix.clone()), ..policy.clone() };
        let top = MailboxPolicy { prefix: None, reserved: vec![prefix], ..policy };
        let first = map_mailboxes(one.view(), destination.view(), &HashMap::new(), &top).unwrap();
        let then = destination.with_created(&first, usize::MAX);
        let second = map_mailboxes(other.view(), then.view(), &HashMap::new(), &below).unwrap();
        let places = |mapping: &Mapping| -> BTreeSet<RawName> {
            mapping.pairs.iter().map(|pair| pair.destination.raw.clone()).collect()
        };
        let (first, second) = (places(&first), places(&second));
        prop_assert_eq!(first.intersection(&second).next(), None);
    }

    #[test]
    fn every_source_mailbox_is_a_pair_or_omitted(
        (source, destination, policy) in (source(), destination(), mailbox_policy())
    ) {
        let mapping = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let pairs = mapping.pairs.iter().map(|pair| &pair.source);
        let named: Vec<&MailboxName> = pairs.chain(mapping.omitted.iter().map(|omitted| &omitted.mailbox)).collect();
        for mailbox in &source.mailboxes {
            let times = named.iter().filter(|name| **name == &mailbox.name).count();
            prop_assert!(times == 1 || times == 0 && !mailbox.is_selectable(), "{:?}: {}", mailbox.name, times);
        }
        prop_assert!(named.len() <= source.mailboxes.len());
    }

    /// The order in which a server lists its mailboxes decides nothing, and neither does how many of those that the plan
    /// creates are there already.
    #[test]
    fn mapping_stays_the_same_while_it_is_carried_out(
        (source, destination, policy) in (source(), destination(), mailbox_policy()), created in 0..8usize
    ) {
        let places = |mapping: &Mapping| -> Vec<(MailboxName, RawName)> {
            mapping.pairs.iter().map(|pair| (pair.source.clone(), pair.destination.raw.clone())).collect()
        };
        let before = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let (mut source, mut destination) = (source, destination.with_created(&before, created));
        source.mailboxes.reverse();
        destination.mailboxes.reverse();
        let after = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        prop_assert_eq!(places(&before), places(&after));
    }

    /// Whatever comes to be on the destination, and whatever special use it is given: what was copied stays where it is.
    #[test]
    fn what_was_copied_goes_on_to_go_to_the_same_place(
        (source, before, later, policy) in (source(), destination(), destination(), mailbox_policy())
    ) {
        let mapping = map_mailboxes(source.view(), before.view(), &HashMap::new(), &policy).unwrap();
        let mut now = before.clone().with_created(&mapping, usize::MAX);
        let known: BTreeSet<RawName> = now.mailboxes.iter().map(|mailbox| mailbox.name.raw.clone()).collect();
        now.mailboxes.extend(later.mailboxes.into_iter().filter(|mailbox| !known.contains(&mailbox.name.raw)));
        let copied: HashMap<RawName, RawName> =
            mapping.pairs.iter().map(|pair| (pair.source.raw.clone(), pair.destination.raw.clone())).collect();
        let again = map_mailboxes(source.view(), now.view(), &copied, &policy).unwrap();
        for pair in &again.pairs {
            if let Some(place) = copied.get(&pair.source.raw) {
                prop_assert_eq!(place, &pair.destination.raw);
            }
        }
    }
}
