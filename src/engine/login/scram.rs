//! SCRAM (RFC 5802, RFC 7677): the server learns no password, and proves that it knows what belongs to it.

use super::sasl::{Conversation, Octets, saslname};
use crate::engine::wire::binding::ChannelBinding;
use crate::error::{Error, Kind, Result, sanitized};
use crate::model::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// The digest that it is done with.
#[derive(Clone, Copy)]
pub enum Hash {
    Sha1,
    Sha256,
}

/// More rounds than any server asks for: what they cost is our time.
const MOST_ROUNDS: u32 = 2_000_000;

const NONCE_OCTETS: usize = 18;

/// Whether the login is tied to the TLS connection.
pub enum Binding {
    /// There is nothing to tie it to, or the server was seen to offer it and another mechanism was chosen.
    Unsupported,
    /// We could, and the server does not offer it; it will notice when somebody took that from its offer.
    Unused,
    Bound(ChannelBinding),
}

/// One login.
pub struct Scram {
    hash: Hash,
    password: Secret,
    /// `n,a=user,` or the like.
    header: String,
    binding: Vec<u8>,
    client_first: String,
    nonce: String,
    stage: Stage,
}

enum Stage {
    Begun,
    /// The proof was sent; the server answers with this, if it is the one that it should be.
    Proved(Vec<u8>),
    Done,
}

impl Scram {
    /// For that user, acting as `authorization` if that is not empty.
    ///
    /// # Errors
    /// `Io` when the system has no random numbers.
    pub fn new(hash: Hash, user: &str, authorization: &str, password: Secret, binding: Binding) -> Result<Scram> {
        let mut random = [0; NONCE_OCTETS];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Error::new(Kind::Io, "the system gives no random numbers"))?;
        Ok(Self::with_nonce(hash, user, authorization, password, binding, STANDARD.encode(random)))
    }

    fn with_nonce(
        hash: Hash,
        user: &str,
        authorization: &str,
        password: Secret,
        binding: Binding,
        nonce: String,
    ) -> Scram {
        let (flag, binding) = match binding {
            Binding::Unsupported => ("n".to_owned(), Vec::new()),
            Binding::Unused => ("y".to_owned(), Vec::new()),
            Binding::Bound(ChannelBinding { name, data }) => (format!("p={name}"), data),
        };
        let acting_as = if authorization.is_empty() { String::new() } else { format!("a={}", saslname(authorization)) };
        let user = stringprep::saslprep(user).map_or_else(|_| user.to_owned(), std::borrow::Cow::into_owned);
        let client_first = format!("n={},r={nonce}", saslname(&user));
        let header = format!("{flag},{acting_as},");
        Scram { hash, password, header, binding, client_first, nonce, stage: Stage::Begun }
    }

    fn prove(&mut self, server_first: &str) -> Result<Octets> {
        let offer = Offer::parse(server_first).ok_or_else(|| nonsense(server_first))?;
        if !offer.nonce.starts_with(&self.nonce) || offer.nonce.len() == self.nonce.len() {
            return Err(nonsense(server_first));
        }
        let rounds = NonZeroU32::new(offer.rounds).filter(|rounds| rounds.get() <= MOST_ROUNDS);
        let rounds = rounds.ok_or_else(|| nonsense(server_first))?;
        let bound = STANDARD.encode([self.header.as_bytes(), &self.binding].concat());
        let bare = format!("c={bound},r={}", offer.nonce);
        let exchanged = format!("{},{server_first},{bare}", self.client_first);
        let salted = self.salted(&offer.salt, rounds);
        let client_key = self.hash.sign(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), &client_key);
        let signature = self.hash.sign(stored_key.as_ref(), exchanged.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        let server_key = self.hash.sign(&salted, b"Server Key");
        self.stage = Stage::Proved(self.hash.sign(&server_key, exchanged.as_bytes()));
        Ok(Zeroizing::new(format!("{bare},p={}", STANDARD.encode(proof)).into_bytes()))
    }

    /// What the password becomes. Passwords that cannot be prepared (RFC 4013) are taken as they are: so do servers.
    fn salted(&self, salt: &[u8], rounds: NonZeroU32) -> Zeroizing<Vec<u8>> {
        let mut salted = Zeroizing::new(vec![0; self.hash.digest().output_len()]);
        let password = self.password.expose();
        match stringprep::saslprep(password) {
            Ok(std::borrow::Cow::Owned(prepared)) => {
                let prepared = Zeroizing::new(prepared);
                pbkdf2::derive(self.hash.derivation(), rounds, salt, prepared.as_bytes(), &mut salted);
            }
            _ => pbkdf2::derive(self.hash.derivation(), rounds, salt, password.as_bytes(), &mut salted),
        }
        salted
    }
}

