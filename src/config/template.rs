//! The commented settings file that `init` writes.
//!
//! What must be filled in stands in `<…>`, which the reader refuses by name; the rest loads as it is. The notes on the
//! servers are those that decide whether a master login works at all.

use super::preset::preset_name;
use crate::model::Side;
use crate::model::server::Preset;

/// The text of a settings file for servers of these kinds; `None` is a server of unknown kind.
pub fn template(source: Option<Preset>, destination: Option<Preset>) -> String {
    let [source, destination] = [side(Side::Source, source), side(Side::Destination, destination)];
    format!("{HEAD}\n{source}\n{destination}\n{REST}")
}

const HEAD: &str = "\
# Settings of mailferry. Fill in what stands in <…>, then run: mailferry check
# Lines that are commented out show the defaults or what else can be set.

# What is known about both sides; losing it costs a scan, never a message.
# Where several processes share the accounts out (--shard K/N), write {shard} where the number of each belongs.
state = \"mailferry.state\"
";

fn side(side: Side, preset: Option<Preset>) -> String {
    let (age, title) = match side {
        Side::Source => ("old", "The server that the mail comes from. It is only read."),
        Side::Destination => ("new", "The server that the mail goes to."),
    };
    let variable = side.to_string().to_uppercase();
    let preset_line = match preset {
        Some(preset) => format!("preset = \"{}\"", preset_name(preset)),
        None => "# preset = \"dovecot\"             # by default found from what the server says".to_owned(),
    };
    let login = login(preset);
    format!(
        "\
# {title}
[{side}]
host = \"<host name of the {age} server>\"
# port = 993
# tls = \"implicit\"                # \"starttls\" usually has port 143
# ca_file = \"ca.pem\"              # trusted besides the system's certificates
# fingerprint = \"sha256:…\"       # the only certificate to trust, whoever signed it
# server_name = \"{age}.example.com\" # where the certificate names another host
{preset_line}
# auth = \"scram-sha-256\"          # by default the best that is offered; see \"Logins\" in the README
# client_certificate_file = \"us.pem\" # with client_key_file, for auth = \"external\"
{login}# The password is asked for once, without echo, unless one of these says where it is:
# password_file = \"{side}.password\"            # its first line; chmod 600
# password_command = [\"pass\", \"show\", \"{side}\"] # no shell; {{user}} and {{name}} stand for the account's
# password_env = \"{variable}_PASSWORD\"
# max_connections = 8              # at one time; with more --jobs, one for each account
# compress = \"off\"                # \"auto\": once the line turns out to be slow; \"on\": always (COMPRESS=DEFLATE)
# pipelining = \"auto\"             # \"off\": no command is sent before the one that it depends on was answered
"
    )
}

/// How one logs in on such a server for all its users.
fn login(preset: Option<Preset>) -> String {
    let (notes, master) = match preset {
        Some(Preset::Zimbra) => (ZIMBRA, MASTER_AUTHZID),
        Some(Preset::Dovecot) => (DOVECOT, MASTER_SEPARATOR),
        Some(Preset::Cyrus) => (CYRUS, MASTER_AUTHZID),
        Some(Preset::Courier) => (COURIER, ""),
        Some(Preset::Exchange) => (EXCHANGE, ""),
        Some(Preset::Gmail) => (GMAIL, ""),
        Some(Preset::Yahoo) => (YAHOO, ""),
        Some(Preset::Icloud) => (ICLOUD, ""),
        Some(Preset::Generic) | None => (GENERIC, MASTER_UNKNOWN),
    };
    format!("{notes}{master}")
}

const MASTER_AUTHZID: &str = "\
master_user = \"<the master user's login name>\"
master_style = \"authzid\"
";

const MASTER_SEPARATOR: &str = "\
master_user = \"<the master user's login name>\"
master_style = \"separator\"        # logs in as user*master
master_separator = \"*\"            # as auth_master_user_separator on the server; or set master_style = \"authzid\"
";

const MASTER_UNKNOWN: &str = "\
# master_user = \"admin\"
# master_style = \"authzid\"        # or \"separator\" with master_separator = \"*\", \"proxyauth\", \"x-masterauth\", …
";

const ZIMBRA: &str = "\
# Zimbra: the master user is an administrator who holds the right adminLoginAs on the accounts:
#   zmprov grr domain example.com usr admin@example.com adminLoginAs
# IMAP must be enabled for the administrator's own account too (zimbraImapEnabled, zimbraPrefImapEnabled).
# Users are whole addresses. Zimbra tries an unknown user@domain again in the administrator's domain: mind the spelling.
";

const DOVECOT: &str = "\
# Dovecot: the master user is in a passdb with master = yes and result_success = continue.
# With the acl plugin a master user has only its own rights, and every account looks empty: set
#   plugin { acl_user = %u }
# Dovecot allows 10 connections of one user from one address (mail_max_userip_connections).
";

const CYRUS: &str = "\
# Cyrus: the master user is one of `admins` or `proxyservers` in imapd.conf. It acts as each user (authzid), so that
# names, rights and read marks are the user's own; logged in as itself it would see none of them right.
";

const COURIER: &str = "\
# Courier knows no master user: each account needs its own password, see below.
# Mail copied into Trash is deleted 7 days later, whatever its date, unless IMAP_EMPTYTRASH says otherwise.
";

const EXCHANGE: &str = "\
# Exchange: write each user as domain/admin/user, with the administrator's password; the administrator needs a mailbox
# and FullAccess (Add-MailboxPermission). Microsoft 365 takes only tokens: see \"Microsoft 365\" in the README, and fill in
# [source.oauth] or [destination.oauth]:
#   flow = \"client-credentials\"
#   preset = \"microsoft\"
#   tenant = \"example.onmicrosoft.com\"
#   client_id = \"…\"
#   client_secret_file = \"client.secret\"
# Exchange makes each message anew when it is read: octets and sizes differ from what was sent.
";

