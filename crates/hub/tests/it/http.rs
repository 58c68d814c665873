//! Downloads from a server that is not always well.

use std::{
    fs,
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

use hub::{Error, Event};
use testkit::{Answer, Loopback, Request};

use crate::fixture::{Fixture, file, model_bytes, sha256, url_source};

const N: usize = 300_000;
const ETAG: &str = "\"v1\"";

/// Starts a server whose first answers are `faults`, and the rest those of a good file server.
fn faulty(bytes: &[u8], faults: Vec<fn(&Request, &[u8]) -> Answer>) -> Loopback {
    let (bytes, n) = (bytes.to_vec(), AtomicUsize::new(0));
    Loopback::start(move |request| match faults.get(n.fetch_add(1, Ordering::SeqCst)) {
        Some(fault) => fault(request, &bytes),
        None => Answer::file(request, &bytes, ETAG),
    })
}

fn good(request: &Request, bytes: &[u8]) -> Answer {
    Answer::file(request, bytes, ETAG)
}

/// Pulls `made:up` through `faults`; returns the error, if there is one, and the ranges that were asked for.
fn through(faults: Vec<fn(&Request, &[u8]) -> Answer>) -> (Option<Error>, Vec<Option<usize>>) {
    let (fixture, bytes) = (Fixture::new(), model_bytes(1, N));
    let server = faulty(&bytes, faults);
    fixture.catalogue(&bytes, &url_source(&server.url("/m.gguf")));
    let (result, _) = fixture.pull("made:up");
    let ranges = server.requests().iter().map(Request::range_start).collect();
    match result {
        Ok(path) => {
            assert!(fs::read(path).unwrap() == bytes, "other bytes");
            assert_eq!(fixture.files(), ["made+up/m.gguf"]);
            (None, ranges)
        }
        Err(error) => {
            assert!(!fixture.files().contains(&"made+up/m.gguf".to_owned()), "{error}: {:?}", fixture.files());
            (Some(error), ranges)
        }
    }
}

#[test]
fn a_good_server_is_asked_once() {
    assert!(matches!(through(vec![]), (None, ranges) if ranges == [None]));
}

#[test]
fn a_cut_connection_is_taken_up_where_it_broke() {
    let (error, ranges) = through(vec![|r, b| good(r, b).cut_after(100_000), |r, b| good(r, b).cut_after(50_000)]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ranges, [None, Some(100_000), Some(150_000)]);
}

#[test]
fn a_silent_server_is_left_and_asked_again() {
    let (error, ranges) = through(vec![|r, b| good(r, b).stall_after(70_000)]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ranges, [None, Some(70_000)]);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let (error, ranges) = through(vec![|_, b| Answer::ok(b).cut_after(100_000), |_, b| Answer::ok(b)]);
    assert!(error.is_none(), "{error:?}");
    // The catalogue's hash allows the range without a validator.
    assert_eq!(ranges, [None, Some(100_000)]);
}

#[test]
fn refused_and_wrong_ranges_begin_anew() {
    let (error, ranges) = through(vec![|r, b| good(r, b).cut_after(100_000), |_, _| Answer::status(416)]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ranges, [None, Some(100_000), None]);
    let wrong: fn(&Request, &[u8]) -> Answer = |_, b| {
        let answer = Answer { status: 206, ..Answer::ok(&b[5..]) };
        answer.with("Content-Range", format!("bytes 5-{}/{}", b.len() - 1, b.len()))
    };
    let (error, ranges) = through(vec![|r, b| good(r, b).cut_after(100_000), wrong]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ranges, [None, Some(100_000), None]);
}

#[test]
fn a_busy_server_is_asked_again_and_an_absent_file_is_not() {
    let (error, ranges) = through(vec![|_, _| Answer::status(503), |_, _| Answer::status(429)]);
    assert!(error.is_none() && ranges.len() == 3, "{error:?}");
    let (error, ranges) = through(vec![|_, _| Answer::status(404)]);
    assert!(matches!(error, Some(Error::Status { status: 404, .. })), "{error:?}");
    assert_eq!(ranges.len(), 1);
}

#[test]
fn a_server_that_stays_broken_is_given_up() {
    let (error, ranges) = through(vec![|_, _| Answer::status(500); 20]);
    assert!(matches!(error, Some(Error::Status { status: 500, .. })), "{error:?}");
    assert_eq!(ranges.len(), 4);
    let (error, _) = through(vec![|_, b| Answer::ok(b).cut_after(0); 20]);
    assert!(matches!(error, Some(Error::Network { .. })), "{error:?}");
}

#[test]
fn a_file_of_another_size_is_not_even_fetched() {
    let (error, ranges) = through(vec![|_, b| Answer::ok(&b[..b.len() - 1])]);
    let expected = N as u64;
    assert!(matches!(error, Some(Error::WrongSize { expected: e, got, .. }) if e == expected && got == expected - 1));
    assert_eq!(ranges.len(), 1);
}

#[test]
fn a_wrong_hash_leaves_nothing() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(1, N));
    let server = faulty(&bytes, vec![]);
    fixture.catalogue_of(N, &"0".repeat(64), &url_source(&server.url("/m.gguf")));
    let (result, _) = fixture.pull("made:up");
    let error = result.unwrap_err();
    assert!(matches!(&error, Error::WrongHash { got, .. } if *got == sha256(&bytes)), "{error}");
    assert_eq!(fixture.files(), [""; 0]);
    assert!(!fixture.settings.home.join("models/made+up").exists());
    // The next source is tried.
    let other = faulty(&model_bytes(2, N), vec![]);
    let sources = url_source(&other.url("/m.gguf")) + &url_source(&server.url("/m.gguf"));
    fixture.catalogue(&bytes, &sources);
    let (result, events) = fixture.pull("made:up");
    assert!(fs::read(result.unwrap()).unwrap() == bytes);
    assert!(events[1].starts_with("failed: m.gguf: SHA-256"), "{events:?}");
}

