//! Golden renderings, and programs that must be stopped.

mod golden;
mod hostile;
