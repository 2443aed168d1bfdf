//! The workspace as files, and where recorded data is.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// All files of the workspace but build output, version control and data.
#[derive(Debug)]
pub struct Tree {
    /// In the order of their paths.
    pub files: Vec<File>,
}

/// One file.
#[derive(Debug)]
pub struct File {
    /// Path from the workspace's root, with `/`.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// The content, or `None` where it is not UTF-8.
    pub text: Option<String>,
}

/// Folders that are not the project's text, by their path from the root.
const SKIPPED: &[&str] = &[
    ".git",
    "target",
    "data",
    ".venv",
    "ffi/python/.venv",
    "benches/opponents/target",
    "core/venue/fuzz/target",
    "core/venue/fuzz/corpus",
    "core/venue/fuzz/artifacts",
];
/// Longer files are not read; the rule about size names them.
const READ_BYTES_MAX: u64 = 4 << 20;

impl Tree {
    /// Returns the workspace that this package stands in.
    ///
    /// # Errors
    /// What the file system says.
    pub fn read() -> io::Result<Self> {
        let mut files = Vec::new();
        collect(&root(), "", &mut files)?;
        files.sort_by(|one, two| one.path.cmp(&two.path));
        Ok(Self { files })
    }

    /// Returns the file, if there is one.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Returns the files whose path ends so, with their texts.
    pub fn texts<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(end))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }
}

/// Returns the workspace's root.
pub fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map(Path::to_path_buf).unwrap_or(package)
}

/// Returns the folder of recorded data: `CLAIRE_DATA`, else `../shared/data` beside the workspace.
///
/// `None`, after saying so on stderr, where there is neither: the caller's test is skipped and passes.
pub fn recorded_data(test: &str) -> Option<PathBuf> {
    let folder =
        env::var_os("CLAIRE_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED {test}: no recorded data in {}; set CLAIRE_DATA",
        folder.display()
    );
    None
}

fn collect(root: &Path, folder: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = if folder.is_empty() {
            name.into_owned()
        } else {
            format!("{folder}/{name}")
        };
        let kind = entry.file_type()?;
        if SKIPPED.contains(&path.as_str()) {
            continue;
        } else if kind.is_dir() {
            collect(root, &path, files)?;
        } else if kind.is_file() {
            let len = entry.metadata()?.len();
            let text = (len <= READ_BYTES_MAX)
                .then(|| fs::read(entry.path()))
                .transpose()?
                .and_then(|bytes| String::from_utf8(bytes).ok());
            files.push(File { path, len, text });
        }
    }
    Ok(())
}