#[test]
fn what_is_no_model_is_refused_at_its_first_bytes() {
    let (fixture, mut page) = (Fixture::new(), b"<!DOCTYPE html>".to_vec());
    page.resize(N, b' ');
    let server = faulty(&page, vec![]);
    fixture.catalogue(&page, &url_source(&server.url("/m.gguf")));
    let error = fixture.pull("made:up").0.unwrap_err();
    assert!(matches!(&error, Error::NotAModel { start, .. } if start == "<!DO"), "{error}");
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn the_next_pull_goes_on_where_a_broken_off_one_ended() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(2, N));
    let server = faulty(&bytes, vec![]);
    let url = server.url("/m.gguf");
    let broken_off = fixture.hub().pull(&url, &mut |event| match event {
        Event::Progress { bytes, .. } if bytes > 100_000 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(broken_off, Err(Error::Cancelled)));
    let left = fixture.files();
    assert_eq!(left.iter().filter(|f| f.ends_with("m.gguf")).count(), 0, "{left:?}");
    assert_eq!(left.len(), 2, "{left:?}");
    let path = fixture.pull(&url).0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    let requests = server.requests();
    assert!(requests[1].range_start().is_some_and(|n| n > 100_000), "{:?}", requests[1]);
    assert_eq!(requests[1].header("if-range"), Some(ETAG));
}

#[test]
fn a_file_that_changed_meanwhile_is_never_mixed() {
    let (fixture, old, new) = (Fixture::new(), model_bytes(3, N), model_bytes(4, N));
    let (first, second, n) = (old.clone(), new.clone(), AtomicUsize::new(0));
    let server = Loopback::start(move |request| match n.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::file(request, &first, "\"old\"").cut_after(100_000),
        _ => Answer::file(request, &second, "\"new\""),
    });
    let path = fixture.pull(&server.url("/m.gguf")).0.unwrap();
    assert!(fs::read(path).unwrap() == new);
}

#[test]
fn without_validator_and_hash_nothing_is_resumed() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(5, N));
    let server =
        faulty(&bytes, vec![|_, b| Answer::ok(b).cut_after(100_000), |_, b| Answer::ok(b).with("ETag", "W/\"1\"")]);
    let path = fixture.pull(&server.url("/m.gguf")).0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    assert!(server.requests().iter().all(|r| r.range_start().is_none()));
}

#[test]
fn a_spoilt_part_is_fetched_anew() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(6, N));
    let server = faulty(&bytes, vec![]);
    fixture.catalogue(&bytes, &url_source(&server.url("/m.gguf")));
    let broken_off = fixture.hub().pull("made:up", &mut |event| match event {
        Event::Progress { bytes, .. } if bytes > 100_000 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(broken_off, Err(Error::Cancelled)));
    let part = fixture.settings.home.join("models/made+up/m.gguf.part");
    let mut spoilt = fs::read(&part).unwrap();
    spoilt[1000..2000].fill(0);
    fs::write(&part, spoilt).unwrap();
    let path = fixture.pull("made:up").0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
}

