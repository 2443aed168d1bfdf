//! The forms of a recorded line, read without floating point.
//!
//! Called by `source::cursor` for every line, on the feed thread. It never fails: a line that is no
//! known form is a [`Form::Fault`].
#![forbid(unsafe_code)]

use super::fault::LineFaultKind;
use claire_types::WallNs;

/// What a line is. Offsets are bytes from the line's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `<recv ns> <frame>` or `<epoch seconds>: <frame>`.
    Frame {
        /// Receive time.
        recv: WallNs,
        /// Where the frame begins.
        frame: usize,
    },
    /// `<URL> -> <epoch seconds>: <body>`.
    Body {
        /// Where the URL, which begins the line, ends.
        url_end: usize,
        /// Receive time.
        recv: WallNs,
        /// Where the body begins.
        frame: usize,
    },
    /// `<URL> <-> <epoch seconds>`: a connection was opened.
    Connection {
        /// Where the URL, which begins the line, ends.
        url_end: usize,
    },
    /// The recorder's own configuration.
    Configuration,
    /// Nothing but white space.
    Blank,
    /// No such thing.
    Fault(LineFaultKind),
}

/// Returns what the line, without its line end, is.
#[inline]
pub(super) fn form_of(line: &[u8]) -> Form {
    match nineteen_digits(line) {
        Some(recv) => frame_after(line, STAMP_DIGITS, recv),
        None => form_of_other(line),
    }
}

/// Returns the stamp of a line that begins with 19 digits and a space: every stamp from 2001 to 2262.
#[inline]
fn nineteen_digits(line: &[u8]) -> Option<WallNs> {
    stamp_of(line.first_chunk()?)
}

/// Returns the time of 19 digits and the space after them.
#[inline]
pub(super) fn stamp_of(stamp: &[u8; STAMP_BYTES]) -> Option<WallNs> {
    let [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        j,
        k,
        l,
        m,
        n,
        o,
        p,
        q,
        r,
        s,
        b' ',
    ] = *stamp
    else {
        return None;
    };
    let high = eight_digits([a, b, c, d, e, f, g, h])?;
    let middle = eight_digits([i, j, k, l, m, n, o, p])?;
    let low = [q, r, s].into_iter().try_fold(0, |low, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit <= 9).then_some(low * 10 + u64::from(digit))
    })?;
    let ns = (high * 100_000_000 + middle) * 1_000 + low;
    let recv = WallNs(i64::try_from(ns).ok()?);
    is_possible(recv).then_some(recv)
}

/// Returns whether a frame can have been received then.
#[inline]
pub(super) fn is_possible(recv: WallNs) -> bool {
    (RECV_MIN..RECV_MAX).contains(&recv)
}

/// Receive times begin with 1970: a made recording may count from there.
pub const RECV_MIN: WallNs = WallNs(0);
/// Receive times end with 2199: what is added to one, as 60 years of repeated sessions, still fits.
pub const RECV_MAX: WallNs = WallNs(7_258_118_400_000_000_000);

