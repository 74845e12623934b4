//! What ties a login to the TLS connection that it goes over (RFC 5056): who sits between, with two connections of
//! their own, has another one.

use ring::digest::{SHA256, SHA384, SHA512, digest};
use rustls::{ClientConnection, ProtocolVersion};

/// The name of a kind of channel binding, and what both ends of this connection know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelBinding {
    pub name: &'static str,
    pub data: Vec<u8>,
}

/// The label of RFC 9266.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

impl ChannelBinding {
    /// That of a connection: `tls-exporter` (RFC 9266) with TLS 1.3, `tls-server-end-point` (RFC 5929 4) before it,
    /// which is the digest of the server's certificate. `None` where there is none for this certificate.
    pub fn of(connection: &ClientConnection) -> Option<ChannelBinding> {
        if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            let data = connection.export_keying_material(vec![0; 32], EXPORTER_LABEL, Some(&[])).ok()?;
            return Some(ChannelBinding { name: "tls-exporter", data });
        }
        let certificate = connection.peer_certificates()?.first()?;
        Some(ChannelBinding { name: "tls-server-end-point", data: end_point(certificate)? })
    }
}

/// The digest of a certificate by the algorithm of its signature, and SHA-256 for what is older. `None` for a signature
/// that names no algorithm of its own (RSA-PSS, Ed25519), or what is no certificate.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (_, after) = element(whole, SEQUENCE)?;
    let (algorithm, _) = element(after, SEQUENCE)?;
    let (identifier, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    let by =
        match identifier {
            // RSA: MD5, SHA-1, SHA-256; ECDSA: SHA-1, SHA-256.
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04 | 0x05 | 0x0b]
            | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01]
            | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02] => &SHA256,
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c]
            | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03] => &SHA384,
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d]
            | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04] => &SHA512,
            _ => return None,
        };
    Some(digest(by, certificate).as_ref().to_vec())
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The content of the DER element of that tag at the beginning, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    (*first == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
    use rustls::{ClientConfig, ServerConfig};
    use std::sync::Arc;

    /// A client and a server that have shaken hands, in memory.
    fn shaken_hands(
        version: &'static rustls::SupportedProtocolVersion,
    ) -> (ClientConnection, rustls::ServerConnection) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[version]).unwrap();
        let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());
        let server = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
        let mut client = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut octets = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut octets).unwrap();
            }
            server.read_tls(&mut octets.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut octets = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut octets).unwrap();
            }
            client.read_tls(&mut octets.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        (client, server)
    }

    #[test]
    fn of_a_connection_both_ends_know_the_same() {
        let (client, server) = shaken_hands(&rustls::version::TLS13);
        let binding = ChannelBinding::of(&client).unwrap();
        let of_server = server.export_keying_material(vec![0; 32], EXPORTER_LABEL, None).unwrap();
        assert_eq!((binding.name, binding.data), ("tls-exporter", of_server));
        let (client, _) = shaken_hands(&rustls::version::TLS12);
        let binding = ChannelBinding::of(&client).unwrap();
        let certificate = client.peer_certificates().unwrap()[0].to_vec();
        assert_eq!(binding.data, digest(&SHA256, &certificate).as_ref());
        assert_eq!(binding.name, "tls-server-end-point");
    }

    #[test]
    fn end_point_digests_by_the_algorithm_of_the_signature() {
        let certificate = |algorithm| {
            let key = KeyPair::generate_for(algorithm).unwrap();
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec()
        };
        let by_sha256 = certificate(&PKCS_ECDSA_P256_SHA256);
        assert_eq!(end_point(&by_sha256).unwrap(), digest(&SHA256, &by_sha256).as_ref());
        let by_sha384 = certificate(&PKCS_ECDSA_P384_SHA384);
        assert_eq!(end_point(&by_sha384).unwrap(), digest(&SHA384, &by_sha384).as_ref());
        assert_eq!(end_point(&certificate(&PKCS_ED25519)), None);
        for cut in 0..by_sha256.len() {
            assert_eq!(end_point(&by_sha256[..cut]), None, "{cut} octets");
        }
    }
}