#[test]
fn redirects_are_followed_and_bounded() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(7, N));
    let body = bytes.clone();
    let server = Loopback::start(move |request| match request.target.as_str() {
        "/m.gguf" => Answer::redirect("/b?x=1"),
        "/b?x=1" => Answer::redirect("c"),
        "/c" => Answer::file(request, &body, ETAG),
        "/loop/m.gguf" => Answer::redirect("/loop/m.gguf"),
        "/file/m.gguf" => Answer::redirect("file:///etc/passwd"),
        _ => Answer::status(404),
    });
    assert!(fs::read(fixture.pull(&server.url("/m.gguf")).0.unwrap()).unwrap() == bytes);
    for (path, word) in [("/loop/m.gguf", "redirects"), ("/file/m.gguf", "redirect")] {
        let before = server.requests().len();
        let error = fixture.pull(&server.url(path)).0.unwrap_err().to_string();
        assert!(error.contains(word) && server.requests().len() <= before + 9, "{error}");
    }
}

#[test]
fn plain_http_needs_a_checksum_and_goes_through_the_proxy() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(8, N));
    let proxy = faulty(&bytes, vec![]);
    fixture.settings.proxies.http = Some(proxy.url(""));
    let url = "http://models.example/m.gguf";
    let error = fixture.pull(url).0.unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    assert!(proxy.requests().is_empty());
    // The tunnel's own answer is the first.
    let path = fixture.pull(&format!("{url}#sha256={}", sha256(&bytes))).0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    let requests = proxy.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].target.as_str()), ("CONNECT", "models.example:80"));
    assert_eq!(requests[1].target, "/m.gguf");
}

#[test]
fn hugging_face_is_asked_at_its_endpoint_with_its_token() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(9, N));
    let (body, hash) = (bytes.clone(), sha256(&bytes));
    let store = Loopback::start(move |request| Answer::file(request, &body, ETAG));
    let elsewhere = store.url("/blob");
    let endpoint = Loopback::start(move |request| match request.header("authorization") {
        Some("Bearer secret") => Answer::redirect(elsewhere.clone()).with("X-Linked-Etag", format!("\"{hash}\"")),
        _ => Answer::status(401),
    });
    fixture.settings.hugging_face_endpoint = endpoint.url("");
    let error = fixture.pull("hf:org/repo/sub/m.gguf").0.unwrap_err();
    assert!(matches!(error, Error::Status { status: 401, .. }), "{error}");
    fixture.settings.hugging_face_token = Some("secret".to_owned());
    let path = fixture.pull("hf:org/repo/sub/m.gguf").0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    assert_eq!(endpoint.requests()[1].target, "/org/repo/resolve/main/sub/m.gguf");
    assert!(store.requests().iter().all(|r| r.header("authorization").is_none()), "the token left its server");
}

#[test]
fn the_hash_that_hugging_face_announces_is_held_to() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(10, N));
    let endpoint = Loopback::start(move |request| {
        Answer::file(request, &bytes, ETAG).with("X-Linked-Etag", format!("\"{}\"", "1".repeat(64)))
    });
    fixture.settings.hugging_face_endpoint = endpoint.url("");
    let error = fixture.pull("hf:org/repo/m.gguf").0.unwrap_err();
    assert!(matches!(error, Error::WrongHash { .. }), "{error}");
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn a_split_model_is_pulled_whole() {
    let (mut fixture, parts) = (Fixture::new(), [model_bytes(11, 1000), model_bytes(12, 2000)]);
    let bodies = parts.clone();
    let endpoint = Loopback::start(move |request| {
        let part = usize::from(request.target.contains("00002-of"));
        Answer::file(request, &bodies[part], ETAG)
    });
    fixture.settings.hugging_face_endpoint = endpoint.url("");
    let name = "hf:org/repo/m-00001-of-00002.gguf";
    let path = fixture.pull(name).0.unwrap();
    assert!(path.ends_with("m-00001-of-00002.gguf"));
    assert_eq!(fixture.files().len(), 2);
    let installed = fixture.hub().installed().unwrap();
    assert_eq!((installed[0].name.as_str(), installed[0].bytes), (name, 3000));
    fs::remove_file(path.with_file_name("m-00002-of-00002.gguf")).unwrap();
    assert!(matches!(fixture.hub().resolve(name), Err(Error::NotInstalled { .. })));
    fixture.pull(name).0.unwrap();
    assert_eq!(endpoint.requests().len(), 3, "the part that is there is not fetched again");
    assert_eq!(fixture.hub().remove(name).unwrap(), 3000);
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn sources_are_tried_in_order() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(13, N));
    let server = faulty(&bytes, vec![|_, _| Answer::status(404)]);
    let sources = url_source(&server.url("/a/m.gguf")) + &url_source(&server.url("/b/m.gguf"));
    fixture.catalogue(&bytes, &sources);
    let (result, events) = fixture.pull("made:up");
    result.unwrap();
    let words = ["trying: ", "failed: ", "trying: "];
    assert!(events.iter().zip(words).all(|(e, w)| e.starts_with(w)) && events.len() == 3, "{events:?}");
    assert_eq!(fixture.hub().installed().unwrap()[0].source, server.url("/b/m.gguf"));
    fixture.hub().remove("made:up").unwrap();

    let server = faulty(&bytes, vec![|_, _| Answer::status(404), |_, _| Answer::status(403)]);
    fixture.catalogue(&bytes, &(url_source(&server.url("/a/m.gguf")) + &url_source(&server.url("/b/m.gguf"))));
    let error = fixture.pull("made:up").0.unwrap_err();
    assert!(matches!(&error, Error::AllSources { failures, .. } if failures.len() == 2), "{error}");
    assert!(error.to_string().contains("404") && error.to_string().contains("403"));
}

