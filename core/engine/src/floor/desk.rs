//! The floor as a strategy's desk: every method concerns the strategy whose call runs.
//!
//! Called by strategies on the engine thread, through [`Desk`].

use super::bars::imbalance;
use super::seat::{BARS_MAX, DeclaredBars, DeclaredIndicator, INDICATORS_MAX};
use super::{Floor, Phase};
use crate::convert::{price_to_f64, qty_from_f64, qty_to_f64};
use crate::indicator::{IndicatorSpec, SpecFault};
use crate::market::{Bars, KEPT_BARS_MAX, KeptBars};
use crate::risk::Purpose;
use crate::strategy::{
    BarsId, BracketRequest, Desk, DeskFault, IndicatorId, IndicatorSource, IndicatorView,
    MarketFacts, NoteLevel, OrderHandle, OrderRequest, OrderView, ProtectRequest, QuoteRequest,
    StopRequest,
};
use crate::timers::TimerFault;
use claire_types::record::{NoteKind, NoteRecord, Plot, Signal};
use claire_types::{
    Amount, GateCode, InstrumentId, Note, OrderFlags, OrderReason, Price, Qty, Record, Side,
};
use std::num::NonZeroU32;

/// Shortest bars: 1 s; longest: 1 day.
const BAR_MS: std::ops::RangeInclusive<i64> = 1_000..=86_400_000;

impl Desk for Floor {
    fn primary(&self) -> InstrumentId {
        self.seat(self.caller)
            .map_or(InstrumentId::NONE, |seat| seat.primary)
    }

    fn market(&mut self, name: &str) -> Option<InstrumentId> {
        let key = name.parse().ok()?;
        let instrument = self.find(&key)?;
        self.watch(self.caller, instrument).then_some(instrument)
    }

    fn facts(&self, market: InstrumentId) -> &MarketFacts {
        let seat = self.seat(self.caller);
        let found = seat.and_then(|seat| seat.facts.iter().find(|(id, _)| *id == market));
        found.map_or(&MarketFacts::UNKNOWN, |(_, facts)| facts)
    }

    fn level(&self, market: InstrumentId, side: Side, rank: usize) -> Option<(f64, f64)> {
        self.level_f64(market, side, rank)
    }

    fn imbalance(&self, market: InstrumentId, levels: usize) -> f64 {
        let market = self.market_of(market);
        // Of a book that is not proven any more what is left says nothing. No call comes amid a frame.
        let known = market.filter(|market| market.book.book().is_synced());
        known.map_or(0.0, |market| imbalance(&market.book, levels))
    }

    fn place(&mut self, request: &OrderRequest) -> OrderHandle {
        self.request(request, Purpose::Order)
    }

    fn quote(&mut self, quote: &QuoteRequest) -> OrderHandle {
        self.keep_quote(quote)
    }

    fn protect(&mut self, protection: &ProtectRequest) -> OrderHandle {
        self.set_protection(protection)
    }

    fn stop(&mut self, stop: &StopRequest) -> OrderHandle {
        self.hold_stop(stop)
    }

    fn bracket(&mut self, bracket: &BracketRequest) -> OrderHandle {
        self.place_bracket(bracket)
    }

    fn replace(&mut self, handle: OrderHandle, price: f64, qty: f64) -> OrderHandle {
        self.replace_order(handle, price, qty)
    }

    fn order(&self, handle: OrderHandle) -> OrderView {
        self.order_view(handle)
    }

    fn cancel(&mut self, handle: OrderHandle) {
        self.cancel_own(handle.order);
    }

    fn cancel_all(&mut self, market: InstrumentId) {
        let reason = OrderReason::CancelledByStrategy;
        self.drop_waiting(self.caller, reason, |waiting| waiting.market == market);
        self.stage_cancels(reason, |order| order.instrument == market);
    }

    fn flatten(&mut self, market: InstrumentId, reason: &str) -> OrderHandle {
        self.close(market, Note::cut(reason))
    }

