//! What must hold of a file whatever its bytes: the fuzz target calls it.

use crate::{Container, Layout, TensorInfo, Writer};

/// Whatever the bytes: refused, or accepted and then written and read again to the same.
///
/// # Panics
/// If one of that is not so.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let Ok(container) = Container::from_bytes("fuzz", data.to_vec()) else { return };
    // What can be read only, and only as long as nothing moves, is not written.
    if container.tensors().iter().any(|t| t.layout == Layout::Tl2) {
        return;
    }
    let tensors = container.tensors().iter().map(TensorInfo::spec).collect();
    let mut writer = Writer::new(Vec::new(), container.metadata(), tensors)
        .unwrap_or_else(|e| panic!("accepted, but not written: {e}"));
    for tensor in container.tensors() {
        writer.tensor(&container.bytes(tensor)).unwrap_or_else(|e| panic!("accepted, but not written: {e}"));
    }
    let bytes = writer.finish().unwrap_or_else(|e| panic!("accepted, but not written: {e}"));
    let again = Container::from_bytes("again", bytes).unwrap_or_else(|e| panic!("written, but not read: {e}"));
    // Compared as text, in which NaN equals NaN.
    let text =
        |container: &Container| container.metadata().iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>();
    assert_eq!(text(&again), text(&container));
    assert_eq!(again.tensors().len(), container.tensors().len());
    for (a, b) in again.tensors().iter().zip(container.tensors()) {
        assert_eq!((&a.name, &a.dims, a.layout), (&b.name, &b.dims, b.layout));
        assert_eq!(*again.bytes(a), *container.bytes(b), "{}", a.name);
    }
}
