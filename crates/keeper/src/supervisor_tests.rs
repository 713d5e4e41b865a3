//! The states of programs.
