//! A desk for machine code: one market's numbers, and a count of what it was asked.

use claire_engine::strategy::{
    BarsId, BracketRequest, Desk, DeskFault, IndicatorId, IndicatorSource, IndicatorView,
    MarketFacts, NoteLevel, OrderHandle, OrderRequest, OrderView, ProtectRequest, QuoteRequest,
    StopRequest,
};
use claire_types::{InstrumentId, Side};
use std::cell::Cell;

/// The desk.
#[derive(Default)]
pub(super) struct Quiet {
    pub facts: MarketFacts,
    /// How often the numbers' place was asked for.
    pub facts_asked: Cell<u32>,
    pub notes: Vec<String>,
}

impl Desk for Quiet {
    fn primary(&self) -> InstrumentId {
        super::MARKET
    }
    fn market(&mut self, _: &str) -> Option<InstrumentId> {
        None
    }
    fn facts(&self, _: InstrumentId) -> &MarketFacts {
        self.facts_asked.set(self.facts_asked.get() + 1);
        &self.facts
    }
    fn level(&self, _: InstrumentId, _: Side, _: usize) -> Option<(f64, f64)> {
        None
    }
    fn imbalance(&self, _: InstrumentId, _: usize) -> f64 {
        0.25
    }
    fn place(&mut self, _: &OrderRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn quote(&mut self, _: &QuoteRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn protect(&mut self, _: &ProtectRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn stop(&mut self, _: &StopRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn bracket(&mut self, _: &BracketRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn replace(&mut self, _: OrderHandle, _: f64, _: f64) -> OrderHandle {
        OrderHandle::NONE
    }
    fn order(&self, _: OrderHandle) -> OrderView {
        OrderView::NONE
    }
    fn cancel(&mut self, _: OrderHandle) {}
    fn cancel_all(&mut self, _: InstrumentId) {}
    fn flatten(&mut self, _: InstrumentId, _: &str) -> OrderHandle {
        OrderHandle::NONE
    }
    fn target_position(&mut self, _: InstrumentId, _: f64, _: &str) -> OrderHandle {
        OrderHandle::NONE
    }
    fn qty_for(&self, _: InstrumentId, notional: f64) -> f64 {
        notional
    }
    fn qty_at_risk(&self, _: InstrumentId, share: f64, _: f64) -> f64 {
        share
    }
    fn bars(&mut self, _: InstrumentId, _: i64) -> Result<BarsId, DeskFault> {
        Err(DeskFault::OutsideInit)
    }
    fn indicator(
        &mut self,
        _: IndicatorSource,
        _: &str,
        _: &[f64],
    ) -> Result<IndicatorId, DeskFault> {
        Err(DeskFault::OutsideInit)
    }
    fn indicator_value(&self, _: IndicatorId, _: u8) -> IndicatorView {
        IndicatorView::default()
    }
    fn every(&mut self, _: i64, _: &str) -> Result<(), DeskFault> {
        Ok(())
    }
    fn after(&mut self, _: i64, _: &str) -> Result<(), DeskFault> {
        Ok(())
    }
    fn stop_timer(&mut self, _: &str) {}
    fn signal(&mut self, _: Side, _: f64, _: &str) {}
    fn note(&mut self, _: NoteLevel, text: &str) {
        self.notes.push(text.to_owned());
    }
    fn plot(&mut self, _: &str, _: &str, _: f64) {}
    fn undo(&mut self) {}
    fn warmup(&mut self, _: i64) -> Result<(), DeskFault> {
        Err(DeskFault::OutsideInit)
    }
}
