//! What every test of the binary runs it in: a folder of its own, and nothing of the caller's settings.

#[allow(dead_code, reason = "a test program uses its part")]
pub mod running;

use std::path::Path;
use std::process::Command;

/// Returns the command in this folder and without the caller's `CLAIRE_` variables.
pub fn alone(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CLAIRE_") {
            command.env_remove(name);
        }
    }
    command
}
