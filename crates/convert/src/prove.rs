//! [`Proof`]: a written file read back and compared with its source, weight by weight.

use std::{collections::BTreeMap, path::Path};

use crate::{
    Error, GgufSource, Loss,
    parallel::{self, Progress},
    plan::{Action, Plan},
    source::{Source, Stored},
    write::COPY_BYTES,
};

/// What a comparison of source and destination came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Proof {
    /// Bytes of the new file.
    pub file_bytes: u64,
    /// Tensors compared.
    pub n_tensors: usize,
    /// Those in which every weight has the value that it had.
    pub n_exact: usize,
    /// By class of tensor.
    pub classes: Vec<ClassProof>,
}

/// The tensors of all layers that have one name, one type before and one after.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassProof {
    /// Name with `*` for the layer: `blk.*.ffn_down.weight`.
    pub class: String,
    /// Type in the source, lower case.
    pub from: String,
    /// Type in the new file, lower case.
    pub to: String,
    /// Tensors.
    pub n_tensors: usize,
    /// Those without any change.
    pub n_exact: usize,
    /// All of them together.
    pub loss: Loss,
}

impl Proof {
    /// Did no weight change?
    pub fn is_exact(&self) -> bool {
        self.n_exact == self.n_tensors
    }

    /// All classes together.
    pub fn loss(&self) -> Loss {
        self.classes.iter().fold(Loss::default(), |all, class| all.and(class.loss))
    }
}

/// Compares what was written with the source: metadata, names and shapes must be as planned, copies byte for byte the same, the rest as
/// exact as the plan demands.
pub(crate) fn compare(
    source: &dyn Source,
    plan: &Plan,
    written: &GgufSource,
    destination: &Path,
    n_threads: usize,
    progress: Progress<'_>,
) -> Result<Proof, Error> {
    let differs = |what: String| Error::Unproved { file: destination.display().to_string(), what };
    if *written.metadata() != plan.metadata {
        return Err(differs("metadata".to_owned()));
    }
    if written.tensors().len() != source.tensors().len() {
        return Err(differs(format!("{} tensors of {}", written.tensors().len(), source.tensors().len())));
    }
    let mut classes = BTreeMap::<_, ClassProof>::new();
    for (i, (before, after)) in source.tensors().iter().zip(written.tensors()).enumerate() {
        if (&before.name, &before.dims) != (&after.name, &after.dims) {
            return Err(differs(format!(
                "tensor {} {:?} is {} {:?}",
                before.name, before.dims, after.name, after.dims
            )));
        }
        let loss = match plan.tensors[i].action {
            Action::Copy(_) => copy(source, plan, written, i, progress)?,
            Action::Encode { .. } => Some(values(source, written, i, n_threads, progress)?),
        };
        let may_lose = matches!(plan.tensors[i].action, Action::Encode { may_lose: true, .. });
        let loss = loss
            .filter(|loss| may_lose || loss.is_exact())
            .ok_or_else(|| differs(format!("tensor {}", before.name)))?;
        let to = plan.tensors[i].action.type_id()?.name().to_ascii_lowercase();
        let (class, from) = (class(&before.name), stored_name(source, i));
        let entry = classes.entry((class.clone(), from.clone(), to.clone())).or_insert(ClassProof {
            class,
            from,
            to,
            n_tensors: 0,
            n_exact: 0,
            loss: Loss::default(),
        });
        entry.n_tensors += 1;
        entry.n_exact += usize::from(loss.is_exact());
        entry.loss = entry.loss.and(loss);
    }
    let classes: Vec<ClassProof> = classes.into_values().collect();
    Ok(Proof {
        file_bytes: written.file_bytes(),
        n_tensors: source.tensors().len(),
        n_exact: classes.iter().map(|class| class.n_exact).sum(),
        classes,
    })
}

/// Name of the type in which the source keeps tensor `i`, lower case.
pub fn stored_name(source: &dyn Source, i: usize) -> String {
    match (source.raw_type(i), source.tensors().get(i).map(|t| t.stored)) {
        (Some(id), _) => id.name().to_ascii_lowercase(),
        (None, Some(Stored::As(format))) => format.name().to_owned(),
        (None, Some(Stored::Ternary)) => "ternary".to_owned(),
        (None, Some(Stored::Opaque) | None) => "bytes".to_owned(),
    }
}

/// `blk.17.ffn_down.weight` → `blk.*.ffn_down.weight`
fn class(name: &str) -> String {
    let parts = name.split('.').map(|part| if part.bytes().all(|b| b.is_ascii_digit()) { "*" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

/// No loss if the bytes are the same, `None` if not.
fn copy(
    source: &dyn Source,
    plan: &Plan,
    written: &GgufSource,
    i: usize,
    progress: Progress<'_>,
) -> Result<Option<Loss>, Error> {
    let n_bytes = plan.n_bytes(source, i)?;
    let mut start = 0;
    while start < n_bytes {
        let end = (start + COPY_BYTES).min(n_bytes);
        if source.read_raw(i, start..end)? != written.read_raw(i, start..end)? {
            return Ok(None);
        }
        start = end;
    }
    let n_weights = source.tensors()[i].n_weights();
    if progress(n_weights).is_break() {
        return Err(Error::Cancelled);
    }
    Ok(Some(Loss { n_weights, ..Loss::default() }))
}

fn values(
    source: &dyn Source,
    written: &GgufSource,
    i: usize,
    n_threads: usize,
    progress: Progress<'_>,
) -> Result<Loss, Error> {
    let tensor = &source.tensors()[i];
    let chunks = parallel::chunks(tensor.n_rows(), tensor.rows_per_matrix(), tensor.cols());
    let losses = parallel::map(n_threads, chunks, |rows| {
        let before = source.read(i, rows.clone())?.into_values();
        let loss = Loss::between(&before, &written.read(i, rows)?.into_values());
        if progress(loss.n_weights).is_break() { Err(Error::Cancelled) } else { Ok(loss) }
    })?;
    Ok(losses.into_iter().fold(Loss::default(), Loss::and))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_class_has_no_layer() {
        assert_eq!(super::class("blk.17.ffn_down.weight"), "blk.*.ffn_down.weight");
        assert_eq!(super::class("token_embd.weight"), "token_embd.weight");
    }
}
