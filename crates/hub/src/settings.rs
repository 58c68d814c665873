//! What a hub may use: folders, servers, programs. Read from the environment in one place, so that tests and embedding
//! programs can say it instead.

use std::{ffi::OsString, path::PathBuf, time::Duration};

const HUGGING_FACE: &str = "https://huggingface.co";

/// The folders, servers and programs that a hub may use, and its patience with them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Folder of pulled models: `TRINITY_HOME`, else `XDG_DATA_HOME/trinity`, else `~/.local/share/trinity`. Data and
    /// not cache: nobody but the user decides that a model of gigabytes may go.
    pub home: PathBuf,
    /// The cache that Hugging Face's own programs share: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
    /// `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`. Only read.
    pub hugging_face_cache: Option<PathBuf>,
    /// Address of Hugging Face: `HF_ENDPOINT`, else the public one.
    pub hugging_face_endpoint: String,
    /// Token for repositories that want one: `HF_TOKEN`; sent to the endpoint alone, over https or to this machine.
    pub hugging_face_token: Option<String>,
    /// Whether network and pip are forbidden.
    pub is_offline: bool,
    /// Proxies for servers that are not this machine.
    pub proxies: Proxies,
    /// PEM file of root certificates instead of the built-in ones: `SSL_CERT_FILE`.
    pub certificates: Option<PathBuf>,
    /// Folders in which python3 and pip are looked for: `PATH`.
    pub search_path: Option<OsString>,
    /// Python that has pip: `TRINITY_PYTHON`, else those on the search path are tried.
    pub python: Option<PathBuf>,
    /// Longest time until a name is resolved, and until a connection stands.
    pub connect_timeout: Duration,
    /// Longest silence of a server that answers.
    pub stall_timeout: Duration,
    /// Longest time in which pip downloads nothing.
    pub pip_stall_timeout: Duration,
    /// Number of attempts in a row that bring nothing before a source is given up.
    pub attempts_max: u32,
    /// Delay before the second attempt; doubles with each.
    pub retry_delay: Duration,
}

/// Proxies for http and https addresses (`http_proxy`, `https_proxy`, `all_proxy`, or in capitals), and `except`
/// (`no_proxy`): hosts, or domains with all below them, that are reached directly; `*` is all.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proxies {
    pub http: Option<String>,
    pub https: Option<String>,
    pub except: Vec<String>,
}

