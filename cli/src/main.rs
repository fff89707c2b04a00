//! The `tracelane` command.
fn main() {}
