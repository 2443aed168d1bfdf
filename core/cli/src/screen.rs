//! The live screen of `paper`: one page, drawn from a [`Status`] several times a second.
//!
//! Main thread only. A terminal on stdout gets the page, anything else a line every few seconds. The
//! terminal is given back at the end, on an error and on a panic. The window title carries the mode.

mod draw;

pub use draw::draw;

use claire_pipeline::clock::Clock;
use claire_pipeline::status::Status;
use claire_types::{Mode, MonoNs, WallNs};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, SetTitle};
use crossterm::{event, execute, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{self, IsTerminal, Stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where a run's status is shown.
pub enum View {
    /// A page on the terminal.
    Page(Page),
    /// A line on stderr every few seconds.
    Lines(Lines),
}

/// What the person at the keyboard wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    GoOn,
    /// End the run in order.
    Quit,
}

/// The page; gives the terminal back when dropped.
pub struct Page {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

/// Lines for logs and pipes.
#[derive(Debug)]
pub struct Lines {
    clock: Clock,
    last: Option<MonoNs>,
}

/// Time between two pages: five a second.
pub const PAGE_INTERVAL: Duration = Duration::from_millis(200);
/// Time between two lines.
pub const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Whether the terminal is ours and has to be given back.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

impl View {
    /// Opens a page where stdout is a terminal and `json` is not asked for, else lines.
    ///
    /// # Errors
    /// A terminal that refuses.
    pub fn open(mode: Mode, is_json: bool) -> io::Result<Self> {
        if is_json || !io::stdout().is_terminal() {
            return Ok(Self::Lines(Lines::new()));
        }
        Page::open(mode).map(Self::Page)
    }

    /// Shows the status and returns what was typed. Waits up to [`PAGE_INTERVAL`] for a key on a page.
    ///
    /// # Errors
    /// A terminal that went away.
    pub fn show(&mut self, status: &Status) -> io::Result<Wish> {
        match self {
            Self::Page(page) => page.show(status),
            // Before the first view there is nothing to say: a start may still be refused.
            Self::Lines(_) if status.engine_time == WallNs(0) => Ok(Wish::GoOn),
            Self::Lines(lines) => {
                let now = lines.clock.mono();
                lines.show(status, now);
                Ok(Wish::GoOn)
            }
        }
    }
}

impl Page {
    fn open(mode: Mode) -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst); // Only this thread and a panic hook look at it.
        let opened = || {
            let title = format!("claire {mode}");
            execute!(io::stdout(), EnterAlternateScreen, SetTitle(title))?;
            Terminal::new(CrosstermBackend::new(io::stdout()))
        };
        let terminal = opened().inspect_err(|_| restore())?;
        Ok(Self { terminal })
    }

    fn show(&mut self, status: &Status) -> io::Result<Wish> {
        self.terminal.draw(|frame| draw(frame, status))?;
        let mut wait = PAGE_INTERVAL;
        while event::poll(wait)? {
            // A key is there: what else was typed is read without waiting.
            wait = Duration::ZERO;
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && is_quit(key.code, key.modifiers)
            {
                return Ok(Wish::Quit);
            }
        }
        Ok(Wish::GoOn)
    }
}

/// In raw mode Ctrl-C is a key, not a signal.
fn is_quit(code: KeyCode, modifiers: KeyModifiers) -> bool {
    match code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back if it was taken; safe to call at any time, any number of times.
pub fn restore() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // Nothing better can be done with a terminal that refuses.
        let _ = terminal::disable_raw_mode();
        let _ = execute!(io::stdout(), LeaveAlternateScreen, crossterm::cursor::Show);
        crate::log::release();
    }
}

/// Returns whether a page is on the terminal.
pub fn is_taken() -> bool {
    IS_TAKEN.load(Ordering::SeqCst)
}

impl Lines {
    fn new() -> Self {
        Self {
            clock: Clock::start(),
            last: None,
        }
    }

    fn show(&mut self, status: &Status, now: MonoNs) {
        let is_due = self
            .last
            .is_none_or(|last| u128::from(now.since(last)) >= LINE_INTERVAL.as_nanos());
        if is_due {
            self.last = Some(now);
            crate::output::complain_raw(&format!("{}\n", line(status)));
        }
    }
}

/// Returns the status on one line.
pub fn line(status: &Status) -> String {
    let (flow, money) = (&status.flow, &status.money);
    let fills: u64 = status
        .strategies
        .iter()
        .map(|strategy| strategy.fills)
        .sum();
    let denials: u64 = status
        .strategies
        .iter()
        .map(|strategy| strategy.denials)
        .sum();
    format!(
        "{} {} {} frames {} ({}/s) errors {} fills {fills} denied {denials} net {} equity {} {}",
        status.mode,
        draw::uptime(status.uptime),
        status.state,
        flow.frames,
        flow.frames_per_s,
        flow.errors,
        money.net,
        money.equity,
        money.currency
    )
}

#[cfg(test)]
mod tests;
