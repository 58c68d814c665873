//! An HTTP/1.1 server on 127.0.0.1 that answers as a test says, faults included.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: u64 = 1 << 16;

/// A request of a client: its method (`GET`), its target (path and query; of `CONNECT`, host and port), and its headers
/// in the order sent, with names in lower case.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// Returns the first header called `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the N of a header `Range: bytes=N-`.
    pub fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// An answer of the server, with its faults.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Headers beside `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// Whole body, of which faults may keep a part back.
    pub body: Vec<u8>,
    /// Value of `Content-Length`, if it is to be another than the body's.
    pub announced: Option<usize>,
    /// Number of bytes of the body after which the connection is closed.
    pub cut_after: Option<usize>,
    /// Number of bytes of the body after which the server falls silent, until the client goes away.
    pub stall_after: Option<usize>,
}

impl Answer {
    /// Makes an answer of `status` without a body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Makes an answer of status 200 with `body`.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    /// Makes a redirect to `location`.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::status(302).with("Location", location)
    }

    /// Makes the answer of a good file server: ranges, `If-Range` against `etag`, 416.
    pub fn file(request: &Request, body: &[u8], etag: &str) -> Self {
        let is_current = request.header("if-range").is_none_or(|tag| tag == etag);
        let answer = match request.range_start().filter(|_| is_current) {
            Some(start) if start >= body.len() => {
                Self::status(416).with("Content-Range", format!("bytes */{}", body.len()))
            }
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
                Self { status: 206, ..Self::ok(&body[start..]) }.with("Content-Range", range)
            }
            None => Self::ok(body),
        };
        answer.with("ETag", etag)
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Makes the answer break off in the middle of its body.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    /// Makes the answer fall silent in the middle of its body.
    #[must_use]
    pub fn stall_after(mut self, bytes: usize) -> Self {
        self.stall_after = Some(bytes);
        self
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// A loopback server, which stops when it is dropped.
pub struct Loopback {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_stopped: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Starts a server that answers every request by `handler`, each connection on a thread of its own. A `CONNECT`
    /// that is answered 200 makes the connection a tunnel to this same server.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(|e| panic!("no port on 127.0.0.1: {e}"));
        let address = listener.local_addr().unwrap_or_else(|e| panic!("the port just bound: {e}"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_stopped = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let (seen, stop) = (Arc::clone(&requests), Arc::clone(&is_stopped));
        let accept = move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
                thread::spawn(move || serve(&stream, &*handler, &seen));
            }
        };
        Self { address, requests, is_stopped, listener: Some(thread::spawn(accept)) }
    }

    /// Returns the address of `path` on this server: `http://127.0.0.1:PORT` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// Serves one connection, which ends at the first thing that goes wrong.
fn serve(stream: &TcpStream, handler: &Handler, seen: &Mutex<Vec<Request>>) -> Option<()> {
    // A test that fails must not leave threads that wait for ever.
    stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = read_request(&mut reader)?;
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let answer = handler(&request);
        if request.method == "CONNECT" && answer.status == 200 {
            (&*stream).write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
            continue;
        }
        write_answer(stream, &answer)?;
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = reader.take(HEAD_BYTES_MAX);
    let mut line = String::new();
    head.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        if head.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Some(Request { method, target, headers });
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn write_answer(mut stream: &TcpStream, answer: &Answer) -> Option<()> {
    let length = answer.announced.unwrap_or(answer.body.len());
    let mut head = format!("HTTP/1.1 {} -\r\nContent-Length: {length}\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    let n = answer.cut_after.or(answer.stall_after).unwrap_or(answer.body.len());
    stream.write_all(&answer.body[..n]).ok()?;
    stream.flush().ok()?;
    if answer.stall_after.is_some() {
        // Until the client goes away.
        let _ = stream.read(&mut [0]);
    }
    if answer.cut_after.is_some() || answer.stall_after.is_some() || length != answer.body.len() {
        let _ = stream.shutdown(Shutdown::Both);
        return None;
    }
    Some(())
}
