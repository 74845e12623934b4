//! `[source.oauth]` and its like: where tokens come from, and where the secrets are that they are made with.

use super::document::{At, Table};
use super::mistake::{Findings, Mistake, Origin};
use super::place::{NAME, Place, PlaceKeys, PlaceKind, Quoting};
use crate::model::Side;
use crate::model::oauth::{Flow, Ingredient, OAuth, Provider};
use std::path::PathBuf;

/// The places of the secrets.
#[derive(Clone, Default)]
pub(super) struct Ingredients {
    client_secret: Option<Place>,
    key: Option<Place>,
    refresh_token: Option<Place>,
    token: Option<Place>,
}

impl Ingredients {
    /// Where that one is.
    pub fn place(&self, which: Ingredient) -> Option<&Place> {
        match which {
            Ingredient::ClientSecret => &self.client_secret,
            Ingredient::Key => &self.key,
            Ingredient::RefreshToken => &self.refresh_token,
            Ingredient::Token => &self.token,
        }
        .as_ref()
    }

    /// All that there are.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        [&self.client_secret, &self.key, &self.refresh_token, &self.token].into_iter().flatten()
    }

    /// Those that must be there before a run; a refresh token may still be got by `mailferry login`.
    pub fn needed(&self) -> impl Iterator<Item = &Place> {
        [&self.client_secret, &self.key, &self.token].into_iter().flatten()
    }
}

const FLOWS: [(&str, Option<Flow>); 5] = [
    ("client-credentials", Some(Flow::ClientCredentials)),
    ("service-account", Some(Flow::ServiceAccount)),
    ("refresh-token", Some(Flow::RefreshToken)),
    ("command", Some(Flow::Command)),
    ("file", Some(Flow::File)),
];

const PROVIDERS: [(&str, Option<Provider>); 3] =
    [("microsoft", Some(Provider::Microsoft)), ("google", Some(Provider::Google)), ("yahoo", Some(Provider::Yahoo))];

/// Microsoft's clouds: where logins are, and whom tokens are for.
#[derive(Clone, Copy)]
struct Cloud {
    authority: &'static str,
    outlook: &'static str,
    /// Delegated scopes have a name of their own in the global cloud.
    delegated: &'static str,
}

const GLOBAL: Cloud = Cloud {
    authority: "login.microsoftonline.com",
    outlook: "https://outlook.office365.com",
    delegated: "https://outlook.office.com",
};
const US_GOVERNMENT: Cloud = Cloud {
    authority: "login.microsoftonline.us",
    outlook: "https://outlook.office365.us",
    delegated: "https://outlook.office365.us",
};
const CHINA: Cloud = Cloud {
    authority: "login.partner.microsoftonline.cn",
    outlook: "https://partner.outlook.cn",
    delegated: "https://partner.outlook.cn",
};
const CLOUDS: [(&str, Option<Cloud>); 3] =
    [("global", Some(GLOBAL)), ("us-gov", Some(US_GOVERNMENT)), ("china", Some(CHINA))];

const CLIENT_SECRET: PlaceKeys = PlaceKeys {
    variable: "client_secret_env",
    file: "client_secret_file",
    command: "client_secret_command",
    inline: "client_secret",
};
const KEY: PlaceKeys = PlaceKeys { variable: "key_env", file: "key_file", command: "key_command", inline: "key" };
const REFRESH_TOKEN: PlaceKeys = PlaceKeys {
    variable: "refresh_token_env",
    file: "refresh_token_file",
    command: "refresh_token_command",
    inline: "refresh_token",
};
const TOKEN: PlaceKeys =
    PlaceKeys { variable: "token_env", file: "token_file", command: "token_command", inline: "token" };

/// Where refresh tokens are kept that the settings name no place for, from the directory of the settings file.
const TOKENS_DIRECTORY: &str = "mailferry.tokens";

/// What the table says, key by key.
struct Keys {
    flow: Option<At<Flow>>,
    provider: Option<At<Provider>>,
    cloud: Option<At<Cloud>>,
    tenant: Option<At<String>>,
    token_url: Option<At<String>>,
    authorize_url: Option<At<String>>,
    device_url: Option<At<String>>,
    client_id: Option<At<String>>,
    scope: Option<At<String>>,
    certificate_file: Option<At<PathBuf>>,
    ca_file: Option<At<PathBuf>>,
}

