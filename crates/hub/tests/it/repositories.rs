//! `hf:ORGANISATION/REPOSITORY`: a server on this machine lists files and gives them.

use std::{fs, ops::ControlFlow};

use hub::{Error, Event, HeldTo, Resolved};
use testkit::{Answer, Loopback, Request};

use crate::fixture::{Fixture, model_bytes, sha256};

/// Files of a repository: (name, bytes).
type Files = Vec<(&'static str, Vec<u8>)>;

const LIST: &str = "/api/models/org/repo/revision/main?blobs=true";

/// Makes the list of `files` under their owner's spelling, as Hugging Face does; `first_hash` replaces the hash of the
/// first.
fn listing(files: &Files, first_hash: Option<&str>) -> String {
    let sibling = |(i, (name, bytes)): (usize, &(&str, Vec<u8>))| {
        let hash = first_hash.filter(|_| i == 0).map_or_else(|| sha256(bytes), str::to_owned);
        format!(r#"{{"rfilename":"{name}","size":7,"lfs":{{"sha256":"{hash}","size":{}}}}}"#, bytes.len())
    };
    let readme = r#"{"rfilename":"README.md"}"#.to_owned();
    let siblings: Vec<String> = std::iter::once(readme).chain(files.iter().enumerate().map(sibling)).collect();
    let siblings = siblings.join(",");
    format!(r#"{{"id":"Org/Repo","cardData":{{"license":"apache-2.0"}},"siblings":[{siblings}]}}"#)
}

fn serve(files: Files, first_hash: Option<&'static str>) -> Loopback {
    Loopback::start(move |request: &Request| {
        if request.target.starts_with("/api/models/") {
            let is_it = request.target.eq_ignore_ascii_case(LIST);
            return if is_it { Answer::ok(listing(&files, first_hash)) } else { Answer::status(401) };
        }
        let file = files.iter().find(|(name, _)| request.target == format!("/Org/Repo/resolve/main/{name}"));
        file.map_or_else(|| Answer::status(404), |(_, bytes)| Answer::file(request, bytes, "\"1\""))
    })
}

fn fixture(server: &Loopback) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.settings.hugging_face_endpoint = server.url("");
    fixture
}

fn many() -> Files {
    vec![
        ("m-Q2_K.gguf", model_bytes(1, 2000)),
        ("m-Q8_0.gguf", model_bytes(2, 3000)),
        ("mmproj-m-f16.gguf", model_bytes(3, 1000)),
    ]
}

#[test]
fn a_quantisation_is_picked_whatever_its_case() {
    let server = serve(many(), None);
    let mut fixture = fixture(&server);
    let (mut about, mut held_to) = (Vec::new(), Vec::new());
    let path = fixture.hub().pull("hf:org/repo:q8_0", &mut |event| {
        match event {
            Event::About { name, bytes, is_rough, licence } => {
                about.push((name.to_owned(), bytes, is_rough, licence.map(str::to_owned)));
            }
            Event::Verified { by, .. } => held_to.push(by),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let Resolved::File(path) = path.unwrap() else { panic!("a file") };
    assert!(fs::read(&path).unwrap() == model_bytes(2, 3000));
    let name = "hf:Org/Repo/m-Q8_0.gguf".to_owned();
    assert_eq!(about, [(name.clone(), Some(3000), false, Some("apache-2.0".to_owned()))]);
    assert_eq!(held_to, [HeldTo::Known], "the list says which hash it has");
    assert_eq!(fixture.hub().installed().unwrap()[0].name, name);
    // From now on it is found without the network, by all its names, and removed by any.
    drop(server);
    fixture.settings.is_offline = true;
    for text in ["hf:org/repo:Q8_0", "hf:ORG/REPO", "hf.co/Org/Repo:q8_0", &name] {
        assert_eq!(fixture.hub().resolve(text).unwrap(), Resolved::File(path.clone()), "{text}");
    }
    assert!(matches!(fixture.hub().resolve("hf:org/repo:Q2_K"), Err(Error::NotInstalled { .. })));
    assert!(matches!(fixture.pull("hf:org/repo:Q2_K").0, Err(Error::Offline(_))));
    fixture.hub().remove("hf:org/repo:q8_0").unwrap();
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn what_most_people_want_is_picked_where_nothing_is_said() {
    let mut files = many();
    files.push(("m-Q4_K_M.gguf", model_bytes(4, 1500)));
    let server = serve(files, None);
    let path = fixture(&server).pull("hf:org/repo").0.unwrap();
    assert!(path.ends_with("m-Q4_K_M.gguf"), "{}", path.display());
    let server = serve(vec![("only.gguf", model_bytes(5, 900))], None);
    assert!(fixture(&server).pull("https://huggingface.co/org/repo").0.unwrap().ends_with("only.gguf"));
}

#[test]
fn what_cannot_be_picked_names_what_there_is() {
    let server = serve(many(), None);
    let fixture = fixture(&server);
    let refused = |text: &str, words: &[&str], hint: &str| {
        let error = fixture.pull(text).0.unwrap_err();
        assert!(words.iter().all(|w| error.to_string().contains(w)), "{text}: {error}");
        assert!(error.hint().is_some_and(|h| h.contains(hint)), "{text}: {:?}", error.hint());
    };
    refused("hf:org/repo", &["Org/Repo", "Q2_K, Q8_0"], "trinity pull hf:Org/Repo:Q2_K");
    refused("hf:org/repo:Q5_K_M", &["no Q5_K_M", "Q2_K, Q8_0"], "trinity list hf:Org/Repo");
    refused("hf:org/repo/other.gguf", &["no other.gguf", "Q2_K, Q8_0"], "trinity list");
    refused("hf:org/none", &["org/none"], "HF_TOKEN");
    let empty = serve(Vec::new(), None);
    assert!(matches!(self::fixture(&empty).pull("hf:org/repo").0, Err(Error::NoModels { .. })));
    let files = fixture.hub().files_of("hf:org/repo").unwrap().unwrap();
    let files: Vec<_> = files.into_iter().map(|f| (f.quant.unwrap(), f.bytes.unwrap(), f.path)).collect();
    let expected = [("Q2_K", 2000, "m-Q2_K.gguf"), ("Q8_0", 3000, "m-Q8_0.gguf")];
    assert_eq!(files, expected.map(|(q, n, f)| (q.to_owned(), n, f.to_owned())));
    assert_eq!(fixture.hub().files_of("smollm2").unwrap(), None);
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn a_file_is_found_whatever_its_case() {
    let server = serve(many(), None);
    let fixture = fixture(&server);
    let path = fixture.pull("hf:org/REPO/M-q2_k.gguf").0.unwrap();
    assert!(fs::read(path).unwrap() == model_bytes(1, 2000));
    assert_eq!(fixture.hub().installed().unwrap()[0].name, "hf:Org/Repo/m-Q2_K.gguf");
}

#[test]
fn what_comes_must_have_the_hash_of_the_list() {
    const OTHER: &str = "00000000000000000000000000000000000000000000000000000000000000ff";
    let server = serve(many(), Some(OTHER));
    let fixture = fixture(&server);
    assert!(matches!(fixture.pull("hf:org/repo:q2_k").0, Err(Error::WrongHash { .. })));
    assert_eq!(fixture.files(), [""; 0]);
}

/// A name whose hash nobody wrote down: what Hugging Face announces is what must come, and it must announce one.
#[test]
fn a_name_without_a_hash_is_held_to_the_announced_one() {
    let bytes = model_bytes(6, 5000);
    let check = |announced: Option<String>| {
        let served = bytes.clone();
        let server = Loopback::start(move |request| {
            let answer = Answer::file(request, &served, "\"1\"");
            announced.iter().fold(answer, |answer, hash| answer.with("X-Linked-Etag", format!("\"{hash}\"")))
        });
        let fixture = fixture(&server);
        let catalogue = "[[model]]\nname='made:up'\nabout=''\nfile='m.gguf'\nbytes=4000\nlicence='MIT'\n\
                         [[model.source]]\nkind='hugging-face'\nrepository='o/r'\nfile='m.gguf'\n";
        fs::write(fixture.settings.home.join("catalogue.toml"), catalogue).unwrap();
        let pulled = fixture.pull("made:up").0;
        (pulled, fixture)
    };
    let (pulled, fixture) = check(Some(sha256(&bytes)));
    assert!(fs::read(pulled.unwrap()).unwrap() == bytes, "the size of the catalogue is only about so");
    assert!(fixture.hub().resolve("made").is_ok());
    let (pulled, fixture) = check(None);
    assert!(matches!(&pulled, Err(Error::NotAnnounced { .. })), "{pulled:?}");
    assert_eq!(fixture.files(), [""; 0]);
    let (pulled, fixture) = check(Some("ab".repeat(32)));
    assert!(matches!(pulled, Err(Error::WrongHash { .. })));
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn what_an_interrupted_pull_keeps_is_told_and_gone_on_with() {
    let bytes = model_bytes(7, 400_000);
    let (served, hash) = (bytes.clone(), sha256(&bytes));
    let server = Loopback::start(move |request| Answer::file(request, &served, "\"1\""));
    let fixture = Fixture::new();
    let url = format!("{}#sha256={hash}", server.url("/m.gguf"));
    assert_eq!(fixture.hub().kept(&url), 0);
    let stopped = fixture.hub().pull(&url, &mut |event| match event {
        Event::Progress { bytes: 100_000.., .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(Error::Cancelled)));
    let kept = fixture.hub().kept(&url);
    assert!((100_000..400_000).contains(&kept), "{kept}");
    let mut resumed = None;
    let pulled = fixture.hub().pull(&url, &mut |event| {
        if let Event::Resumed { bytes } = event {
            resumed = Some(bytes);
        }
        ControlFlow::Continue(())
    });
    assert!(fs::read(crate::fixture::file(pulled.unwrap())).unwrap() == bytes);
    assert_eq!((resumed, fixture.hub().kept(&url)), (Some(kept), 0));
}
