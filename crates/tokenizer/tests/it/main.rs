//! Golden vectors, laws and limits of the tokenizers.

#[cfg(test)]
mod errors;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod limits;
mod odd;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod special;
#[cfg(test)]
mod support;