    fn target_position(&mut self, market: InstrumentId, qty: f64, reason: &str) -> OrderHandle {
        let refused = OrderHandle {
            denied: GateCode::BadOrder,
            ..OrderHandle::NONE
        };
        let Some(facts) = self.instrument(market).copied() else {
            return OrderHandle {
                denied: GateCode::Instrument,
                ..OrderHandle::NONE
            };
        };
        let valued_at = self.mid_price(market).unwrap_or(Price(0));
        let Some(target) = qty_from_f64(qty.abs(), valued_at, &facts) else {
            return refused;
        };
        let target = if qty < 0.0 { -target.0 } else { target.0 };
        let scope = self.scope(self.caller, market);
        let working = scope.working.buy.0.saturating_sub(scope.working.sell.0);
        let held = scope.position.0.saturating_add(working);
        let missing = target.saturating_sub(held);
        let step = facts.step.0.max(1);
        if missing.saturating_abs() < step {
            return OrderHandle::NONE;
        }
        let side = if missing > 0 { Side::Buy } else { Side::Sell };
        let reduces = missing.signum() == -scope.position.0.signum()
            && missing.unsigned_abs() <= scope.exit_room(side).0.unsigned_abs();
        let request = OrderRequest {
            market,
            side,
            qty: qty_to_f64(Qty(missing.saturating_abs()), valued_at, &facts),
            price: None,
            flags: if reduces {
                OrderFlags::REDUCE_ONLY
            } else {
                OrderFlags::NONE
            },
            reason: Note::cut(reason),
        };
        self.request(&request, Purpose::Order)
    }

    fn qty_for(&self, market: InstrumentId, notional: f64) -> f64 {
        let Some(facts) = self.instrument(market) else {
            return 0.0;
        };
        let mid = self.mid_price(market).unwrap_or(Price(0));
        let price = price_to_f64(mid, facts);
        if price <= 0.0 || self.facts(market).mid <= 0.0 {
            // Also where no book was proven yet: what came of it so far says nothing.
            return 0.0;
        }
        let qty = qty_from_f64(notional / price, mid, facts);
        qty.map_or(0.0, |qty| qty_to_f64(qty, mid, facts))
    }

