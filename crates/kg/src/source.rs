//! Where facts come from.
//!
//! A fact may have many sources, a source many facts; the store keeps which ([`Transaction::add_from`]). What a source
//! is stands in the store's settings under its id, so it costs nothing where nobody asks.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::quad::Quad;
use crate::snapshot::Snapshot;
use crate::store::SourceId;
use crate::transaction::Transaction;

/// What is known of where a fact comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Source {
    /// The document, or who typed the fact.
    pub document: String,
    /// The bytes of the document in which it stands: the first, and the one behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<(u64, u64)>,
    /// The sentence that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// What read it out of the sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extractor: Option<Extractor>,
    /// When it was added, as an xsd:dateTime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_at: Option<String>,
    /// How sure the extractor was, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// The model that extracted a fact, its prompt and its grammar, each by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "model, prompt and grammar are what the digests are of")]
pub struct Extractor {
    pub model: String,
    pub prompt: String,
    pub grammar: String,
}

/// Why a source is not kept or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A confidence that is no probability.
    #[error("the confidence is {0}; it must be from 0 to 1")]
    Confidence(f64),
    /// A span that ends before it begins.
    #[error("the span begins at byte {0} and ends at byte {1}")]
    Span(u64, u64),
    /// A text that is no source.
    #[error("source {id:?} is not readable: {why}")]
    Unreadable {
        /// The id under which it stands.
        id: SourceId,
        /// What is wrong with it.
        why: serde_json::Error,
    },
    /// What the store says.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The start of the names of settings that hold sources.
const SETTING: &str = "source:";

fn setting(id: SourceId) -> String {
    format!("{SETTING}{:016x}", id.0)
}

impl Source {
    /// A source of which only the document is known.
    pub fn document(name: &str) -> Self {
        Self { document: name.to_owned(), ..Self::default() }
    }

    /// Keeps the source; its id, which depends on what it says alone.
    ///
    /// # Errors
    /// [`SourceError::Confidence`] and [`SourceError::Span`]; and what the store says.
    pub fn keep(&self, writer: &mut Transaction<'_>) -> Result<SourceId, SourceError> {
        if let Some(confidence) = self.confidence.filter(|confidence| !(0.0..=1.0).contains(confidence)) {
            return Err(SourceError::Confidence(confidence));
        }
        if let Some((start, end)) = self.span.filter(|(start, end)| start > end) {
            return Err(SourceError::Span(start, end));
        }
        let unreadable = |why| SourceError::Unreadable { id: SourceId(0), why };
        let text = serde_json::to_vec(self).map_err(unreadable)?;
        let snapshot = writer.snapshot()?;
        let hash = blake3::hash(&text);
        let first = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        // Two sources with one hash take ids that follow each other.
        let mut id = SourceId(first);
        loop {
            match snapshot.setting(&setting(id))? {
                Some(kept) if kept != text => id = SourceId(id.0.wrapping_add(1)),
                Some(_) => return Ok(id),
                None => {
                    writer.set(&setting(id), Some(&text));
                    return Ok(id);
                }
            }
        }
    }

