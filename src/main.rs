//! The `undercurrent` program.

fn main() -> std::process::ExitCode {
    undercurrent::cli::run()
}
