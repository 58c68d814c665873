//! TLS: a real handshake, and files that cannot be used.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use server::{ServerOptions, serve::load_tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::loopback::Loopback;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn start() -> Loopback {
    let tls = load_tls(&data("certificate.pem"), &data("key.pem")).unwrap();
    Loopback::with(ServerOptions::default(), server::router::routes(), Vec::new(), Some(tls))
}

#[test]
fn a_client_that_trusts_the_certificate_is_answered() {
    let server = start();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(data("certificate.pem")).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(r#"{"status":"ok"}"#), "{text}");
}

#[test]
fn plain_http_is_not_answered_in_the_clear() {
    let server = start();
    let mut client = server.connect();
    client.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut bytes = Vec::new();
    let _ = client.stream.read_to_end(&mut bytes);
    assert!(!bytes.starts_with(b"HTTP"), "{bytes:?}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let check = |certificate: PathBuf, key: PathBuf, says: &[&str]| {
        let error = load_tls(&certificate, &key).err().unwrap().to_string();
        assert!(says.iter().all(|s| error.contains(s)) && error.lines().count() == 1, "{error}");
    };
    let (certificate, key) = (data("certificate.pem"), data("key.pem"));
    check(data("none.pem"), key.clone(), &["none.pem", "No such file"]);
    check(certificate.clone(), data("none.pem"), &["none.pem", "No such file"]);
    check(key.clone(), key.clone(), &["key.pem", "no certificate"]);
    check(certificate.clone(), certificate.clone(), &["certificate.pem", "no PEM private key"]);
    check(certificate.clone(), data("other-key.pem"), &["certificate.pem", "other-key.pem"]);
    check(data(""), key, &["data", "no file"]);
}