impl Conversation for Scram {
    fn first(&mut self) -> Option<Octets> {
        Some(Zeroizing::new(format!("{}{}", self.header, self.client_first).into_bytes()))
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Octets> {
        let challenge = String::from_utf8_lossy(challenge).into_owned();
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Begun => self.prove(&challenge),
            Stage::Proved(expected) => {
                let signature = challenge.split(',').next().and_then(|field| field.strip_prefix("v="));
                match signature.and_then(|text| STANDARD.decode(text).ok()) {
                    Some(signature) if signature == expected => Ok(Octets::default()),
                    // With `e=` it says why not, and then NO.
                    None if challenge.starts_with("e=") => {
                        self.stage = Stage::Proved(expected);
                        Ok(Octets::default())
                    }
                    _ => Err(impostor()),
                }
            }
            Stage::Done => Err(nonsense(&challenge)),
        }
    }

    fn accepted(&self) -> Result<()> {
        if matches!(self.stage, Stage::Done) { Ok(()) } else { Err(impostor()) }
    }
}

/// What the server says first.
struct Offer {
    nonce: String,
    salt: Vec<u8>,
    rounds: u32,
}

impl Offer {
    fn parse(text: &str) -> Option<Offer> {
        let mut fields = text.split(',');
        let nonce = fields.next()?.strip_prefix("r=")?.to_owned();
        let salt = STANDARD.decode(fields.next()?.strip_prefix("s=")?).ok()?;
        let rounds = fields.next()?.strip_prefix("i=")?.parse().ok()?;
        Some(Offer { nonce, salt, rounds })
    }
}

fn nonsense(said: &str) -> Error {
    Error::new(Kind::Protocol, "the server does not speak SCRAM as it should").because(sanitized(said))
}

/// No refusal of the password: nothing weaker is tried with such a server.
fn impostor() -> Error {
    Error::new(Kind::Protocol, "the server did not prove that it knows the password")
        .hint("somebody may have put themselves between: check `host` and the certificate")
}

impl Hash {
    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
        }
    }

    fn derivation(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }

    fn sign(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), text).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(hash: Hash, nonce: &str, binding: Binding) -> Scram {
        Scram::with_nonce(hash, "user", "", Secret::new("pencil".to_owned()), binding, nonce.to_owned())
    }

    /// The examples of RFC 5802 5 and RFC 7677 3.
    #[test]
    fn answers_are_those_of_the_examples() {
        let examples = [
            (
                Hash::Sha1,
                "fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
            (
                Hash::Sha256,
                "rOprNGfwEbeRWgbNEkqO",
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
        ];
        for (hash, nonce, server_first, client_final, server_final) in examples {
            let mut scram = begun(hash, nonce, Binding::Unsupported);
            assert_eq!(&**scram.first().unwrap(), format!("n,,n=user,r={nonce}").as_bytes());
            assert_eq!(String::from_utf8_lossy(&scram.answer(server_first.as_bytes()).unwrap()), client_final);
            assert!(scram.accepted().is_err(), "nothing is proved yet");
            assert!(scram.answer(server_final.as_bytes()).is_ok_and(|answer| answer.is_empty()));
            assert!(scram.accepted().is_ok());
            let mut scram = begun(hash, nonce, Binding::Unsupported);
            scram.answer(server_first.as_bytes()).unwrap();
            let forged = scram.answer(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
            assert!(forged.is_err_and(|error| *error.kind() == Kind::Protocol));
        }
    }

    #[test]
    fn header_tells_the_binding_and_whom_the_login_is_for() {
        let nonce = || "n".to_owned();
        let password = || Secret::new("p".to_owned());
        let first = |authorization, binding| {
            let scram = Scram::with_nonce(Hash::Sha1, "a,b", authorization, password(), binding, nonce()).first();
            String::from_utf8(scram.unwrap().to_vec()).unwrap()
        };
        let bound = || Binding::Bound(ChannelBinding { name: "tls-exporter", data: vec![7; 32] });
        assert_eq!(first("c=d", bound()), "p=tls-exporter,a=c=3Dd,n=a=2Cb,r=n");
        assert_eq!(first("", Binding::Unused), "y,,n=a=2Cb,r=n");
        let mut scram = Scram::with_nonce(Hash::Sha1, "u", "", password(), bound(), nonce());
        let answer = scram.answer(b"r=nn,s=AAAA,i=1").unwrap();
        let bound = STANDARD.encode([b"p=tls-exporter,,".as_slice(), &[7; 32]].concat());
        assert!(answer.starts_with(format!("c={bound},r=nn,p=").as_bytes()));
    }

    #[test]
    fn answer_offers_that_cannot_be_are_refused() {
        for offer in [
            "",
            "r=n,s=AAAA,i=1",
            "r=other,s=AAAA,i=1",
            "r=nn,s=?,i=1",
            "r=nn,s=AAAA,i=0",
            "r=nn,s=AAAA,i=9999999",
            "r=nn,s=AAAA",
            "m=x,r=nn,s=AAAA,i=1",
        ] {
            let mut scram = begun(Hash::Sha256, "n", Binding::Unsupported);
            assert!(scram.answer(offer.as_bytes()).is_err_and(|error| *error.kind() == Kind::Protocol), "{offer}");
        }
    }
}
