//! `trinity serve` and model files that change under it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::server_process::{PATIENCE, Server, get, post};

const STORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/stories260k/stories260K-f32.gguf");

fn copy(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("files-{}-{name}.gguf", std::process::id()));
    fs::copy(STORIES, &path).unwrap();
    path
}

fn complete(address: &str) -> String {
    post(address, "/v1/completions", r#"{"prompt":"Once upon a time","max_tokens":8,"temperature":0}"#)
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap()
}

/// A stream that goes on until the server ends it.
fn begin_stream(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body =
        json!({"prompt": "Once", "max_tokens": 100_000, "n": 16, "ignore_eos": true, "stream": true}).to_string();
    let head = "Host: localhost\r\nContent-Type: application/json";
    write!(stream, "POST /v1/completions HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut text = Vec::new();
    while !text.windows(6).any(|w| w == b"data: ") {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).unwrap();
        assert_ne!(n, 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..n]);
    }
    stream
}

#[test]
fn a_model_that_is_cut_off_while_it_computes_ends_the_process_with_a_line() {
    let model = copy("cut");
    let name = model.to_str().unwrap();
    let (mut server, address) = Server::start(&[name, "--context", "100000", "--attention-window", "256"]);
    let _stream = begin_stream(&address);
    fs::File::options().write(true).open(&model).unwrap().set_len(4096).unwrap();
    let line = server.wait_for("error: ");
    assert!(line.contains(name) && line.contains("cut off or unreadable while in use"), "{line}");
    assert_eq!(server.wait().code(), Some(1));
}

#[test]
fn a_model_that_was_changed_is_loaded_anew_before_its_next_use() {
    let model = copy("changed");
    let (mut server, address) = Server::start(&[model.to_str().unwrap(), "--strict-model-name"]);
    let name = model.file_stem().unwrap().to_str().unwrap().to_owned();
    let ask = || {
        let body = json!({"model": name, "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0});
        post(&address, "/v1/completions", &body.to_string())
    };
    let first = body(&ask())["choices"].clone();
    assert_eq!(body(&ask())["choices"], first);
    // Another file by the same name.
    let other = model.with_extension("new");
    fs::copy(testkit::data("tiny-models/stories260K-q8_0.gguf"), &other).unwrap();
    fs::rename(&other, &model).unwrap();
    assert!(ask().starts_with("HTTP/1.1 200"));
    let line = server.wait_for("loaded anew");
    assert!(line.contains(&name), "{line}");
    let show = post(&address, "/api/show", &json!({"model": name}).to_string());
    assert!(show.contains("\"quantization_level\":\"Q8_0\""), "{show}");
    // Written over: it is noticed, named in the log, and the server lives.
    fs::write(&model, "no model").unwrap();
    assert!(ask().starts_with("HTTP/1.1 500"));
    assert!(server.wait_for("could not be loaded").contains(&name));
    fs::copy(STORIES, &model).unwrap();
    assert_eq!(body(&ask())["choices"], first);
    assert!(get(&address, "/health", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_model_that_is_written_to_while_it_is_used_takes_no_more_requests_until_it_is_loaded_anew() {
    let model = copy("used");
    let (_server, address) =
        Server::start(&[model.to_str().unwrap(), "--context", "100000", "--attention-window", "256"]);
    let stream = begin_stream(&address);
    // The same bytes, at another time.
    let file = fs::File::options().write(true).open(&model).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let refused = complete(&address);
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("model_changed"), "{refused}");
    drop(stream);
    let end = std::time::Instant::now() + PATIENCE;
    while !complete(&address).starts_with("HTTP/1.1 200") {
        assert!(std::time::Instant::now() < end, "it is never loaded anew");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn the_fingerprint_changes_with_what_changes_bytes_and_with_nothing_else() {
    let fingerprint = |flags: &[&str]| {
        let (_server, address) = Server::start(&[&[STORIES, "--context", "256"], flags].concat());
        body(&complete(&address))["system_fingerprint"].as_str().unwrap().to_owned()
    };
    let plain = fingerprint(&[]);
    for same in [
        &["--kv-tokens", "4096"][..],
        &["--alias", "other", "--threads", "1"],
        &["--max-running", "3", "--lookup"],
        &["--pack-max", "0", "--no-prefix-cache"],
    ] {
        assert_eq!(fingerprint(same), plain, "{same:?}");
    }
    for other in [&["--kv-type", "f32"][..], &["--attention-window", "128"], &["--max-tokens", "7"]] {
        assert_ne!(fingerprint(other), plain, "{other:?}");
    }
}

/// `serve --web` serves the files of a folder below /web/, with the policy that WebAssembly in a page needs, to callers
/// without a key; nothing else can be named.
#[test]
fn a_folder_for_browsers_is_served_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web");
    fs::create_dir_all(web.join("inner")).unwrap();
    fs::write(folder.path().join("secret.js"), "secret").unwrap();
    fs::write(web.join("inner/deep.js"), "deep").unwrap();
    fs::write(web.join("index.html"), "<!doctype html>demo").unwrap();
    fs::write(web.join("trinity.wasm"), b"\0asm").unwrap();
    let (_server, address) =
        Server::start(&[STORIES, "--web", web.to_str().unwrap(), "--api-key", "sk-0123456789abcdef"]);
    let page = get(&address, "/web/", "");
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("demo"), "{page}");
    let policy = page.lines().find(|line| line.starts_with("content-security-policy: ")).unwrap();
    for part in ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(page.contains("content-type: text/html; charset=utf-8"), "{page}");
    let module = get(&address, "/web/trinity.wasm", "");
    assert!(module.starts_with("HTTP/1.1 200") && module.contains("content-type: application/wasm"), "{module}");
    let folder_itself = get(&address, "/web", "");
    assert!(folder_itself.starts_with("HTTP/1.1 308") && folder_itself.contains("location: /web/"), "{folder_itself}");
    for path in ["/web/none.js", "/web/secret.js", "/web/inner"] {
        assert!(get(&address, path, "").starts_with("HTTP/1.1 404"), "{path}");
    }
    for path in ["/web/../secret.js", "/web/..%2fsecret.js", "/web/%2e%2e/secret.js", "/web/inner/deep.js"] {
        let answer = get(&address, path, "");
        assert!(["HTTP/1.1 401", "HTTP/1.1 404"].iter().any(|s| answer.starts_with(s)), "{path}: {answer}");
    }
    for (name, bytes, says) in [("index.html", None, "no index.html"), ("model.gguf", Some("GGUF"), "model.gguf")] {
        match bytes {
            Some(bytes) => fs::write(web.join(name), bytes).unwrap(),
            None => fs::rename(web.join(name), folder.path().join("kept")).unwrap(),
        }
        crate::program::trinity(["serve", STORIES, "--port", "0", "--web", web.to_str().unwrap()]).fails(78, &[says]);
        if bytes.is_none() {
            fs::rename(folder.path().join("kept"), web.join(name)).unwrap();
        }
    }
}
