//! The configuration of a private Dovecot, in the words of 2.3 and of 2.4.

use std::path::PathBuf;

use super::authority::TlsFiles;
use super::dovecot::{MasterRights, Options, SpecialUse, Storage, password_entry};
use super::process::ServiceUser;
use super::server::User;

/// The language that a version reads; 2.4 renamed most settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    V2_3,
    V2_4,
}

impl Dialect {
    /// From the output of `dovecot --version`, such as `2.3.19.1 (9b53102964)`.
    pub fn of_version(version: &str) -> Dialect {
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
        let release = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if release >= (2, 4) { Dialect::V2_4 } else { Dialect::V2_3 }
    }

    /// One process for all clients, however many they are.
    fn unlimited_requests(self) -> &'static str {
        match self {
            Dialect::V2_3 => "service_count = 0",
            Dialect::V2_4 => "restart_request_count = unlimited",
        }
    }

    /// A process serves some sessions, one after the other: half of the work of a short one is to begin a process for it.
    fn some_requests(self) -> &'static str {
        match self {
            Dialect::V2_3 => "service_count = 20",
            Dialect::V2_4 => "restart_request_count = 20",
        }
    }
}

/// Where one server's things are.
#[derive(Clone, Debug)]
pub struct Layout {
    pub root: PathBuf,
    /// Where its programs are, if not where they were built for.
    pub programs: Option<PathBuf>,
    pub mail: PathBuf,
    /// One passwd-file a user: Dovecot looks for changes in a file only once a second, and a new
    /// user must be able to log in at once.
    pub users: PathBuf,
    pub masters_file: PathBuf,
    pub log: PathBuf,
    pub tls: TlsFiles,
    pub plain_port: u16,
    pub tls_port: u16,
    pub owner: ServiceUser,
}

impl Layout {
    pub fn configuration_file(&self) -> PathBuf {
        self.root.join("dovecot.conf")
    }

    /// One user's line in the passwd-file.
    pub fn user_entry(&self, user: &User, dialect: Dialect) -> String {
        let password = password_entry(&user.name, &user.password);
        let home = self.mail.join(&user.name);
        let quota = user.quota_kibibytes.map_or(String::new(), |limit| match dialect {
            Dialect::V2_3 => format!("userdb_quota_rule=*:storage={limit}K"),
            Dialect::V2_4 => format!("userdb_quota_storage_size={limit}K"),
        });
        let (uid, gid) = (self.owner.uid, self.owner.gid);
        format!("{}:{uid}:{gid}::{}::{quota}\n", password.trim_end(), home.display())
    }

    pub fn configuration(&self, options: &Options, dialect: Dialect) -> String {
        let body = match dialect {
            Dialect::V2_3 => self.version_2_3(options),
            Dialect::V2_4 => self.version_2_4(options),
        };
        [body, self.services(options, dialect), options.extra_configuration.join("\n")].join("\n")
    }

    /// The part that both versions read almost alike.
    fn services(&self, options: &Options, dialect: Dialect) -> String {
        let Layout { plain_port, tls_port, .. } = self;
        let separator = options.separator;
        let prefix = &options.namespace_prefix;
        let automatic = match options.special_use {
            SpecialUse::Declared => "no",
            SpecialUse::Created => "create",
        };
        let special: String = ["Drafts", "Sent", "Trash", "Junk"]
            .map(|name| format!("  mailbox {name} {{\n    special_use = \\{name}\n    auto = {automatic}\n  }}\n"))
            .concat();
        format!(
            r#"
auth_mechanisms = plain login
auth_failure_delay = 0
auth_master_user_separator = *
mail_max_userip_connections = {connections}
first_valid_uid = 1
mail_fsync = never
default_vsz_limit = 2G
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap {{
  {some_requests}
  process_limit = 1024
}}
service imap-login {{
  {unlimited_requests}
  process_min_avail = 1
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
{special}}}
{rootless}"#,
            connections = options.connections_per_user,
            some_requests = dialect.some_requests(),
            unlimited_requests = dialect.unlimited_requests(),
            rootless = self.rootless(),
        )
    }

    fn rootless(&self) -> String {
        if self.owner.started_by_root {
            return String::new();
        }
        let ServiceUser { name, group, .. } = &self.owner;
        format!(
            r#"
default_internal_user = {name}
default_internal_group = {group}
default_login_user = {name}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
"#
        )
    }

