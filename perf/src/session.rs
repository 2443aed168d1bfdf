//! The session that is replayed: recorded where there is one, else made; always unpacked, as the bar asks.
//!
//! Called by `main` once. What was unpacked or made stands in a temporary folder, which goes with the session. The
//! binary runs in that folder: no configuration that happens to lie around is measured.

use anyhow::{Context, Result};
use claire_sim::write_recording;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A session in a plain file.
pub struct Session {
    path: PathBuf,
    description: String,
    folder: TempDir,
}

/// The recorded session of the bar, 346 s of spot BTCUSDT, in the folder of recorded data.
const RECORDED: &str = "binance_ws/spot_btcusdt_20240808.txt.gz";
const SEED: u64 = 20_261_128;

impl Session {
    /// Opens the named file, else the recorded session, else makes one of `made_seconds`.
    ///
    /// # Errors
    /// Where a file cannot be read or written.
    pub fn open(named: Option<&Path>, made_seconds: u32) -> Result<Self> {
        if let Some(path) = named {
            return Self::recorded(path);
        }
        let folder = std::env::var_os("CLAIRE_DATA");
        let recorded = folder.map(|folder| Path::new(&folder).join(RECORDED));
        match recorded.filter(|path| path.is_file()) {
            Some(path) => Self::recorded(&path),
            None => Self::made(made_seconds),
        }
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the empty folder that the binary runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns what it is, for the report.
    pub fn description(&self) -> &str {
        &self.description
    }

    fn recorded(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let description = format!("recorded: {name}, unpacked");
        let reading = || format!("read {}", path.display());
        if path.extension().is_none_or(|extension| extension != "gz") {
            return Ok(Self {
                path: path.canonicalize().with_context(reading)?,
                description: format!("recorded: {name}"),
                folder: folder()?,
            });
        }
        let packed = File::open(path).with_context(reading)?;
        Self::written(description, |out| {
            std::io::copy(&mut GzDecoder::new(packed), out).with_context(reading)?;
            Ok(())
        })
    }

    fn made(seconds: u32) -> Result<Self> {
        eprintln!(
            "claire-perf: no recorded session (CLAIRE_DATA): {seconds} s are made; figures do not compare with the recorded one's"
        );
        let description =
            format!("MADE, not recorded: {seconds} s of the bundled market, seed {SEED}");
        Self::written(description, |out| Ok(write_recording(out, SEED, seconds)?))
    }

    fn written(
        description: String,
        write: impl FnOnce(&mut BufWriter<&File>) -> Result<()>,
    ) -> Result<Self> {
        let folder = folder()?;
        let path = folder.path().join("session.txt");
        let file = File::create(&path).context("a temporary file")?;
        let mut out = BufWriter::new(&file);
        write(&mut out)?;
        out.flush().context("write the session")?;
        Ok(Self {
            path,
            description,
            folder,
        })
    }
}

fn folder() -> Result<TempDir> {
    TempDir::new().context("a temporary folder")
}
