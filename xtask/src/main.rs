//! Project chores: test, bench, tidy, gen.

fn main() {}
