//! A server on a free port of loopback, and clients that write bytes as they like.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use server::{
    App, ModelStatus, ServerOptions,
    lifecycle::Phase,
    models::Models,
    router::Routes,
    serve::{Server, Tls},
};

/// Longest time that an answer takes, however slow the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `is_so`; fails after [`PATIENCE`].
pub(crate) fn wait(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running server; stops when it is dropped.
pub(crate) struct Loopback {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Starts a server with models, and waits until it is ready.
    pub(crate) fn with_models(options: ServerOptions, models: Models) -> Self {
        Self::of(App::new(options, models, Vec::new), server::router::routes(), None)
    }

    /// Starts a server with routes and statuses of the test's own, and waits until it is ready.
    pub(crate) fn with(options: ServerOptions, routes: Routes, statuses: Vec<ModelStatus>, tls: Option<Tls>) -> Self {
        Self::of(App::new(options, Models::default(), move || statuses.clone()), routes, tls)
    }

    fn of(app: App, routes: Routes, tls: Option<Tls>) -> Self {
        let (send, receive) = mpsc::channel();
        let served = app.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let mut server = Server::new(tls);
                server.listen_tcp("127.0.0.1", 0).await.unwrap();
                let address = server.addresses()[0].rsplit('/').next().unwrap().parse().unwrap();
                send.send(address).unwrap();
                server.run(served, routes).await;
            });
        });
        app.lifecycle().advance(Phase::Ready);
        Self { app, address: receive.recv().unwrap(), thread: Some(thread) }
    }

    /// Opens a connection to the server.
    pub(crate) fn connect(&self) -> Client {
        Client::of(TcpStream::connect(self.address).unwrap())
    }

    /// Sends a request with a body of JSON, on a connection of its own.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send(post(path, body))
    }

    /// Sends a GET on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// Sends bytes on a connection of their own; returns the first answer.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.write(bytes);
        client.answer().expect("an answer")
    }

    /// Returns the value of a metric without labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let answer = self.get("/metrics");
        let value = answer.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }

    /// Tells the server to stop.
    pub(crate) fn drain(&self) {
        self.app.lifecycle().advance(Phase::Draining);
    }

    /// Waits until the server has ended.
    pub(crate) fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.app.lifecycle().advance(Phase::Cancelled);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

/// Makes the bytes of a POST of JSON.
pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// An answer as it came.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{}:", name.to_ascii_lowercase());
        self.head
            .lines()
            .find(|l| l.to_ascii_lowercase().starts_with(&prefix))
            .and_then(|l| l.get(prefix.len()..))
            .map(str::trim)
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// A client's end of a connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    left: Vec<u8>,
}

impl Client {
    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, left: Vec::new() }
    }

    /// Sends bytes; that the server closed is no failure here.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Reads the next answer; `None` if the connection ended instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.left.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            if !self.more() {
                return None;
            }
        };
        let head = String::from_utf8(self.left.drain(..end + 4).collect()).unwrap();
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                answer.body.extend(chunk);
            }
            return Some(answer);
        }
        let length = answer.header("content-length").map_or(0, |v| v.parse().unwrap());
        while self.left.len() < length {
            assert!(self.more(), "cut off: {answer:?}");
        }
        answer.body = self.left.drain(..length).collect();
        Some(answer)
    }

    /// Reads the head of the next answer, and no more.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.left.windows(4).position(|w| w == b"\r\n\r\n") {
                return String::from_utf8(self.left.drain(..end + 4).collect()).unwrap();
            }
            assert!(self.more(), "no head");
        }
    }

    /// Reads the next piece of a chunked body; `None` at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            if let Some(end) = self.left.windows(2).position(|w| w == b"\r\n") {
                break end;
            }
            if !self.more() {
                return None;
            }
        };
        let line: Vec<u8> = self.left.drain(..end + 2).collect();
        let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
        while self.left.len() < length + 2 {
            if !self.more() {
                return None;
            }
        }
        let mut chunk: Vec<u8> = self.left.drain(..length + 2).collect();
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    }

    /// Reads until the server closes; returns `false` if it does not in time.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut scrap = [0; 4096];
        loop {
            match self.stream.read(&mut scrap) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
            }
        }
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.left.extend_from_slice(&buffer[..n]);
                true
            }
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => false,
            // A signal, such as of a stopped and resumed process: not the end.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => true,
            Err(e) => panic!("{e}: after {:?}", String::from_utf8_lossy(&self.left)),
        }
    }
}