/// Reads the table. `None` after noting what is wrong.
pub(super) fn read(mut table: Table, side: Side) -> Option<(OAuth, Ingredients)> {
    let findings = table.findings();
    if !table.has("flow") {
        table.missing(
            "flow",
            "say how tokens are got: client-credentials, service-account, refresh-token, command or file",
        );
    }
    let keys = Keys {
        flow: table.word("flow", &FLOWS),
        provider: table.word("preset", &PROVIDERS),
        cloud: table.word("cloud", &CLOUDS),
        tenant: table.text("tenant"),
        token_url: table.text("token_url"),
        authorize_url: table.text("authorize_url"),
        device_url: table.text("device_url"),
        client_id: table.text("client_id"),
        scope: table.text("scope"),
        certificate_file: table.path("certificate_file"),
        ca_file: table.path("ca_file"),
    };
    let mut ingredients = Ingredients {
        client_secret: CLIENT_SECRET.read(&mut table),
        key: KEY.read(&mut table),
        refresh_token: REFRESH_TOKEN.read(&mut table),
        token: TOKEN.read(&mut table),
    };
    let (origin, directory) = (table.origin.clone(), table.directory().to_owned());
    table.finish();
    let flow = keys.flow.as_ref()?.value;
    let lacks = keys.check(flow, &ingredients, &origin, findings);
    if flow == Flow::RefreshToken && ingredients.refresh_token.is_none() {
        let file = directory.join(TOKENS_DIRECTORY).join(format!("{NAME}.{side}"));
        ingredients.refresh_token = Some(Place { kind: PlaceKind::File(file), origin, quoting: Quoting::Allowed });
    }
    (!lacks).then(|| (keys.settled(flow, &ingredients), ingredients))
}

impl Keys {
    /// Notes what the flow lacks, and what contradicts it. Whether there was anything.
    fn check(&self, flow: Flow, ingredients: &Ingredients, origin: &Origin, findings: &Findings) -> bool {
        let mut lacks = false;
        let mut lack = |is_there: bool, what: &str, fix: &str| {
            if !is_there {
                findings.add(Mistake::new(what).fix(fix).at(origin));
                lacks = true;
            }
        };
        let is_microsoft = self.provider.as_ref().is_some_and(|it| it.value == Provider::Microsoft);
        let asks = matches!(flow, Flow::ClientCredentials | Flow::RefreshToken);
        lack(!asks || self.client_id.is_some(), "`client_id` is missing", "give the application's ID");
        lack(
            !asks || self.token_url.is_some() || self.provider.is_some(),
            "`token_url` is missing",
            "give the endpoint, or a `preset`: microsoft, google, yahoo",
        );
        match flow {
            Flow::ClientCredentials => {
                let has_proof = ingredients.client_secret.is_some() || self.certificate_file.is_some();
                lack(
                    has_proof,
                    "nothing proves who the application is",
                    "give `client_secret_file`, or `certificate_file` with `key_file`",
                );
                let has_key = self.certificate_file.is_none() || ingredients.key.is_some();
                lack(
                    has_key,
                    "`certificate_file` is given without its key",
                    "give `key_file`: the private key in PEM form",
                );
                let both = ingredients.client_secret.is_some() && self.certificate_file.is_some();
                lack(!both, "both a client secret and a certificate are given", "keep one");
                let knows_tenant = !is_microsoft || self.token_url.is_some() || self.tenant.is_some();
                lack(
                    knows_tenant,
                    "`tenant` is missing",
                    "give the tenant's ID or domain: an application has no `common` one",
                );
                let for_apps = self.provider.as_ref().is_none_or(|it| it.value == Provider::Microsoft);
                lack(
                    for_apps,
                    "this provider has no tokens for an application alone",
                    "use service-account (Google) or refresh-token",
                );
            }
            Flow::ServiceAccount => {
                lack(
                    ingredients.key.is_some(),
                    "the service account's key is missing",
                    "give `key_file`: the JSON from the Google Cloud console",
                );
            }
            Flow::RefreshToken => {}
            Flow::Command => {
                let is_command = ingredients.token.as_ref().is_some_and(|place| place.command().is_some());
                lack(
                    is_command,
                    "`token_command` is missing",
                    "write token_command = [\"program\", \"{user}\"]: it prints the token",
                );
            }
            Flow::File => {
                let is_file = matches!(ingredients.token.as_ref().map(|place| &place.kind), Some(PlaceKind::File(_)));
                lack(
                    is_file,
                    "`token_file` is missing",
                    "name the file that holds the token; {user} and {name} stand for the account's",
                );
            }
        }
        lacks | self.names_a_wrong_address(findings)
    }

