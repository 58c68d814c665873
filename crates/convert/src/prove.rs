//! [`Proof`]: a written file read back and compared with its source, weight by weight.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gguf::{Metadata, seal};

use crate::{
    Error, GgufSource, Loss,
    parallel::{self, Progress},
    plan::{Action, Freedom, Plan},
    source::{COPY_BYTES, Source, Stored},
};

/// The result of comparing a destination with its source.
#[derive(Clone, PartialEq, Debug)]
pub struct Proof {
    /// Paths of the new file, or of all parts of it.
    pub files: Vec<PathBuf>,
    /// Size of all files together, in bytes.
    pub file_bytes: u64,
    /// Results for the tensors, in the order of the file.
    pub tensors: Vec<TensorProof>,
    /// Changes that reading the source had made to weights before they were compared ([`Source::changes`]).
    pub changes: Vec<String>,
}

/// The result for one tensor: its name, its types in the source and in the new file, in lower case, and what the
/// weights lost.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Debug)]
pub struct TensorProof {
    pub name: String,
    pub from: String,
    pub to: String,
    pub loss: Loss,
}

/// The result for the tensors of all layers that have one name, one type before and one after. `class` is the name with
/// `*` for the layer (`blk.*.ffn_down.weight`), `from` and `to` are the types in lower case; `n_exact` of the
/// `n_tensors` have no change, and `loss` is that of all together.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Debug)]
pub struct ClassProof {
    pub class: String,
    pub from: String,
    pub to: String,
    pub n_tensors: usize,
    pub n_exact: usize,
    pub loss: Loss,
}

impl Proof {
    /// Number of tensors in which every weight has the value that it had.
    pub fn n_exact(&self) -> usize {
        self.tensors.iter().filter(|t| t.loss.is_exact()).count()
    }

    /// Whether no weight of the model changed.
    pub fn is_exact(&self) -> bool {
        self.n_exact() == self.tensors.len()
    }

    /// Loss of all tensors together.
    pub fn loss(&self) -> Loss {
        self.tensors.iter().fold(Loss::default(), |all, t| all.and(t.loss))
    }

    /// Sums the tensors up by class, in the order of names.
    pub fn classes(&self) -> Vec<ClassProof> {
        let mut classes = BTreeMap::<_, ClassProof>::new();
        for TensorProof { name, from, to, loss } in &self.tensors {
            let class = ClassProof {
                class: class(name),
                from: from.clone(),
                to: to.clone(),
                n_tensors: 0,
                n_exact: 0,
                loss: Loss::default(),
            };
            let entry = classes.entry((class.class.clone(), from, to)).or_insert(class);
            entry.n_tensors += 1;
            entry.n_exact += usize::from(loss.is_exact());
            entry.loss = entry.loss.and(*loss);
        }
        classes.into_values().collect()
    }
}

/// Compares what was written with the source: metadata, names and shapes must be as planned, copies byte for byte the
/// same, the rest as exact as the plan demands.
pub(crate) fn compare(
    source: &dyn Source,
    plan: &Plan,
    metadata: &Metadata,
    written: &GgufSource,
    destination: &Path,
    n_threads: usize,
    progress: Progress<'_>,
) -> Result<Proof, Error> {
    let differs = |what: String| Error::Unproved { file: destination.display().to_string(), what };
    if !seal::is_same_but_for_hashes(written.metadata(), metadata) {
        return Err(differs("metadata".to_owned()));
    }
    if written.tensors().len() != source.tensors().len() {
        return Err(differs(format!("{} tensors of {}", written.tensors().len(), source.tensors().len())));
    }
    let mut tensors = Vec::with_capacity(source.tensors().len());
    for (i, (before, after)) in source.tensors().iter().zip(written.tensors()).enumerate() {
        if (&before.name, &before.dims) != (&after.name, &after.dims) {
            return Err(differs(format!(
                "tensor {} {:?} is {} {:?}",
                before.name, before.dims, after.name, after.dims
            )));
        }
        let (loss, is_as_planned) = match plan.tensors[i].action {
            Action::Copy(_) => copy(source, plan, written, i, progress)?,
            Action::Encode { freedom, .. } => {
                let loss = values(source, written, i, n_threads, progress)?;
                (loss, freedom != Freedom::Exact || loss.is_exact())
            }
        };
        if !is_as_planned {
            return Err(differs(format!("tensor {}", before.name)));
        }
        let to = plan.tensors[i].action.type_id()?.name().to_ascii_lowercase();
        tensors.push(TensorProof { name: before.name.clone(), from: stored_name(source, i), to, loss });
    }
    Ok(Proof { files: Vec::new(), file_bytes: written.file_bytes(), tensors, changes: source.changes() })
}

