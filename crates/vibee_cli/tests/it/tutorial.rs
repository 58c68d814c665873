//! The tutorial, command by command.
