//! TLS: a real handshake, and files that cannot be used.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use server::{ServerOptions, serve::load_tls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::{
    loopback::{Loopback, wait},
    routes::{self, Seen},
};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn start() -> Loopback {
    let tls = load_tls(&data("certificate.pem"), &data("key.pem")).unwrap();
    Loopback::with(ServerOptions::default(), server::router::routes(), Vec::new(), Some(tls))
}

/// Makes the connector of a client that trusts this certificate alone.
fn connector(certificate: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(data(certificate)).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn connect(server: &Loopback, certificate: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    connector(certificate).connect(name, stream).await
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_client_that_trusts_the_certificate_is_answered() {
    let server = start();
    let text = block_on(async {
        let mut stream = connect(&server, "certificate.pem").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(r#"{"status":"ok"}"#), "{text}");
}

#[test]
fn a_certificate_that_is_replaced_is_shown_from_then_on() {
    let tls = load_tls(&data("certificate.pem"), &data("key.pem")).unwrap();
    let server = Loopback::with(ServerOptions::default(), server::router::routes(), Vec::new(), Some(tls.clone()));
    let is_trusted = |certificate: &str| block_on(async { connect(&server, certificate).await.is_ok() });
    assert!(is_trusted("certificate.pem") && !is_trusted("other-certificate.pem"));
    tls.replace(&load_tls(&data("other-certificate.pem"), &data("other-key.pem")).unwrap());
    assert!(!is_trusted("certificate.pem") && is_trusted("other-certificate.pem"));
}

#[test]
fn who_leaves_is_noticed_whatever_was_sent_before() {
    let seen = Seen::default();
    let tls = load_tls(&data("certificate.pem"), &data("key.pem")).unwrap();
    let server = Loopback::with(ServerOptions::default(), routes::routes(&seen), Vec::new(), Some(tls));
    for sent_before in ["", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        for (route, is_polite) in [("/test/forever", true), ("/test/forever", false), ("/test/drip", true)] {
            block_on(async {
                let mut stream = connect(&server, "certificate.pem").await.unwrap();
                let request = format!("GET {route} HTTP/1.1\r\nHost: localhost\r\n\r\n{sent_before}");
                stream.write_all(request.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                wait("the request", || server.app.metrics().n_active() == 1);
                if is_polite {
                    stream.shutdown().await.unwrap();
                } else {
                    drop(stream);
                }
                wait("its end", || server.app.metrics().n_active() == 0);
            });
        }
    }
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
fn who_does_not_shake_hands_is_let_go() {
    let tls = load_tls(&data("certificate.pem"), &data("key.pem")).unwrap();
    let options = ServerOptions { handshake_timeout: Duration::from_millis(200), ..ServerOptions::default() };
    let server = Loopback::with(options, server::router::routes(), Vec::new(), Some(tls));
    // The second begins a record of TLS.
    for sent in [&[][..], &[0x16, 3, 1, 2, 0, 1]] {
        let mut silent = server.connect();
        silent.write(sent);
        assert!(silent.is_closed(), "after {} bytes", sent.len());
    }
    wait("their places to be free", || server.app.metrics().n_connections() == 0);
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