/// Returns the name in lower case of the type in which the source keeps tensor `i`.
pub fn stored_name(source: &dyn Source, i: usize) -> String {
    match (source.raw_type(i), source.tensors().get(i).map(|t| t.stored)) {
        (Some(id), _) => id.name().to_ascii_lowercase(),
        (None, Some(Stored::As(format))) => format.name().to_owned(),
        (None, Some(Stored::Ternary)) => "ternary".to_owned(),
        (None, Some(Stored::Opaque) | None) => "bytes".to_owned(),
    }
}

/// Returns the class of a tensor's name: `blk.17.ffn_down.weight` → `blk.*.ffn_down.weight`.
fn class(name: &str) -> String {
    let parts = name.split('.').map(|part| if part.bytes().all(|b| b.is_ascii_digit()) { "*" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

/// Compares a copied tensor; returns no loss, and whether the bytes are the same.
fn copy(
    source: &dyn Source,
    plan: &Plan,
    written: &GgufSource,
    i: usize,
    progress: Progress<'_>,
) -> Result<(Loss, bool), Error> {
    let n_bytes = plan.n_bytes(source, i)?;
    let mut start = 0;
    while start < n_bytes {
        let end = (start + COPY_BYTES).min(n_bytes);
        if source.read_raw(i, start..end)? != written.read_raw(i, start..end)? {
            return Ok((Loss::default(), false));
        }
        start = end;
    }
    let n_weights = source.tensors()[i].n_weights();
    if progress(n_weights).is_break() {
        return Err(Error::Cancelled);
    }
    Ok((Loss { n_weights, ..Loss::default() }, true))
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
    use std::ops::ControlFlow;

    use gguf::{TensorSpec, TypeId, Value, Writer};
    use quant::Format;

    use super::*;
    use crate::PlannedTensor;

    #[test]
    fn a_class_has_no_layer() {
        assert_eq!(class("blk.17.ffn_down.weight"), "blk.*.ffn_down.weight");
        assert_eq!(class("token_embd.weight"), "token_embd.weight");
    }

    /// A GGUF file: tensors of two rows of 32 weights, called `a`, `b` and so on, each with its format.
    #[derive(Clone)]
    struct File {
        metadata: Metadata,
        tensors: Vec<(TensorSpec, Vec<u8>)>,
    }

    impl File {
        fn of(formats: &[Format], values: &[f32]) -> Self {
            let mut metadata = Metadata::default();
            metadata.set("general.architecture", Value::String("llama".to_owned()));
            metadata.set("a.number", Value::F32(0.1));
            let tensor = |(&format, name): (&Format, char)| {
                let mut bytes = vec![0; format.tensor_bytes(2, 32).expect("whole blocks")];
                format.encode(values, None, &mut bytes).expect("encodes");
                let type_id = TypeId::of(format).expect("in files");
                (TensorSpec { name: name.to_string(), dims: vec![32, 2], type_id }, bytes)
            };
            Self { metadata, tensors: formats.iter().zip('a'..).map(tensor).collect() }
        }

        fn write(&self, folder: &Path) -> GgufSource {
            let path = folder.join("file.gguf");
            let specs = self.tensors.iter().map(|(spec, _)| spec.clone()).collect();
            let mut writer = Writer::new(Vec::new(), &self.metadata, specs).expect("a sound file");
            self.tensors.iter().for_each(|(_, bytes)| writer.tensor(bytes).expect("its bytes"));
            std::fs::write(&path, writer.finish().expect("whole")).expect("written");
            GgufSource::open(&path).expect("opens")
        }
    }

    /// Whole numbers that F16 has and Q8_0 rounds, the last of them 292.
    fn values() -> Vec<f32> {
        (0..64u16).map(|i| f32::from(i * 37 % 2039)).collect()
    }

    /// The comparison of a source in F32, F32 and Q8_0 with `written`, where F16 without loss, Q8_0 with loss and a
    /// copy were planned.
    fn check(written: &File) -> Result<Proof, Error> {
        let values = values();
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let source = File::of(&[Format::F32, Format::F32, Format::Q8_0], &values);
        let encode = |format, freedom| PlannedTensor::new(Action::Encode { format, freedom });
        let copy = TypeId::of(Format::Q8_0).expect("in files");
        let plan = Plan {
            metadata: source.metadata.clone(),
            tensors: vec![
                encode(Format::F16, Freedom::Exact),
                encode(Format::Q8_0, Freedom::Nearest),
                PlannedTensor::new(Action::Copy(copy)),
            ],
        };
        let (source, written) = (source.write(folders[0].path()), written.write(folders[1].path()));
        let go_on = |_: u64| ControlFlow::Continue(());
        compare(&source, &plan, &plan.metadata, &written, Path::new("new.gguf"), 2, &go_on)
    }

    #[test]
    fn what_is_not_as_planned_is_named() {
        let values = values();
        let sound = File::of(&[Format::F16, Format::Q8_0, Format::Q8_0], &values);
        let proof = check(&sound).expect("as planned");
        assert_eq!(proof.tensors.iter().map(|t| t.loss.is_exact()).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(proof.loss().n_weights, 3 * 64);

        let differs = |change: &dyn Fn(&mut File), expected: &str| {
            let mut file = sound.clone();
            change(&mut file);
            let error = check(&file).map(|_| ()).expect_err(expected);
            assert!(matches!(error, Error::Unproved { .. }), "{expected}: {error}");
            assert_eq!(error.to_string(), format!("new.gguf: read back, it differs: {expected}"));
        };
        // One weight, the first and the last; one byte of a copy, of scales and of codes, the first and the last.
        for (tensor, n_bytes, name) in [(0, 128, "a"), (2, 68, "c")] {
            for at in [0, 5, n_bytes - 1] {
                let change = |file: &mut File| {
                    assert_eq!(file.tensors[tensor].1.len(), n_bytes);
                    file.tensors[tensor].1[at] ^= 1;
                };
                differs(&change, &format!("tensor {name}"));
            }
        }
        differs(&|file| file.metadata.set("a.number", Value::F32(0.2)), "metadata");
        differs(&|file| file.metadata.set("a.number", Value::F64(0.1)), "metadata");
        differs(&|file| file.metadata.set("more", Value::F32(0.1)), "metadata");
        differs(&|file| assert!(file.metadata.remove("a.number")), "metadata");
        differs(&|file| drop(file.tensors.pop()), "2 tensors of 3");
        differs(&|file| file.tensors[1].0.name = "d".to_owned(), "tensor b [32, 2] is d [32, 2]");
        differs(&|file| file.tensors[1].0.dims = vec![64], "tensor b [32, 2] is b [64]");
    }

    #[test]
    fn weights_of_a_tensor_that_may_lose_are_counted() {
        let values = values();
        let mut file = File::of(&[Format::F16, Format::Q8_0, Format::Q8_0], &values);
        let before = check(&file).expect("as planned").tensors[1].loss;
        // The code of the last weight.
        file.tensors[1].1[67] = 0;
        let after = check(&file).expect("loss is allowed").tensors[1].loss;
        assert_eq!((before.error_max < 20.0, after.error_max), (true, 292.0));
    }
}
