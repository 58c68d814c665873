//! Templates of well-known formats, for models whose file brings none. Written for this project from the formats'
//! public descriptions; a system message is put where the format has a place for it, else before the first user's
//! words.

use crate::Error;

/// The names that [`Template::builtin`](crate::Template::builtin) knows.
pub const BUILTIN_NAMES: [&str; 13] = [
    "alpaca",
    "bitnet",
    "chatml",
    "falcon3",
    "gemma",
    "granite",
    "llama2",
    "llama3",
    "mistral",
    "phi3",
    "rwkv-world",
    "vicuna",
    "zephyr",
];

/// The source of a built-in template.
pub(crate) fn source(name: &str) -> Result<&'static str, Error> {
    Ok(match name {
        "alpaca" => include_str!("builtin/alpaca.jinja"),
        "bitnet" => include_str!("builtin/bitnet.jinja"),
        "chatml" => include_str!("builtin/chatml.jinja"),
        "falcon3" => include_str!("builtin/falcon3.jinja"),
        "gemma" => include_str!("builtin/gemma.jinja"),
        "granite" => include_str!("builtin/granite.jinja"),
        "llama2" => include_str!("builtin/llama2.jinja"),
        "llama3" => include_str!("builtin/llama3.jinja"),
        "mistral" => include_str!("builtin/mistral.jinja"),
        "phi3" => include_str!("builtin/phi3.jinja"),
        "rwkv-world" => include_str!("builtin/rwkv-world.jinja"),
        "vicuna" => include_str!("builtin/vicuna.jinja"),
        "zephyr" => include_str!("builtin/zephyr.jinja"),
        _ => {
            return Err(Error::UnknownBuiltin { name: crate::error::one_line(name) });
        }
    })
}
