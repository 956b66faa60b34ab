//! The `undercurrent` program.

fn main() {}
