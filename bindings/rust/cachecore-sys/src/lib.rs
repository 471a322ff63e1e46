//! Raw declarations of libcachecore, as they are in its header, `cachecore.h`.
//!
//! The header is the manual: what each function does, who owns what, which statuses there are.  Names are the
//! header's, so that they can be looked up there.  Programs use the safe crate, `cachecore`.
//!
//! The test `layout` compiles a C program with the header, and compares every size, offset and constant with
//! what is declared here, and the list of functions with the header's.

#![allow(non_camel_case_types)]

pub mod constants;
pub mod functions;
pub mod structs;

pub use constants::*;
pub use functions::*;
pub use structs::*;
