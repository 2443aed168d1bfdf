//! Checks 6 and 7: whether what we see is true and fresh.
//!
//! Called by the gate through the table.

use super::{Case, Failure, Outcome};
use claire_types::{Amount, DurationNs, GateCode};

/// 6: the book is not proven, its connection silent, or it is quiet for too long.
#[inline]
pub(super) fn stale(case: &Case<'_>) -> Outcome {
    let Some(data) = case.inputs.data.filter(|data| data.is_proven) else {
        return Err(Failure::missing(GateCode::DataStale));
    };
    at_most(GateCode::DataStale, data.silent, case.limits.data_stale_ms)?;
    at_most(GateCode::DataStale, data.quiet, case.limits.quiet_max_ms)
}

/// 7: the venue is silent.
#[inline]
pub(super) fn silence(case: &Case<'_>) -> Outcome {
    let Some(data) = case.inputs.data else {
        return Err(Failure::missing(GateCode::DataSilence));
    };
    at_most(
        GateCode::DataSilence,
        data.venue_silent,
        case.limits.data_silence_ms,
    )
}

/// Limit and measurement stand in the record in seconds.
fn at_most(code: GateCode, age: DurationNs, limit_ms: u32) -> Outcome {
    let limit = DurationNs::from_ms(i64::from(limit_ms));
    if age < limit {
        return Ok(());
    }
    let seconds = |span: DurationNs| Amount(i128::from(span.0) * 1_000);
    Err(Failure::over(code, seconds(limit), seconds(age)))
}
