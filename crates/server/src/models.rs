//! The models that are served.

/// All models that can be asked for.
#[derive(Clone, Default, Debug)]
pub struct Models {}