/// Returns the number of eight ASCII digits, first digit first.
#[inline]
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(bytes);
    let is_digits = word & HIGH_HALVES == ZEROS
        && word.wrapping_add(0x0606_0606_0606_0606) & HIGH_HALVES == ZEROS;
    let pairs = (word & !HIGH_HALVES).wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    is_digits.then(|| fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
const ZEROS: u64 = 0x3030_3030_3030_3030;
const STAMP_DIGITS: usize = 19;
/// A stamp's digits and the space after them.
pub(super) const STAMP_BYTES: usize = STAMP_DIGITS + 1;

fn form_of_other(line: &[u8]) -> Form {
    match line.first() {
        None => Form::Blank,
        Some(b'0'..=b'9') => stamped(line),
        Some(b'{' | b'[') => Form::Fault(LineFaultKind::NoTime),
        Some(_) if line.iter().all(u8::is_ascii_whitespace) => Form::Blank,
        Some(_) if line.starts_with(b"configuration: ") => Form::Configuration,
        Some(_) if is_url(line) => of_url(line),
        Some(_) => Form::Fault(LineFaultKind::Unknown),
    }
}

fn is_url(line: &[u8]) -> bool {
    let schemes: [&[u8]; 4] = [b"https://", b"http://", b"wss://", b"ws://"];
    schemes.iter().any(|scheme| line.starts_with(scheme))
}

fn of_url(line: &[u8]) -> Form {
    let url_end = memchr::memchr(b' ', line).unwrap_or(line.len());
    let after = &line[url_end..];
    if std::str::from_utf8(&line[..url_end]).is_err() {
        return Form::Fault(LineFaultKind::Url);
    }
    if after.starts_with(b" <-> ") {
        return Form::Connection { url_end };
    }
    if !after.starts_with(REST_ARROW) {
        return Form::Fault(LineFaultKind::Unknown);
    }
    let stamp = url_end + REST_ARROW.len();
    match stamped(&line[stamp..]) {
        Form::Frame { recv, frame } => Form::Body {
            url_end,
            recv,
            frame: stamp + frame,
        },
        Form::Fault(what) => Form::Fault(what),
        _ => Form::Fault(LineFaultKind::Unknown),
    }
}

const REST_ARROW: &[u8] = b" -> ";

/// Reads a stamp of any length: whole nanoseconds before a space, or seconds with a fraction before a colon.
fn stamped(line: &[u8]) -> Form {
    let whole_end = digits_end(line, 0);
    let (fraction_end, ns) = match line.get(whole_end) {
        Some(b' ') => (whole_end, whole(&line[..whole_end])),
        Some(b':') => (whole_end, seconds(&line[..whole_end], &[])),
        Some(b'.') => {
            let end = digits_end(line, whole_end + 1);
            let ns = seconds(&line[..whole_end], &line[whole_end + 1..end]);
            (end, ns.filter(|_| line.get(end) == Some(&b':')))
        }
        Some(_) => (whole_end, None),
        None => return Form::Fault(LineFaultKind::NoFrame),
    };
    let colon = usize::from(line.get(fraction_end) == Some(&b':'));
    match ns {
        Some(ns) if is_possible(WallNs(ns)) => frame_after(line, fraction_end + colon, WallNs(ns)),
        Some(ns) => Form::Fault(LineFaultKind::TimeRange(WallNs(ns))),
        None => Form::Fault(LineFaultKind::Time),
    }
}

fn digits_end(line: &[u8], start: usize) -> usize {
    let digits = line[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    start + digits.count()
}

fn whole(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |number, digit| {
        number
            .checked_mul(10)?
            .checked_add(i64::from(digit.wrapping_sub(b'0')))
    })
}

/// Returns the nanoseconds of seconds and their fraction; digits below a nanosecond are cut.
fn seconds(digits: &[u8], fraction: &[u8]) -> Option<i64> {
    let kept = &fraction[..fraction.len().min(9)];
    let scale = 10_i64.checked_pow(9 - kept.len() as u32)?;
    whole(digits)?
        .checked_mul(claire_types::time::NS_PER_S)?
        .checked_add(whole(kept)?.checked_mul(scale)?)
}

/// Returns the frame after the stamp, one space between them.
#[inline]
fn frame_after(line: &[u8], stamp_end: usize, recv: WallNs) -> Form {
    let frame = stamp_end + usize::from(line.get(stamp_end) == Some(&b' '));
    match line.get(frame) {
        Some(byte) if *byte > b' ' => Form::Frame { recv, frame },
        _ => Form::Fault(LineFaultKind::NoFrame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        let outside = |recv| Form::Fault(LineFaultKind::TimeRange(WallNs(recv)));
        let frame = |recv, frame| Form::Frame {
            recv: WallNs(recv),
            frame,
        };
        let cases: &[(&str, Form)] = &[
            (
                "1723161253937085768 {}",
                frame(1_723_161_253_937_085_768, 20),
            ),
            ("7258118399999999999 {}", frame(RECV_MAX.0 - 1, 20)),
            ("7258118400000000000 {}", outside(RECV_MAX.0)),
            ("0 {}", frame(0, 2)),
            ("0000000000000000000 {}", frame(0, 20)),
            ("9223372036854775807 {}", outside(i64::MAX)),
            ("9223372036854775808 {}", Form::Fault(LineFaultKind::Time)),
            ("99999999999999999999 {}", Form::Fault(LineFaultKind::Time)),
            ("17 {}", frame(17, 3)),
            ("172316125393708576x {}", Form::Fault(LineFaultKind::Time)),
            ("1723161253937085768", Form::Fault(LineFaultKind::NoFrame)),
            ("1723161253937085768 ", Form::Fault(LineFaultKind::NoFrame)),
            (
                "1633998512.0633569: {}",
                frame(1_633_998_512_063_356_900, 20),
            ),
            ("1626992741.06217: {}", frame(1_626_992_741_062_170_000, 18)),
            ("1626992741.0: {}", frame(1_626_992_741_000_000_000, 14)),
            ("1626992741: {}", frame(1_626_992_741_000_000_000, 12)),
            (
                "1633998512.1234567899: {}",
                frame(1_633_998_512_123_456_789, 23),
            ),
            ("1.1234567899: {}", frame(1_123_456_789, 14)),
            ("9223372036.0: {}", outside(9_223_372_036_000_000_000)),
            ("9223372037.0: {}", Form::Fault(LineFaultKind::Time)),
            ("1626992741.5 {}", Form::Fault(LineFaultKind::Time)),
            ("1626992741.5:", Form::Fault(LineFaultKind::NoFrame)),
            ("{\"e\":1}", Form::Fault(LineFaultKind::NoTime)),
            ("wss://a/b <-> 1.5", Form::Connection { url_end: 9 }),
            ("wss://a/b", Form::Fault(LineFaultKind::Unknown)),
            ("https://a?b -> x: {}", Form::Fault(LineFaultKind::Time)),
            ("configuration: {}", Form::Configuration),
            ("", Form::Blank),
            (" \t", Form::Blank),
            ("hello", Form::Fault(LineFaultKind::Unknown)),
            (
                "https://a?b -> 1500000000.5: {}",
                Form::Body {
                    url_end: 11,
                    recv: WallNs(1_500_000_000_500_000_000),
                    frame: 29,
                },
            ),
        ];
        for (line, want) in cases {
            assert_eq!(form_of(line.as_bytes()), *want, "{line:?}");
        }
    }

    #[test]
    fn eight_digits_are_read_as_the_standard_library_reads_them() {
        for number in (0..100_000_000_u64).step_by(9_973) {
            let text = format!("{number:08}");
            let bytes = text.as_bytes().try_into().expect("eight digits");
            assert_eq!(eight_digits(bytes), Some(number));
        }
        for place in 0..8 {
            for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_digit()) {
                let mut bytes = *b"12345678";
                bytes[place] = byte;
                assert_eq!(eight_digits(bytes), None, "{byte} at {place}");
            }
        }
    }
}
