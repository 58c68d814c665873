//! End to end: the real binary on real files; what it prints, where, and its exit code.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod adapters;
mod attention_window;
mod bad_input;
mod chat;
#[cfg(unix)]
mod chat_screen;
#[cfg(unix)]
mod chat_terminal;
mod convert;
mod convert_folder;
mod convert_lookup;
mod doctor;
mod embed;
mod encoders;
mod eval_choice;
mod eval_compare;
mod eval_imatrix;
mod eval_kl;
mod eval_noise;
mod evaluate;
mod i2s_order;
mod inspect;
mod inspect_ternary;
mod interface;
mod kg;
mod kg_serve;
mod metadata;
mod models;
mod names;
#[cfg(unix)]
mod names_terminal;
mod program;
mod quantize;
mod run;
mod running;
#[cfg(unix)]
mod samples;
mod seal;
mod serve;
mod serve_engine;
mod serve_files;
mod serve_log;
mod serve_sampling;
mod serve_tenants;
mod server_process;
mod states;
mod templates;
#[cfg(unix)]
mod terminal;
mod ternary_options;
mod tri_format;
mod vsa;
mod windows;
