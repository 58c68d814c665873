//! Headers and files; how the page behaves is tested in a browser (`crates/server/tests/browser`).

use std::collections::HashSet;

use http_body_util::BodyExt as _;

use super::*;

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn body(response: Response) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(response.into_body().collect()).unwrap().to_bytes().to_vec()
}

#[test]
fn every_answer_is_held_to_this_origin() {
    let directives = [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "trusted-types 'none'",
        "connect-src 'self'",
    ];
    for response in [INDEX.response(&HeaderMap::new()), ASSETS[0].response(&HeaderMap::new()), index(&HeaderMap::new())]
    {
        let policy = header(&response, "content-security-policy");
        for directive in directives {
            assert!(policy.split("; ").any(|d| d == directive), "{directive} is not in {policy:?}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(header(&index(&HeaderMap::new()), "vary"), "Accept");
}

#[test]
fn a_known_version_is_not_sent_again() {
    let first = INDEX.response(&HeaderMap::new());
    let tag = header(&first, "etag");
    assert_eq!(body(first), INDEX.body.as_bytes());
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = INDEX.response(&headers(&[(IF_NONE_MATCH, &known)]));
        assert_eq!((again.status(), header(&again, "etag")), (StatusCode::NOT_MODIFIED, tag.clone()), "{known}");
        assert_eq!(body(again), b"");
    }
    let other = INDEX.response(&headers(&[(IF_NONE_MATCH, "\"0\"")]));
    assert_eq!(other.status(), StatusCode::OK);
    let tags: HashSet<String> = ASSETS.iter().map(Asset::tag).collect();
    assert_eq!(tags.len(), ASSETS.len());
}

#[test]
fn browsers_get_the_page_and_programs_do_not() {
    let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    for (accept, expected) in [
        (chromium, true),
        ("Text/HTML ; q=0.5", true),
        ("*/*", false),
        ("application/json", false),
        ("text/htmlx", false),
    ] {
        assert_eq!(is_wanted(&headers(&[(ACCEPT, accept)])), expected, "{accept}");
    }
    assert!(!is_wanted(&HeaderMap::new()));
}

#[test]
fn what_the_page_loads_is_there_and_nothing_else() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/page")).unwrap();
    let mut files: Vec<String> = files.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|name| name != "index.html" && name != "tests.rs");
    files.sort();
    let mut served: Vec<&str> = ASSETS.iter().filter_map(|asset| asset.path.strip_prefix("/page/")).collect();
    served.sort_unstable();
    assert_eq!(served, files);
    for asset in ASSETS.iter().chain([&INDEX]) {
        // The names of the vocabularies of SVG and MathML are no addresses.
        let text =
            asset.body.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1998/Math/MathML", "");
        assert!(!text.contains("http://") && !text.contains("//cdn"), "{}: names another origin", asset.path);
        assert!(!text.contains("innerHTML") && !text.contains("eval("), "{}: parses text", asset.path);
        for import in text.lines().filter_map(|line| line.strip_prefix("import ")) {
            let name = import.split("'./").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default();
            assert!(served.contains(&name), "{}: {import}", asset.path);
        }
        if asset.path == "/" {
            for name in text.split("=\"page/").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(served.contains(&name), "index.html loads {name:?}");
            }
        }
    }
}
