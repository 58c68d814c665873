//! TLS with rustls and ring.

use std::{
    fs,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::{io, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

use crate::serve::{ServeError, path_text};

/// Largest certificate or key file, bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// A certificate with its key, which may be replaced. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<TlsAcceptor>>);

impl Tls {
    /// Reads the certificate chain and the private key, both PEM.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, ServeError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|e| error(certificate, format!("no PEM certificate: {e}")))?;
        if chain.is_empty() {
            return Err(error(certificate, "no certificate in it"));
        }
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| error(key, "no PEM private key in it"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| error(certificate, e.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(|e| error(certificate, format!("the certificate does not go with {}: {e}", path_text(key))))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(RwLock::new(TlsAcceptor::from(Arc::new(config))))))
    }

    /// From now on connections are shown the certificate of `new`.
    pub fn replace(&self, new: &Self) {
        let acceptor = new.acceptor();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the TLS handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor().accept(stream).await
    }
}

fn error(path: &Path, message: impl Into<String>) -> ServeError {
    ServeError::Tls { path: path_text(path), message: message.into() }
}

fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    let about = fs::metadata(path).map_err(|e| error(path, e.to_string()))?;
    // Neither a folder, nor a FIFO that never ends.
    if !about.is_file() {
        return Err(error(path, "no file"));
    }
    if about.len() > PEM_BYTES_MAX {
        return Err(error(path, format!("{} bytes, the limit is {PEM_BYTES_MAX}", about.len())));
    }
    fs::read(path).map_err(|e| error(path, e.to_string()))
}