    /// The source with this id, if it is kept.
    ///
    /// # Errors
    /// [`SourceError::Unreadable`] for a setting that holds something else; and what the store says.
    pub fn read(snapshot: &Snapshot, id: SourceId) -> Result<Option<Self>, SourceError> {
        let Some(text) = snapshot.setting(&setting(id))? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|why| SourceError::Unreadable { id, why })
    }

    /// The sources of a fact, in the order of their ids.
    ///
    /// # Errors
    /// What [`Self::read`] says.
    pub fn of_fact(snapshot: &Snapshot, quad: &Quad) -> Result<Vec<(SourceId, Self)>, SourceError> {
        let mut sources = Vec::new();
        for id in snapshot.sources(quad)? {
            if let Some(source) = Self::read(snapshot, id)? {
                sources.push((id, source));
            }
        }
        Ok(sources)
    }

    /// All sources that are kept, in the order of their ids.
    ///
    /// # Errors
    /// What [`Self::read`] says.
    pub fn all(snapshot: &Snapshot) -> Result<Vec<(SourceId, Self)>, SourceError> {
        let mut sources = Vec::new();
        for (name, text) in snapshot.settings(SETTING)? {
            let hex = name.strip_prefix(SETTING).and_then(|hex| u64::from_str_radix(hex, 16).ok());
            let Some(id) = hex.map(SourceId) else { continue };
            sources.push((id, serde_json::from_slice(&text).map_err(|why| SourceError::Unreadable { id, why })?));
        }
        Ok(sources)
    }

    /// Forgets a source: facts that have no other are removed; how many those were.
    ///
    /// # Errors
    /// What the store says.
    pub fn remove(writer: &mut Transaction<'_>, id: SourceId) -> Result<u64, Error> {
        writer.set(&setting(id), None);
        writer.remove_source(id)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use oxrdf::{GraphNameRef, NamedNodeRef, QuadRef};

    use super::*;
    use crate::quad::Pattern;
    use crate::store::Store;

    fn fact(object: &str) -> QuadRef<'_> {
        let node = NamedNodeRef::new_unchecked;
        QuadRef::new(node("http://a/s"), node("http://a/p"), node(object), GraphNameRef::DefaultGraph)
    }

    /// A source of which all is known.
    pub(crate) fn paper() -> Source {
        Source {
            span: Some((3, 9)),
            sentence: Some("It is so.".to_owned()),
            extractor: Some(Extractor { model: "m".to_owned(), prompt: "p".to_owned(), grammar: "g".to_owned() }),
            added_at: Some("2026-12-01T10:00:00Z".to_owned()),
            confidence: Some(0.25),
            ..Source::document("paper.txt")
        }
    }

    #[test]
    fn facts_have_the_sources_they_were_given_and_go_with_the_last() -> Result<(), SourceError> {
        let store = Store::in_memory();
        let paper = paper();
        let typed = Source::document("typed by ann");
        let mut writer = store.begin()?;
        let ids = [paper.keep(&mut writer)?, typed.keep(&mut writer)?];
        assert_eq!(typed.keep(&mut writer)?, ids[1], "a source has one id");
        writer.add_from(fact("http://a/1"), ids[0])?;
        writer.add_from(fact("http://a/1"), ids[1])?;
        writer.add_from(fact("http://a/2"), ids[0])?;
        writer.commit()?;
        let snapshot = store.snapshot()?;
        let mut of_all = Vec::new();
        for quad in snapshot.matching(Pattern::all()) {
            let quad = quad?;
            let mut sources = Source::of_fact(&snapshot, &quad)?;
            sources.sort_by(|a, b| a.1.document.cmp(&b.1.document));
            of_all.push((snapshot.term(quad.object)?.to_string(), sources));
        }
        of_all.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(of_all[0].1, [(ids[0], paper.clone()), (ids[1], typed)]);
        assert_eq!(of_all[1].1, [(ids[0], paper)]);
        assert_eq!(Source::all(&snapshot)?.len(), 2);
        let mut writer = store.begin()?;
        assert_eq!(Source::remove(&mut writer, ids[0])?, 1);
        writer.commit()?;
        let snapshot = store.snapshot()?;
        assert_eq!((snapshot.len(), Source::all(&snapshot)?.len()), (1, 1));
        assert_eq!(Source::read(&snapshot, ids[0])?, None);
        Ok(())
    }

    #[test]
    fn a_source_that_says_the_impossible_is_refused() -> Result<(), SourceError> {
        let store = Store::in_memory();
        let mut writer = store.begin()?;
        let unsure = Source { confidence: Some(1.5), ..Source::default() };
        assert!(matches!(unsure.keep(&mut writer), Err(SourceError::Confidence(1.5))));
        let backwards = Source { span: Some((9, 3)), ..Source::default() };
        assert!(matches!(backwards.keep(&mut writer), Err(SourceError::Span(9, 3))));
        Ok(())
    }
}
