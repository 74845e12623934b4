//! Messages to webhooks, signed so that their receiver knows who speaks (Standard Webhooks 1.0.0).

use super::token::endpoint::{Plaintext, agent};
use crate::error::{Error, Kind, Result, sanitized};
use crate::model::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a secret begins with, where it says so.
const PREFIX: &str = "whsec_";

/// One message. Sent again, it is the same one.
pub struct Message<'a> {
    pub id: &'a str,
    /// Seconds since 1970.
    pub time: i64,
    pub body: &'a str,
}

/// Posts it.
///
/// # Errors
/// `Unreachable` where nobody takes it, `Refused` where the receiver says no, `Settings` where the secret is none.
pub fn post(url: &str, secret: &Secret, message: &Message<'_>) -> Result<()> {
    let signature = signature(secret, message)?;
    let Message { id, time, body } = message;
    // The settings allow it to this machine alone.
    let plaintext = if url.starts_with("http://") { Plaintext::Allowed } else { Plaintext::Refused };
    let sent = agent(None, plaintext, PATIENCE)?
        .post(url)
        .header("Content-Type", "application/json")
        .header("webhook-id", *id)
        .header("webhook-timestamp", time.to_string())
        .header("webhook-signature", signature)
        .send(body.as_bytes());
    match sent {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(Error::new(Kind::Refused, format!("the receiver answered {}", answer.status()))),
        Err(why) => {
            let why = sanitized(&why.to_string());
            Err(Error::new(Kind::Unreachable, "the receiver could not be told").because(why))
        }
    }
}

fn signature(secret: &Secret, Message { id, time, body }: &Message<'_>) -> Result<String> {
    let text = secret.expose().trim();
    let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map(Zeroizing::new).map_err(|_| {
        Error::new(Kind::Settings, "the secret of a webhook is no Base64")
            .hint("copy it from the receiver as it is: whsec_ and Base64")
    })?;
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{id}.{time}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(signed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries.
    #[test]
    fn signature_is_that_of_the_specification() {
        let message =
            Message { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", time: 1_614_265_330, body: "{\"test\": 2432232314}" };
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature(&secret, &message).unwrap(), expected);
        assert!(signature(&Secret::new("no base64!".to_owned()), &message).is_err());
    }
}
