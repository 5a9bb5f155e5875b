//! The binary; everything is in the library so that tests reach it.

fn main() -> std::process::ExitCode {
    brolga::entry::run(std::env::args_os().collect())
}