#[test]
fn two_pulls_at_once_download_once() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(14, N));
    let server = faulty(&bytes, vec![]);
    let url = server.url("/m.gguf");
    let results: Vec<_> = std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..4).map(|_| scope.spawn(|| fixture.pull(&url).0)).collect();
        pulls.into_iter().map(|p| p.join().unwrap()).collect()
    });
    for result in results {
        assert!(fs::read(result.unwrap()).unwrap() == bytes);
    }
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_second_pull_waits_and_can_be_broken_off() {
    let (fixture, bytes) = (Fixture::new(), model_bytes(15, N));
    let server = faulty(&bytes, vec![]);
    let url = server.url("/m.gguf");
    let mut inner = None;
    let outer = fixture.hub().pull(&url, &mut |event| {
        if matches!(event, Event::Progress { .. }) && inner.is_none() {
            let mut n = 0;
            inner = Some(fixture.hub().pull(&url, &mut |event| {
                assert!(matches!(event, Event::Waiting { .. }));
                n += 1;
                if n == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }));
            assert!(matches!(fixture.hub().remove(&url), Err(Error::Busy(_))));
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(inner, Some(Err(Error::Cancelled))));
    assert!(fs::read(file(outer.unwrap())).unwrap() == bytes);
}

#[test]
fn nothing_is_left_of_what_is_not_there() {
    for status in [404, 410, 401, 500] {
        let fixture = Fixture::new();
        let server = Loopback::start(move |_| Answer::status(status));
        let (result, _) = fixture.pull(&server.url("/m.gguf"));
        assert!(result.is_err());
        assert_eq!(fixture.files(), Vec::<String>::new(), "{status}");
    }
    // Nor of a file that was there when the earlier pull broke off.
    let (fixture, bytes) = (Fixture::new(), model_bytes(1, N));
    let server = faulty(&bytes, vec![|r, b| good(r, b).cut_after(100_000), |_, _| Answer::status(404)]);
    let (result, _) = fixture.pull(&server.url("/m.gguf"));
    assert!(matches!(result, Err(Error::Status { status: 404, .. })), "{result:?}");
    let ranges: Vec<_> = server.requests().iter().map(Request::range_start).collect();
    assert_eq!((ranges, fixture.files()), (vec![None, Some(100_000)], Vec::new()));
}

#[test]
fn file_names_hold_spaces_and_signs() {
    let bytes = model_bytes(1, 5000);
    let served = bytes.clone();
    let server = Loopback::start(move |request| Answer::file(request, &served, ETAG));
    let mut fixture = Fixture::new();
    fixture.settings.hugging_face_endpoint = server.url("");
    let check = |reference: &str, asked: &str, name: &str| {
        let (result, _) = fixture.pull(reference);
        let path = result.unwrap_or_else(|e| panic!("{reference}: {e}"));
        assert_eq!(server.requests().last().unwrap().target, asked, "{reference}");
        assert_eq!(path.file_name().unwrap().to_str(), Some(name), "{reference}");
        assert_eq!(fixture.hub().resolve(reference).unwrap(), hub::Resolved::File(path.clone()));
        assert!(fixture.hub().installed().unwrap().iter().any(|m| m.name == reference && m.path == path));
        assert_eq!(fixture.hub().remove(reference).unwrap(), 5000, "{reference}");
    };
    let escaped = "/org/repo/resolve/main/sub%20folder/My%20Model%2Bv1%20%28Q4%29%25.gguf";
    check("hf:org/repo/sub folder/My Model+v1 (Q4)%.gguf", escaped, "My Model+v1 (Q4)%.gguf");
    check("hf:org/repo/sub%20folder/My%20Model+v1%20(Q4)%25.gguf", escaped, "My Model+v1 (Q4)%.gguf");
    check("hf:org/repo/naïve.gguf", "/org/repo/resolve/main/na%C3%AFve.gguf", "naïve.gguf");
    for written in ["/a%20b+c.gguf", "/a b+c.gguf"] {
        let hash = sha256(&bytes);
        check(&format!("{}#sha256={hash}", server.url(written)), "/a%20b+c.gguf", "a b+c.gguf");
    }
}
