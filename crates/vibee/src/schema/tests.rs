use super::{is_semantic_version, keys::FORMS};

#[test]
fn knows_versions() {
    for good in ["1.0.0", "0.10.3-beta.1+build.5", "1.2.3-0a"] {
        assert!(is_semantic_version(good), "{good}");
    }
    for bad in ["1.0", "1", "", "01.0.0", "1.0.0-", "1.0.0-01", "v1.0.0", "1.0.0+", "1.0.0.0", "1.0.-1"] {
        assert!(!is_semantic_version(bad), "{bad}");
    }
}

#[test]
fn forms_have_each_key_once() {
    for form in FORMS {
        for (i, key) in form.keys.iter().enumerate() {
            assert!(form.keys.iter().take(i).all(|before| before.name != key.name), "{}: {}", form.name, key.name);
            assert!(key.meaning.ends_with('.'), "{}: {}", form.name, key.name);
        }
    }
}
