//! Servers on Unix sockets.

use std::{
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
};

use server::{
    App, ServerOptions,
    lifecycle::Phase,
    models::Models,
    serve::{ServeError, Server},
};

fn path(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn listen(path: &Path) -> Result<Server, ServeError> {
    let mut server = Server::new(None);
    server.listen_unix(path).await.map(|()| server)
}

fn ask(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    // A name that loopback would not have: no browser comes this way.
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn it_answers_and_is_gone_afterwards() {
    let path = path("answers.sock");
    block_on(async {
        let server = listen(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(server.is_loopback_only());
        let app = App::new(ServerOptions::default(), Models::default(), Vec::new);
        app.lifecycle().advance(Phase::Ready);
        let serving = tokio::spawn(server.run(app.clone(), server::router::routes()));
        let asked = path.clone();
        let text = tokio::task::spawn_blocking(move || ask(&asked)).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(matches!(listen(&path).await, Err(ServeError::SocketInUse { .. })), "somebody answers there");
        app.lifecycle().advance(Phase::Draining);
        serving.await.unwrap();
    });
    assert!(!path.exists(), "removed with the server");
}

#[test]
fn a_stale_socket_is_replaced_and_a_file_is_not() {
    let stale = path("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    block_on(async { drop(listen(&stale).await.unwrap()) });
    let file = path("file");
    std::fs::write(&file, "precious").unwrap();
    let error = block_on(listen(&file)).err().unwrap();
    assert!(matches!(error, ServeError::NotASocket { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    let error = block_on(listen(Path::new("/nowhere/at/all.sock"))).err().unwrap().to_string();
    assert!(error.contains("/nowhere/at/all.sock"), "{error}");
}