impl Settings {
    /// Makes the settings of a hub in `home` that knows no cache, proxy or token.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            hugging_face_cache: None,
            hugging_face_endpoint: HUGGING_FACE.to_owned(),
            hugging_face_token: None,
            is_offline: false,
            proxies: Proxies::default(),
            certificates: None,
            search_path: None,
            python: None,
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_mins(1),
            pip_stall_timeout: Duration::from_mins(5),
            attempts_max: 4,
            retry_delay: Duration::from_millis(500),
        }
    }

    /// Makes the settings that the environment asks for, whose variables `read` returns; `None` if they name no home.
    pub fn from_variables(read: &dyn Fn(&str) -> Option<OsString>, is_offline: bool) -> Option<Self> {
        let set = |name: &str| read(name).filter(|v| !v.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        let text = |name: &str| set(name).and_then(|v| v.into_string().ok());
        // The XDG specification: relative folders are to be ignored.
        let folder = |name: &str| path(name).filter(|p| p.is_absolute());
        let user = path("HOME").or_else(|| path("USERPROFILE"));
        let below_user = |rest: &str| user.as_ref().map(|u| u.join(rest));

        let home = path("TRINITY_HOME")
            .or_else(|| folder("XDG_DATA_HOME").map(|p| p.join("trinity")))
            .or_else(|| below_user(".local/share/trinity"))?;
        let mut settings = Self::new(home);
        settings.hugging_face_cache = path("HF_HUB_CACHE")
            .or_else(|| path("HF_HOME").map(|p| p.join("hub")))
            .or_else(|| folder("XDG_CACHE_HOME").map(|p| p.join("huggingface/hub")))
            .or_else(|| below_user(".cache/huggingface/hub"));
        if let Some(endpoint) = text("HF_ENDPOINT") {
            endpoint.trim_end_matches('/').clone_into(&mut settings.hugging_face_endpoint);
        }
        settings.hugging_face_token = text("HF_TOKEN").map(|t| t.trim().to_owned());
        settings.is_offline = is_offline;
        let proxy = |name: &str| {
            let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_uppercase()));
            either(name).or_else(|| either("all_proxy"))
        };
        settings.proxies = Proxies {
            http: proxy("http_proxy"),
            https: proxy("https_proxy"),
            except: text("no_proxy")
                .or_else(|| text("NO_PROXY"))
                .map(|v| v.split(',').map(|h| h.trim().to_ascii_lowercase()).filter(|h| !h.is_empty()).collect())
                .unwrap_or_default(),
        };
        settings.certificates = path("SSL_CERT_FILE");
        settings.search_path = set("PATH");
        settings.python = path("TRINITY_PYTHON");
        Some(settings)
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.home.join("models")
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.home.join("locks")
    }

    /// Path of the catalogue of the user's own names, which are added to the built-in ones.
    pub(crate) fn own_catalogue(&self) -> PathBuf {
        self.home.join("catalogue.toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], home: Option<&str>, cache: Option<&str>) {
        let read = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        let settings = Settings::from_variables(&read, false);
        assert_eq!(settings.as_ref().map(|s| s.home.clone()), home.map(PathBuf::from), "{variables:?}");
        assert_eq!(settings.and_then(|s| s.hugging_face_cache), cache.map(PathBuf::from), "{variables:?}");
    }

    #[test]
    fn folders_follow_the_environment() {
        let h = ("HOME", "/h");
        check(&[h], Some("/h/.local/share/trinity"), Some("/h/.cache/huggingface/hub"));
        check(&[h, ("XDG_DATA_HOME", "/d")], Some("/d/trinity"), Some("/h/.cache/huggingface/hub"));
        check(&[h, ("XDG_DATA_HOME", "relative")], Some("/h/.local/share/trinity"), Some("/h/.cache/huggingface/hub"));
        check(&[h, ("XDG_DATA_HOME", "/d"), ("TRINITY_HOME", "/t")], Some("/t"), Some("/h/.cache/huggingface/hub"));
        check(&[h, ("TRINITY_HOME", "")], Some("/h/.local/share/trinity"), Some("/h/.cache/huggingface/hub"));
        check(&[h, ("XDG_CACHE_HOME", "/c")], Some("/h/.local/share/trinity"), Some("/c/huggingface/hub"));
        check(&[h, ("HF_HOME", "/f")], Some("/h/.local/share/trinity"), Some("/f/hub"));
        check(&[h, ("HF_HOME", "/f"), ("HF_HUB_CACHE", "/u")], Some("/h/.local/share/trinity"), Some("/u"));
        check(&[], None, None);
    }

    #[test]
    fn proxies_and_endpoint_follow_the_environment() {
        let variables = [
            ("HOME", "/h"),
            ("HF_ENDPOINT", "https://mirror.example/"),
            ("https_proxy", "http://p:1"),
            ("ALL_PROXY", "http://q:2"),
            ("NO_PROXY", "a.example, .B.example"),
        ];
        let read = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        let settings = Settings::from_variables(&read, true).unwrap();
        assert_eq!(settings.hugging_face_endpoint, "https://mirror.example");
        assert_eq!(settings.proxies.https.as_deref(), Some("http://p:1"));
        assert_eq!(settings.proxies.http.as_deref(), Some("http://q:2"));
        assert_eq!(settings.proxies.except, ["a.example", ".b.example"]);
        assert!(settings.is_offline);
    }
}