    /// Notes addresses that secrets cannot be sent to. Whether there were any.
    fn names_a_wrong_address(&self, findings: &Findings) -> bool {
        let mut lacks = false;
        let urls =
            [("token_url", &self.token_url), ("authorize_url", &self.authorize_url), ("device_url", &self.device_url)];
        for (key, url) in urls {
            let Some(At { value, origin }) = url else { continue };
            let is_https = url::Url::parse(value).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty());
            if !is_https {
                let mistake = Mistake::new(format!("`{key}` is no address that secrets may be sent to"));
                findings.add(mistake.fix("give one that begins with https://").at(origin));
                lacks = true;
            }
        }
        lacks
    }

    fn settled(self, flow: Flow, ingredients: &Ingredients) -> OAuth {
        fn value<T>(at: Option<At<T>>) -> Option<T> {
            at.map(|at| at.value)
        }
        let provider = value(self.provider).or((flow == Flow::ServiceAccount).then_some(Provider::Google));
        let known = provider.map_or_else(Known::default, |provider| {
            Known::of(provider, flow, value(self.cloud).unwrap_or(GLOBAL), value(self.tenant).as_deref())
        });
        OAuth {
            flow,
            provider,
            token_url: value(self.token_url).or(known.token_url),
            authorize_url: value(self.authorize_url).or(known.authorize_url),
            device_url: value(self.device_url).or(known.device_url),
            client_id: value(self.client_id).unwrap_or_default(),
            scope: value(self.scope).unwrap_or(known.scope),
            has_client_secret: ingredients.client_secret.is_some(),
            certificate_file: value(self.certificate_file),
            ca_file: value(self.ca_file),
        }
    }
}

/// What is known of a provider.
#[derive(Default)]
struct Known {
    token_url: Option<String>,
    authorize_url: Option<String>,
    device_url: Option<String>,
    scope: String,
}

impl Known {
    fn of(provider: Provider, flow: Flow, cloud: Cloud, tenant: Option<&str>) -> Known {
        match provider {
            Provider::Microsoft => {
                let place = format!("https://{}/{}/oauth2/v2.0", cloud.authority, tenant.unwrap_or("common"));
                let Cloud { outlook, delegated, .. } = cloud;
                Known {
                    token_url: Some(format!("{place}/token")),
                    authorize_url: Some(format!("{place}/authorize")),
                    device_url: Some(format!("{place}/devicecode")),
                    scope: match flow {
                        Flow::ClientCredentials => format!("{outlook}/.default"),
                        _ => format!("{delegated}/IMAP.AccessAsUser.All offline_access"),
                    },
                }
            }
            // Google's codes for devices are not for mail.
            Provider::Google => Known {
                token_url: Some("https://oauth2.googleapis.com/token".to_owned())
                    .filter(|_| flow != Flow::ServiceAccount),
                authorize_url: Some("https://accounts.google.com/o/oauth2/v2/auth".to_owned()),
                device_url: None,
                scope: "https://mail.google.com/".to_owned(),
            },
            Provider::Yahoo => Known {
                token_url: Some("https://api.login.yahoo.com/oauth2/get_token".to_owned()),
                authorize_url: Some("https://api.login.yahoo.com/oauth2/request_auth".to_owned()),
                device_url: None,
                scope: "mail-w".to_owned(),
            },
        }
    }
}
