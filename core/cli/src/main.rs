//! The `claire` binary: all of it is in the library beside it, so that tests can reach it.

fn main() -> std::process::ExitCode {
    claire_cli::main()
}
