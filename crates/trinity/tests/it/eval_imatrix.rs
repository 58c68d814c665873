//! `trinity eval imatrix`.

use std::{fs, path::PathBuf};

use gguf::{Container, ImportanceMatrix};

use crate::program::trinity;

#[test]
fn the_importance_of_a_model_is_written_as_gguf() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("eval-imatrix");
    fs::create_dir_all(&folder).unwrap();
    let (text, out) = (folder.join("text.txt"), folder.join("imatrix.gguf"));
    fs::write(&text, "Once upon a time there was a little dog. ".repeat(60)).unwrap();
    let path = testkit::data("tiny-models/stories260K-q8_0.gguf");
    let (model, text, out_name) = (path.to_str().unwrap(), text.to_str().unwrap(), out.to_str().unwrap());
    let arguments = ["eval", "imatrix", model, "--file", text, "--out", out_name, "-c", "64", "--chunks", "3"];
    let summary = trinity(arguments.iter().chain(&["--json"])).ok().json();
    let matrix = ImportanceMatrix::read(&Container::open(&out).unwrap()).unwrap();
    assert_eq!((matrix.chunk_count, matrix.chunk_size, matrix.datasets[0].as_str()), (3, 64, text));
    assert_eq!((&summary["n_tensors"], &summary["n_unseen"]), (&matrix.tensors.len().into(), &0.into()));
    let model = Container::open(&path).unwrap();
    for (name, importance) in &matrix.tensors {
        let columns = model.tensor(name).unwrap().dims[0];
        assert_eq!(importance.mean_squares(0).unwrap().len() as u64, columns, "{name}");
    }
    let whole = trinity(arguments.iter().chain(&["--process-output"])).ok().text();
    assert!(whole.contains(&format!("importance of {} tensors", matrix.tensors.len() + 1)), "{whole}");
    // The file describes a model, but is none.
    trinity(["run", out_name, "x"]).fails(1, &["imatrix.gguf: an importance matrix"]);
}