const GMAIL: &str = "\
# Gmail: each user needs an app password and IMAP switched on. In a Google Workspace a service account opens all users (see
# \"Gmail and Google Workspace\" in the README):
#   [source.oauth] or [destination.oauth]
#   flow = \"service-account\"
#   key_file = \"service-account.json\"
# Labels are mailboxes: a message with three labels is there three times, and once more in All Mail.
";

const YAHOO: &str = "\
# Yahoo and AOL: each user needs an app password (account security); host is imap.mail.yahoo.com or imap.aol.com.
# They show at most 10,000 messages of a mailbox, and take messages of up to 41 MB.
";

const ICLOUD: &str = "\
# iCloud: each user needs an app-specific password (account.apple.com) and the whole address as user; host is
# imap.mail.me.com. There are no tokens for other programs, and messages are 20 MB at most.
";

const GENERIC: &str = "\
# With a master user no user's password is needed; see your server's documentation for how it logs in for others.
";

const REST: &str = "\
# The accounts, here or as rows of a CSV file with the same names as columns:
# [accounts]
# file = \"accounts.csv\"           # name,source_user,destination_user,tags,source_password,destination_password
# shards = \"shards.csv\"           # which account is in which shard: `mailferry shards --into N` writes it
# encoding = \"windows-1252\"       # where Excel wrote it as CSV; UTF-8 and UTF-16 are recognised

[[account]]
source_user = \"<user on the old server>\"
destination_user = \"<user on the new server>\"
# source_server = \"old2\"          # a table [servers.old2] with the keys of [source]; or source_host, source_port, …
# prefix = \"Old mail/alice\"       # all of it below this mailbox; so several accounts may go into one
# merge_with_others = true        # or mixed with others, each of which says so
# name = \"alice\"                  # its name in status and state; by default the source user
# tags = [\"first-wave\"]           # then: mailferry sync tag:first-wave
# wave = \"finance\"               # where a [[wave]] does not name it
# source_password_file = \"alice.password\"    # or _command, _env, where there is no master user; or source_password = '…',
#                                            # where nobody else can read this file (chmod 600)

# [mailboxes]
# include = [\"**\"]                # patterns over names with / between the levels
# exclude = [\"Trash\", \"Junk/**\", \"\\\\Junk\"] # or a special use: the mailbox that has it, and all below
# special_use = true              # Sent goes to the new server's Sent, whatever either calls it
# subscriptions = true
# acl = false                     # rights of other users, under their names on the new server; what cannot be given is said
# metadata = false                # comments and other annotations of mailboxes
# merge = [\"Sent\"]               # mailboxes of the new server that several may go to
# priority = [\"INBOX\"]          # these come first
# [mailboxes.rename]
# \"Sent Items\" = \"Sent\"
# \"mail/**\" = \"**\"              # * is one level, ** all levels from there on

# [sync]
# mode = \"copy\"                   # add, and follow flags; \"mirror\" also deletes what was copied and is gone from the old server;
#                                 # \"two-way\" keeps both servers equal
# deleted = \"trash\"               # both ways, what is deleted goes there; or \"expunge\", or \"mark\"
# delete_guard = \"10%\"            # in mirror mode and both ways: never delete more of any one mailbox without --allow-deletes
# since = \"2024-01-01\"            # and before: by the date on the old server (UTC); also min_message_size, unseen, flagged
# search = 'NOT FROM \"@lists.example.com\"'   # a search of your own, in IMAP's words; the old server answers it
# newest_first = \"30d\"          # first what is that recent, of all mailboxes, and then the rest
# max_message_size = \"50MB\"       # by default what the new server says that it takes
# restore_missing = false         # copy again what was deleted on the new server
# idle = true                     # with --watch: what the old server tells of the INBOX begins a round at once
# follow_moves = true             # what is moved or renamed on the old server is so on the new one, and not copied again

# [gmail]                         # where the old server is Gmail
# labels = \"folders+rest\"         # a mailbox for each label, and the rest of All Mail; \"primary\": each message once;
#                                 # \"all-mail+keywords\", \"folders\": `mailferry plan` says what each comes to

# [limits]
# memory = \"128MiB\"
# timeout = \"2m\"                  # how long to wait for the server to answer
# retries = 5                     # of a broken connection
# bandwidth = \"20MB/s\"           # for each server, over all connections
# messages_per_second = 50        # appended to the destination
# resync_jobs = 16                # accounts at once of which all was copied before; by default as many as --jobs

# [[wave]]                        # accounts that move together: mailferry sync wave:finance
# name = \"finance\"
# accounts = [\"tag:finance\"]
# not_before = \"2026-12-01 20:00\"
# window = \"Mon-Fri 20:00-06:00\"
# time_zone = \"Europe/Berlin\"     # by default this machine's
# jobs = 2                        # of these accounts at once, at most
# priority = 1                    # higher comes first; an account may have one, too
# complete_after = \"2026-12-14\"   # from then on an account of which all is there is complete

# [fleet]                         # several processes (--shard): where one tells the others that the master user is refused
# directory = \"/srv/ferry\"       # a directory that all machines see

# [[notify]]                      # who is told while you are not looking
# on = [\"account.blocked\", \"run.finished\"] # also account.failed, run.started, wave.opened, wave.finished
# command = [\"/etc/mailferry/notify\"] # gets JSON; or a webhook, with its secret_file
";
