//! A Unix socket that takes the place of a stale one and goes with its server.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::serve::{BACKLOG, ServeError, path_text};

/// A socket in the file system; removed when this goes.
pub struct UnixEndpoint {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file: what stands there later may be another server's.
    identity: Option<(u64, u64)>,
}

impl UnixEndpoint {
    /// Listens on `path`, for the owner alone.
    pub(crate) async fn bind(path: &Path) -> Result<Self, ServeError> {
        let error = |source| ServeError::Bind { address: path_text(path), source };
        match fs::symlink_metadata(path) {
            Ok(about) if !about.file_type().is_socket() => {
                return Err(ServeError::NotASocket { path: path_text(path) });
            }
            Ok(_) => match UnixStream::connect(path).await {
                // Left by a server that is gone.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(error)?,
                _ => return Err(ServeError::SocketInUse { path: path_text(path) }),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(error(e)),
        }
        let socket = UnixSocket::new_stream().map_err(error)?;
        socket.bind(path).map_err(error)?;
        let listener = socket.listen(BACKLOG).map_err(error)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(error)?;
        Ok(Self { listener, path: path.to_owned(), identity: identity_of(path) })
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|about| (about.dev(), about.ino()))
}

impl Drop for UnixEndpoint {
    fn drop(&mut self) {
        if self.identity.is_some() && identity_of(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}