    fn version_2_3(&self, options: &Options) -> String {
        let Layout { root, users, masters_file, log, tls, owner, .. } = self;
        let location = match options.storage {
            Storage::Maildir => "maildir:~/Maildir",
            Storage::Mdbox => "mdbox:~/mdbox",
        };
        let (plugins, imap_plugins, settings) = plugins_2_3(options);
        format!(
            r#"base_dir = {root}/run
state_dir = {root}/state
log_path = {log}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
mail_uid = {uid}
mail_gid = {gid}
mail_location = {location}
mail_plugins = {plugins}
protocol imap {{
  mail_plugins = {plugins} {imap_plugins}
}}
plugin {{
{settings}}}
passdb {{
  driver = passwd-file
  args = {masters}
  master = yes
  result_success = continue
}}
passdb {{
  driver = passwd-file
  args = {users}/%u
}}
userdb {{
  driver = passwd-file
  args = {users}/%u
}}
"#,
            root = root.display(),
            log = log.display(),
            certificate = tls.certificate.display(),
            key = tls.key.display(),
            uid = owner.uid,
            gid = owner.gid,
            masters = masters_file.display(),
            users = users.display(),
        )
    }

    fn version_2_4(&self, options: &Options) -> String {
        let Layout { root, users, masters_file, log, tls, owner, .. } = self;
        let programs = self.programs.as_ref().map_or(String::new(), |programs| {
            let dovecot = programs.join("lib/dovecot");
            format!("libexec_dir = {0}\nmail_plugin_dir = {0}/modules", dovecot.display())
        });
        let (driver, path) = match options.storage {
            Storage::Maildir => ("maildir", "~/Maildir"),
            Storage::Mdbox => ("mdbox", "~/mdbox"),
        };
        format!(
            r#"dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
{programs}
base_dir = {root}/run
state_dir = {root}/state
log_path = {log}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
auth_allow_cleartext = yes
mail_uid = {uid}
mail_gid = {gid}
mail_driver = {driver}
mail_path = {path}
{plugins}
passdb masters {{
  driver = passwd-file
  passwd_file_path = {masters}
  master = yes
  result_success = continue
}}
passdb users {{
  driver = passwd-file
  passwd_file_path = {users}/%{{user}}
}}
userdb users {{
  driver = passwd-file
  passwd_file_path = {users}/%{{user}}
}}
"#,
            root = root.display(),
            log = log.display(),
            certificate = tls.certificate.display(),
            key = tls.key.display(),
            uid = owner.uid,
            gid = owner.gid,
            plugins = plugins_2_4(options),
            masters = masters_file.display(),
            users = users.display(),
        )
    }
}

/// Plugins for all services, further ones for IMAP, and their settings.
fn plugins_2_3(options: &Options) -> (String, String, String) {
    // They offer COMPRESS=DEFLATE, which 2.4 does by itself.
    let mut plugins = vec!["zlib"];
    let mut imap_plugins = vec!["imap_zlib"];
    let mut settings = String::new();
    if options.quota {
        plugins.push("quota");
        imap_plugins.push("imap_quota");
        settings.push_str("  quota = count:User quota\n  quota_vsizes = yes\n  quota_grace = 0\n");
    }
    if options.master_rights == MasterRights::None {
        plugins.push("acl");
        imap_plugins.push("imap_acl");
        settings.push_str("  acl = vfile\n");
    }
    (plugins.join(" "), imap_plugins.join(" "), settings)
}

fn plugins_2_4(options: &Options) -> String {
    let mut lines = Vec::new();
    if options.quota {
        lines.push("mail_plugins {\n  quota = yes\n}");
        lines.push("protocol imap {\n  mail_plugins {\n    imap_quota = yes\n  }\n}");
        lines.push("quota \"User quota\" {\n  driver = count\n}\nquota_storage_grace = 0");
    }
    if options.master_rights == MasterRights::None {
        lines.push("mail_plugins {\n  acl = yes\n}");
        lines.push("protocol imap {\n  mail_plugins {\n    imap_acl = yes\n  }\n}");
        // Without it the master has the rights of the account; %{master_user} is empty here (2.4.1).
        lines.push("acl_driver = vfile\nacl_user = %{auth_user}");
    }
    lines.join("\n")
}
