//! The digest of a policy, by which a plan knows the settings that it was made with.

use crate::model::Direction;
use crate::model::policy::{MailboxPolicy, MessageFilter, Mode, Policy};
use crate::model::search_keys::SearchKeys;
use sha2::{Digest as _, Sha256};

/// 16 octets that change with anything that the diff decides by, and with nothing else.
///
/// Every text is fed with its length before it, so that no two policies feed the same octets. The patterns leave no field
/// out: a new one does not compile until it is fed.
pub fn policy_digest(policy: &Policy) -> [u8; 16] {
    let Policy {
        mode,
        direction,
        mailboxes,
        messages,
        search,
        newest_first,
        max_message_octets,
        restore_missing,
        // It bears on when, not on what.
        idle: _,
        follow_moves,
        delete_guard,
        deleted,
    } = policy;
    let mut hasher = Sha256::new();
    match mode {
        Mode::Copy => hasher.update([0]),
        Mode::Mirror => hasher.update([1]),
        Mode::TwoWay => hasher.update([2, *deleted as u8]),
    }
    // Forward feeds nothing: plans of before there was another way hold on.
    if *direction == Direction::Reversed {
        hasher.update(b"reversed");
    }
    hasher.update([*delete_guard]);
    feed_mailboxes(&mut hasher, mailboxes);
    feed_messages(&mut hasher, *messages);
    feed_texts(&mut hasher, search.iter().map(SearchKeys::as_str));
    hasher.update([
        u8::from(newest_first.is_some()),
        u8::from(max_message_octets.is_some()),
        u8::from(*restore_missing),
        u8::from(*follow_moves),
    ]);
    hasher.update(newest_first.unwrap_or(0).to_be_bytes());
    hasher.update(max_message_octets.unwrap_or(0).to_be_bytes());
    crate::model::Digest::from_sha256(hasher.finalize().into()).0
}

fn feed_mailboxes(hasher: &mut Sha256, policy: &MailboxPolicy) {
    let MailboxPolicy {
        include,
        exclude,
        special_use,
        subscriptions,
        rename,
        prefix,
        merge,
        priority,
        reserved,
        companions,
        labels,
        keeps_places,
        // No plan knows of it.
        besides: _,
    } = policy;
    feed_texts(hasher, include.iter());
    feed_texts(hasher, exclude.iter());
    hasher.update([u8::from(*special_use), u8::from(*subscriptions)]);
    feed_texts(hasher, rename.iter().flat_map(|(from, to)| [from, to]));
    feed_texts(hasher, prefix.iter());
    feed_texts(hasher, merge.iter());
    feed_texts(hasher, priority.iter());
    feed_texts(hasher, reserved.iter());
    feed_texts(hasher, companions.iter());
    feed_texts(hasher, std::iter::once(labels.as_str()));
    // It goes with the direction, which is fed.
    let _ = keeps_places;
}

fn feed_messages(hasher: &mut Sha256, filter: MessageFilter) {
    let MessageFilter { since, before, min_octets, unseen, flagged } = filter;
    for date in [since, before] {
        hasher.update([u8::from(date.is_some())]);
        hasher.update(date.map_or(0, |date| date.0).to_be_bytes());
    }
    hasher.update([u8::from(min_octets.is_some()), u8::from(unseen), u8::from(flagged)]);
    hasher.update(min_octets.unwrap_or(0).to_be_bytes());
}

fn feed_texts<T: AsRef<str>>(hasher: &mut Sha256, texts: impl Iterator<Item = T> + Clone) {
    hasher.update((texts.clone().count() as u64).to_be_bytes());
    for text in texts {
        let text = text.as_ref();
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::Deleted;
    use crate::model::{InternalDate, Labels};
    use std::collections::HashSet;

    #[test]
    fn digest_changes_with_each_setting() {
        let mut policies = vec![Policy::default(); 26];
        policies[1].max_message_octets = Some(0);
        policies[2].restore_missing = true;
        policies[3].mailboxes.include = vec!["*".to_owned(), "*".to_owned()];
        policies[4].mailboxes.exclude = vec!["**".to_owned()];
        policies[5].mailboxes.special_use = false;
        policies[6].mailboxes.subscriptions = false;
        policies[7].mailboxes.rename = [("a".to_owned(), "b".to_owned())].into();
        policies[8].mode = Mode::Mirror;
        policies[9].delete_guard = 11;
        policies[10].mailboxes.prefix = Some("Old".to_owned());
        policies[11].mailboxes.reserved = vec!["Old".to_owned()];
        policies[12].messages.since = Some(InternalDate(0));
        policies[13].messages.before = Some(InternalDate(0));
        policies[14].messages.min_octets = Some(0);
        policies[15].messages.unseen = true;
        policies[16].messages.flagged = true;
        policies[17].mailboxes.merge = vec!["Old".to_owned()];
        policies[18].mailboxes.companions = vec!["Old".to_owned()];
        policies[19].newest_first = Some(0);
        policies[20].mailboxes.priority = Vec::new();
        policies[21].search = SearchKeys::parse("ALL").ok();
        policies[22].mailboxes.labels = Labels::Primary;
        policies[23].follow_moves = false;
        policies[24].mode = Mode::TwoWay;
        (policies[25].mode, policies[25].deleted) = (Mode::TwoWay, Deleted::Mark);
        let digests: HashSet<_> = policies.iter().map(policy_digest).collect();
        assert_eq!(digests.len(), policies.len());
        assert_eq!(policy_digest(&Policy::default()), policy_digest(&policies[0]));
    }

    #[test]
    fn digest_tells_where_a_text_ends() {
        let with = |include: &[&str]| {
            let mut policy = Policy::default();
            policy.mailboxes.include = include.iter().map(|text| (*text).to_owned()).collect();
            policy_digest(&policy)
        };
        assert_ne!(with(&["ab", "c"]), with(&["a", "bc"]));
    }
}
