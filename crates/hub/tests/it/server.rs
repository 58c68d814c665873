//! A loopback HTTP server that serves one file, with a fault for each path.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Serves `content`: `/whole` with ranges, `/no-range` without, `/cut` (half of what is asked, then closed), `/wrong`, `/missing`, `/loop`.
pub(crate) struct Server {
    pub(crate) url: String,
    n_requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(content: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let n_requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&n_requests);
        // Ends with the test process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                // A client that leaves is the test's business.
                let _ = answer(stream, &content);
            }
        });
        Self { url, n_requests }
    }

    pub(crate) fn n_requests(&self) -> usize {
        self.n_requests.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, content: &[u8]) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut start = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        start =
            start.or(line.strip_prefix("range: bytes=").and_then(|r| r.trim_end_matches('-').parse::<usize>().ok()));
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let has = |word: &str| path.contains(word);
    if has("missing") {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    if has("loop") {
        return stream.write_all(
            format!("HTTP/1.1 302 Found\r\nLocation: {path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
    }
    let start = start.filter(|_| !has("no-range")).unwrap_or(0);
    if start > 0 && start >= content.len() {
        return stream
            .write_all(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let mut body = content[start..].to_vec();
    if has("wrong") {
        body[0] ^= 1;
    }
    let status = if start > 0 {
        format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{}", content.len() - 1, content.len())
    } else {
        "200 OK".to_owned()
    };
    stream.write_all(
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes(),
    )?;
    let n = if has("cut") { body.len() / 2 } else { body.len() };
    stream.write_all(&body[..n])
}
