//! Plan's words → the kernel's. The only place, with `observe`, that knows both.

pub(crate) mod nft;