    fn qty_at_risk(&self, market: InstrumentId, share: f64, stop: f64) -> f64 {
        let Some(facts) = self.instrument(market) else {
            return 0.0;
        };
        let numbers = self.facts(market);
        let distance = (numbers.mid - stop).abs();
        if distance.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) || numbers.mid <= 0.0 {
            return 0.0;
        }
        let mid = self.mid_price(market).unwrap_or(Price(0));
        let qty = qty_from_f64(numbers.budget * share / distance, mid, facts);
        qty.map_or(0.0, |qty| qty_to_f64(qty, mid, facts))
    }

    fn bars(&mut self, market: InstrumentId, interval_ms: i64) -> Result<BarsId, DeskFault> {
        let (caller, phase) = (self.caller, self.seat(self.caller).map(|seat| seat.phase));
        if phase != Some(Phase::Init) {
            return Err(DeskFault::OutsideInit);
        }
        let length = u32::try_from(interval_ms).ok().and_then(NonZeroU32::new);
        let length = length
            .filter(|_| BAR_MS.contains(&interval_ms))
            .ok_or(DeskFault::Argument)?;
        let place = self
            .markets
            .get_mut(market.index())
            .ok_or(DeskFault::Argument)?;
        let number = match place.bars_number(interval_ms) {
            Some(number) => number,
            None => {
                place.bars.push(Bars::new(length, place.instrument.scale));
                self.saved.before.bars_made(market);
                place.kept.push(KeptBars::new());
                place.bars.len() - 1
            }
        };
        let kept = place.kept.get(number).map_or(0, KeptBars::len);
        let number = u16::try_from(number).map_err(|_| DeskFault::Capacity)?;
        let seat = self
            .seats
            .get_mut(caller.index())
            .ok_or(DeskFault::OutsideInit)?;
        if let Some(id) = seat.bars_id(market, number) {
            return Ok(id);
        }
        if seat.bars.len() >= BARS_MAX {
            return Err(DeskFault::Capacity);
        }
        seat.bars.push(DeclaredBars {
            market,
            number,
            interval_ms,
            closed: u32::try_from(kept).unwrap_or(u32::MAX),
        });
        seat.bars_id(market, number).ok_or(DeskFault::Capacity)
    }

    fn indicator(
        &mut self,
        source: IndicatorSource,
        kind: &str,
        arguments: &[f64],
    ) -> Result<IndicatorId, DeskFault> {
        let caller = self.caller;
        let seat = self.seat(caller).ok_or(DeskFault::OutsideInit)?;
        if seat.phase != Phase::Init {
            return Err(DeskFault::OutsideInit);
        }
        if seat.indicators.len() >= INDICATORS_MAX {
            return Err(DeskFault::Capacity);
        }
        let spec = IndicatorSpec::from_name(kind, arguments).map_err(|fault| match fault {
            SpecFault::Unknown => DeskFault::UnknownKind,
            fault => DeskFault::Indicator(fault),
        })?;
        if !spec.definition().takes(source.kind()) {
            return Err(DeskFault::Indicator(SpecFault::Source(spec.definition())));
        }
        let indicator = self.indicator_for(seat, source, spec);
        let seat = self
            .seats
            .get_mut(caller.index())
            .ok_or(DeskFault::OutsideInit)?;
        seat.indicators
            .push(DeclaredIndicator { source, indicator });
        u16::try_from(seat.indicators.len() - 1)
            .map(IndicatorId)
            .map_err(|_| DeskFault::Capacity)
    }

    fn indicator_value(&self, id: IndicatorId, output: u8) -> IndicatorView {
        let seat = self.seat(self.caller);
        let Some(declared) = seat.and_then(|seat| seat.indicators.get(usize::from(id.0))) else {
            return IndicatorView::default();
        };
        let output = usize::from(output);
        IndicatorView {
            value: declared.indicator.output(output),
            prev: declared.indicator.output_prev(output),
            is_warm: declared.indicator.is_warm(),
        }
    }

    fn warmup(&mut self, bars: i64) -> Result<(), DeskFault> {
        let caller = self.caller;
        let seat = self
            .seats
            .get_mut(caller.index())
            .filter(|seat| seat.phase == Phase::Init)
            .ok_or(DeskFault::OutsideInit)?;
        let count = u32::try_from(bars).map_err(|_| DeskFault::Argument)?;
        if usize::try_from(count).is_ok_and(|count| count > KEPT_BARS_MAX) {
            return Err(DeskFault::Argument);
        }
        seat.warmup = Some(count);
        Ok(())
    }

    fn every(&mut self, ms: i64, name: &str) -> Result<(), DeskFault> {
        let now = self.now;
        let seat = self
            .seats
            .get_mut(self.caller.index())
            .ok_or(DeskFault::OutsideInit)?;
        seat.timers.every(now, ms, name).map_err(desk_fault)
    }

    fn after(&mut self, ms: i64, name: &str) -> Result<(), DeskFault> {
        let now = self.now;
        let seat = self
            .seats
            .get_mut(self.caller.index())
            .ok_or(DeskFault::OutsideInit)?;
        seat.timers.after(now, ms, name).map_err(desk_fault)
    }

    fn stop_timer(&mut self, name: &str) {
        if let Some(seat) = self.seats.get_mut(self.caller.index()) {
            seat.timers.stop(name);
        }
    }

    fn signal(&mut self, side: Side, strength: f64, reason: &str) {
        let strength = Amount::from_f64(strength).unwrap_or(Amount::ZERO);
        let reason = Note::cut(reason);
        let (caller, market) = (self.caller, self.primary());
        if let Some(seat) = self.seats.get_mut(caller.index()) {
            seat.signal = Some((side, strength, reason));
            seat.tally.signals += 1;
        }
        self.outputs.emit(
            caller,
            market,
            &Record::Signal(Signal {
                side,
                strength,
                reason,
            }),
        );
    }

    fn note(&mut self, level: NoteLevel, text: &str) {
        let kind = match level {
            NoteLevel::Note => NoteKind::Note,
            NoteLevel::Alert => NoteKind::Alert,
        };
        let record = Record::Note(NoteRecord {
            kind,
            text: Note::cut(text),
        });
        self.outputs.emit(self.caller, self.primary(), &record);
    }

    fn plot(&mut self, pane: &str, name: &str, value: f64) {
        let record = Record::Plot(Plot::new(pane, name, value));
        self.outputs.emit(self.caller, self.primary(), &record);
    }

    fn undo(&mut self) {
        self.take_back();
    }
}

const fn desk_fault(fault: TimerFault) -> DeskFault {
    match fault {
        TimerFault::Argument => DeskFault::Argument,
        TimerFault::Capacity => DeskFault::Capacity,
    }
}
