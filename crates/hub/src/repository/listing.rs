//! What a repository holds, as Hugging Face lists it: `GET /api/models/ORGANISATION/NAME/revision/REVISION?blobs=true`.
//!
//! Source: `huggingface_hub`, `HfApi.model_info` with `files_metadata=True`.

use std::io::Read;

use serde::Deserialize;

use super::{NoPick, Repository, is_model, pick, quant_of};
use crate::{
    Error, Settings, Source,
    reference::{self, Wanted},
    source,
};

/// Longest answer that is read.
const LIST_BYTES_MAX: u64 = 32 << 20;
/// Largest number of files that an error names.
const NAMED_MAX: usize = 40;

/// A file of a repository that can be pulled: its `path` there, the word of its name that tells its quantisation, and
/// its size, of a split model that of all parts.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RepositoryFile {
    pub path: String,
    pub quant: Option<String>,
    pub bytes: Option<u64>,
}

/// The answer of Hugging Face, as far as it matters here.
#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
    #[serde(rename = "cardData")]
    card: Option<Card>,
}

#[derive(Deserialize)]
struct Card {
    license: Option<serde_json::Value>,
    license_name: Option<String>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

/// The files of a repository, as Hugging Face listed them.
pub(crate) struct Listing {
    /// Repository with the case that its owner chose.
    repository: Repository,
    files: Vec<Sibling>,
    licence: Option<String>,
}

impl Listing {
    /// Asks Hugging Face for the files of `repository`.
    pub(crate) fn ask(settings: &Settings, repository: &Repository) -> Result<Self, Error> {
        let (id, revision) = (repository.id(), &repository.revision);
        let path = format!("api/models/{id}/revision/{revision}?blobs=true");
        let (url, response) = source::ask_hugging_face(settings, &path)?;
        match response.status().as_u16() {
            200 => {}
            // Whoever is not signed in is told nothing of what does not exist, either.
            401 | 403 | 404 => return Err(Error::NoRepository { repository: repository.id() }),
            status => return Err(Error::Status { url, status }),
        }
        let mut text = Vec::new();
        let read = response.into_body().into_reader().take(LIST_BYTES_MAX).read_to_end(&mut text);
        read.map_err(|e| Error::Network { url: url.clone(), why: e.to_string() })?;
        let answer: Answer = serde_json::from_slice(&text)
            .map_err(|e| Error::Network { url, why: format!("no list of files came: {e}") })?;
        Ok(Self::new(repository, answer))
    }

    fn new(asked: &Repository, answer: Answer) -> Self {
        let id = answer.id.filter(|id| id.eq_ignore_ascii_case(&asked.id()));
        let own = id.as_ref().and_then(|id| id.split_once('/'));
        let (owner, name) = own.unwrap_or((&asked.owner, &asked.name));
        let repository = Repository { owner: owner.to_owned(), name: name.to_owned(), ..asked.clone() };
        // Paths become paths in the store: what is no plain one does not exist.
        let is_plain = |file: &Sibling| reference::of_repository(&repository.id(), &file.rfilename, "main").is_ok();
        let mut files: Vec<Sibling> = answer.siblings.into_iter().filter(is_plain).collect();
        files.sort_by(|a, b| a.rfilename.cmp(&b.rfilename));
        let licence = answer.card.and_then(|card| {
            let said = card.license.as_ref().and_then(|l| l.as_str()).map(str::to_owned);
            if said.as_deref() == Some("other") { card.license_name.or(said) } else { said }
        });
        Self { repository, files, licence }
    }

    /// Returns the files that are models.
    pub(crate) fn models(&self) -> Vec<RepositoryFile> {
        let models = self.files.iter().filter(|file| is_model(&file.rfilename));
        let of = |file: &Sibling| RepositoryFile {
            path: file.rfilename.clone(),
            quant: quant_of(&file.rfilename).map(str::to_owned),
            bytes: self.bytes_of(&file.rfilename),
        };
        models.map(of).collect()
    }

    /// Returns the model that the repository's reference means.
    pub(crate) fn pick(&self) -> Result<Wanted, Error> {
        let paths: Vec<&str> = self.files.iter().map(|file| file.rfilename.as_str()).collect();
        let quant = self.repository.quant.as_deref();
        let picked = pick(&paths, quant).map_err(|why| no_pick(self.repository.id(), quant, why, &self.models()))?;
        self.wanted(paths.get(picked).copied().unwrap_or_default())
    }

    /// Returns the model at `path`, whatever its case.
    pub(crate) fn find(&self, path: &str) -> Result<Wanted, Error> {
        match self.files.iter().find(|file| file.rfilename.eq_ignore_ascii_case(path)) {
            Some(found) => self.wanted(&found.rfilename),
            None => Err(no_pick(self.repository.id(), Some(path), NoPick::Nothing, &self.models())),
        }
    }

    fn wanted(&self, path: &str) -> Result<Wanted, Error> {
        let Repository { owner, name, revision, .. } = &self.repository;
        let at = if revision == reference::MAIN { String::new() } else { format!("@{revision}") };
        let text = format!("hf:{owner}/{name}{at}/{}", source::address::encode_path(path));
        let wanted = reference::hugging_face_file(&text);
        let mut wanted = wanted.map_err(|why| Error::BadName { text, why })?;
        for file in &mut wanted.files {
            let Some(Source::HuggingFace { file: path, .. }) = file.sources.first() else { continue };
            let listed = self.files.iter().find(|f| f.rfilename == *path);
            file.expected.bytes = listed.and_then(Sibling::bytes);
            file.expected.sha256 = listed.and_then(|f| f.lfs.as_ref()).and_then(|lfs| lfs.sha256.clone());
        }
        wanted.licence.clone_from(&self.licence);
        Ok(wanted)
    }

    /// Size of the model at `path`, all parts together.
    fn bytes_of(&self, path: &str) -> Option<u64> {
        let parts = reference::split_names(path).ok()?;
        let size = |part: &String| self.files.iter().find(|f| f.rfilename == *part)?.bytes();
        parts.iter().map(size).sum()
    }
}

/// Makes the error for a reference that picks no file; it names what there is to choose from.
fn no_pick(repository: String, quant: Option<&str>, why: NoPick, models: &[RepositoryFile]) -> Error {
    let word = |file: &RepositoryFile| {
        // Two of one label are told apart by their names.
        let is_only = models.iter().filter(|m| m.quant == file.quant).count() == 1;
        file.quant.clone().filter(|_| is_only).unwrap_or_else(|| file.path.clone())
    };
    let quants: Vec<String> = models.iter().take(NAMED_MAX).map(word).collect();
    match quant {
        _ if quants.is_empty() => Error::NoModels { repository },
        Some(quant) if why == NoPick::Nothing => Error::NoQuant { repository, quant: quant.to_owned(), quants },
        _ => Error::WhichQuant { repository, quants },
    }
}

impl Sibling {
    fn bytes(&self) -> Option<u64> {
        self.lfs.as_ref().and_then(|lfs| lfs.size).or(self.size)
    }
}
