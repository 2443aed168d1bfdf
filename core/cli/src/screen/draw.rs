//! The page itself: header, instruments, strategies, fills, latency, notes.
//!
//! Pure: from a status to cells of any size of terminal, the smallest included.

use claire_pipeline::status::Status;
use claire_pipeline::status::board::clock;
use claire_pipeline::summary::span;
use claire_types::TradingState;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table};
use std::time::Duration;

/// Draws the page.
pub fn draw(frame: &mut Frame<'_>, status: &Status) {
    let rows = |count: usize| Constraint::Length(u16::try_from(count + 2).unwrap_or(u16::MAX));
    let areas: [Rect; 6] = Layout::vertical([
        Constraint::Length(3),
        rows(status.instruments.len().max(1)),
        rows(status.strategies.len().max(1)),
        Constraint::Min(4),
        rows(status.latencies.len().max(1)),
        Constraint::Length(4),
    ])
    .areas(frame.area());
    header(frame, areas[0], status);
    instruments(frame, areas[1], status);
    strategies(frame, areas[2], status);
    fills(frame, areas[3], status);
    latencies(frame, areas[4], status);
    notes(frame, areas[5], status);
}

fn header(frame: &mut Frame<'_>, area: Rect, status: &Status) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let (money, flow) = (&status.money, &status.flow);
    let cause = status.state_cause.as_deref().unwrap_or_default();
    let lines = vec![
        Line::from(vec![
            Span::styled(format!("claire {}", status.mode), bold),
            Span::raw(format!("  {}  ", uptime(status.uptime))),
            Span::styled(status.state.to_string(), state_style(status.state)),
            Span::raw(format!(" {cause}  {}  q quits", status.engine_time)),
        ]),
        Line::from(format!(
            "equity {} {}  net {}  realized {}  unrealized {}  fees {}",
            money.equity, money.currency, money.net, money.realized, money.unrealized, money.fees
        )),
        Line::from(format!(
            "frames {} ({}/s)  events {}  errors {}  gaps {}  store lag {}",
            flow.frames, flow.frames_per_s, flow.events, flow.errors, flow.gaps, flow.store_lag
        )),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

fn instruments(frame: &mut Frame<'_>, area: Rect, status: &Status) {
    let heads = [
        "instrument",
        "bid",
        "ask",
        "spread",
        "last",
        "position",
        "average",
        "unrealized",
    ];
    let rows = status.instruments.iter().map(|one| {
        let key = if one.is_stale {
            format!("{} STALE", one.key)
        } else {
            one.key.to_string()
        };
        let cells = [
            key,
            one.bid.clone(),
            one.ask.clone(),
            one.spread.clone(),
            one.last.clone(),
            one.position.clone(),
            one.average.clone(),
            one.unrealized.clone(),
        ];
        let style = if one.is_stale {
            Style::new().fg(Color::Yellow)
        } else {
            Style::new()
        };
        Row::new(cells).style(style)
    });
    table(frame, area, &heads, rows.collect(), 28);
}

fn strategies(frame: &mut Frame<'_>, area: Rect, status: &Status) {
    let heads = [
        "strategy", "state", "signals", "orders", "fills", "denied", "net",
    ];
    let rows = status.strategies.iter().map(|one| {
        let cells = [
            format!("{} {}", one.name, one.market),
            one.state.to_string(),
            one.signals.to_string(),
            one.orders.to_string(),
            one.fills.to_string(),
            one.denials.to_string(),
            one.net.clone(),
        ];
        Row::new(cells).style(state_style(one.state))
    });
    table(frame, area, &heads, rows.collect(), 28);
}

fn latencies(frame: &mut Frame<'_>, area: Rect, status: &Status) {
    let heads = ["latency", "n", "p50", "p99"];
    let rows = status.latencies.iter().map(|one| {
        Row::new([
            one.stage.clone(),
            one.count.to_string(),
            span(one.p50_ns),
            span(one.p99_ns),
        ])
    });
    table(frame, area, &heads, rows.collect(), 28);
}

fn table(frame: &mut Frame<'_>, area: Rect, heads: &[&str], rows: Vec<Row<'_>>, first: u16) {
    let widths = heads.iter().enumerate().map(|(index, _)| match index {
        0 => Constraint::Length(first),
        _ => Constraint::Length(11),
    });
    let head = Row::new(heads.iter().map(|head| head.to_string()));
    let head = head.style(Style::new().add_modifier(Modifier::BOLD));
    let block = Block::new().borders(Borders::TOP);
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

fn fills(frame: &mut Frame<'_>, area: Rect, status: &Status) {
    let lines = status.fills.iter().map(|fill| {
        Line::from(format!(
            "{}  {}  {} {} @ {}  {}",
            clock(fill.at),
            fill.key,
            fill.side,
            fill.qty,
            fill.price,
            fill.explanation
        ))
    });
    listed(frame, area, "fills", lines.collect());
}

fn notes(frame: &mut Frame<'_>, area: Rect, status: &Status) {
    let lines = status.notes.iter().map(|note| Line::from(note.as_str()));
    listed(frame, area, "notes", lines.collect());
}

fn listed(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'_>>) {
    let block = Block::new().borders(Borders::TOP).title(title);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn state_style(state: TradingState) -> Style {
    match state {
        TradingState::Active => Style::new(),
        TradingState::Reducing => Style::new().fg(Color::Yellow),
        TradingState::Halted | TradingState::Killed => Style::new().fg(Color::Red),
    }
}

/// Returns `1d 02:03:04`, without days where there are none.
pub fn uptime(span: Duration) -> String {
    let s = span.as_secs();
    let clock = format!("{:02}:{:02}:{:02}", s / 3_600 % 24, s / 60 % 60, s % 60);
    match s / 86_400 {
        0 => clock,
        days => format!("{days}d {clock}"),
    }
}
