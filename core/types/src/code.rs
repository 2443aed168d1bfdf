//! Codes that stand on records: each has one number, never reused, and one name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Defines an enum whose variants have a number for records and a name for people.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal, $text:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant = $number,)+ }

        impl $name {
            /// All values, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the name used in output, stores and settings.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Returns the value with this number on a record, if there is one.
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("{text:?} is not one of: {}", known.join(", "))
                })
            }
        }
    };
}

codes! {
    /// What a running engine does with orders (SPEC 1).
    Mode {
        /// Recorded frames through the live pipeline, paper fills.
        Replay = 1, "replay";
        /// Research on a tape.
        Backtest = 2, "backtest";
        /// Live or local market, simulated fills.
        Paper = 3, "paper";
        /// Orders to a test environment.
        Testnet = 4, "testnet";
        /// Live market, decisions stopped at the last gate.
        Shadow = 5, "shadow";
        /// Real orders.
        Live = 6, "live";
    }
}

codes! {
    /// The account's or a strategy's state (SPEC 6). Later values are stricter.
    TradingState {
        /// Trading.
        Active = 1, "ACTIVE";
        /// Only what reduces.
        Reducing = 2, "REDUCING";
        /// Only exits.
        Halted = 3, "HALTED";
        /// Nothing but cancels, until lifted.
        Killed = 4, "KILLED";
    }
}

codes! {
    /// What the gate or a monitor decided by: the codes of SPEC 6, and those of order building.
    GateCode {
        /// Approved.
        Ok = 0, "OK";
        /// Check 1.
        KillSwitch = 1, "KILL_SWITCH";
        /// Check 2.
        Mode = 2, "MODE";
        /// Check 3.
        TradingState = 3, "TRADING_STATE";
        /// Check 4.
        Strategy = 4, "STRATEGY";
        /// Check 5.
        Instrument = 5, "INSTRUMENT";
        /// Check 6.
        DataStale = 6, "DATA_STALE";
        /// Check 7.
        DataSilence = 7, "DATA_SILENCE";
        /// Check 8.
        AbnormalMarket = 8, "ABNORMAL_MARKET";
        /// Check 9.
        Precision = 9, "PRECISION";
        /// Check 10.
        PriceCollar = 10, "PRICE_COLLAR";
        /// Check 11.
        OrderSize = 11, "ORDER_SIZE";
        /// Check 12.
        Position = 12, "POSITION";
        /// Check 13.
        Exposure = 13, "EXPOSURE";
        /// Check 14.
        OpenCount = 14, "OPEN_COUNT";
        /// Check 15.
        Rate = 15, "RATE";
        /// Check 16.
        Funds = 16, "FUNDS";
        /// Check 17.
        SelfTrade = 17, "SELF_TRADE";
        /// Monitor 18.
        DailyLoss = 18, "DAILY_LOSS";
        /// Monitor 19.
        Drawdown = 19, "DRAWDOWN";
        /// Monitor 20.
        LossStreak = 20, "LOSS_STREAK";
        /// Monitor 21.
        RejectStreak = 21, "REJECT_STREAK";
        /// Monitor 22.
        ErrorRate = 22, "ERROR_RATE";
        /// Monitor 23.
        Slippage = 23, "SLIPPAGE";
        /// The quantity rounds to nothing.
        SizeZero = 32, "SIZE_ZERO";
        /// The price, quantity or flags are no order: NaN, infinite, negative, contradictory.
        BadOrder = 33, "BAD_ORDER";
        /// Nothing to reduce.
        NothingToReduce = 34, "NOTHING_TO_REDUCE";
        /// A measured input is missing.
        Warming = 35, "WARMING";
        /// A table of the engine is full.
        Capacity = 36, "CAPACITY";
        /// An operator's command.
        Operator = 37, "OPERATOR";
        /// A new UTC day.
        NewDay = 38, "NEW_DAY";
        /// Little room on the journal's disk.
        LowDisk = 39, "LOW_DISK";
    }
}

codes! {
    /// Why an order ended or was refused by the (paper) venue.
    OrderReason {
        /// None: the state says it all.
        None = 0, "";
        /// Post-only would have crossed.
        PostOnlyCross = 1, "POST_ONLY_CROSS";
        /// What an IOC or market order left unfilled.
        Unfilled = 2, "UNFILLED";
        /// FOK could not fill whole.
        FokUnfilled = 3, "FOK_UNFILLED";
        /// The strategy cancelled it.
        CancelledByStrategy = 4, "CANCELLED_BY_STRATEGY";
        /// The engine cancelled it: halt, stale quote, end of run.
        CancelledByEngine = 5, "CANCELLED_BY_ENGINE";
        /// The operator cancelled it.
        CancelledByOperator = 6, "CANCELLED_BY_OPERATOR";
        /// The run ended.
        RunEnd = 7, "RUN_END";
        /// The venue had no book to match against.
        NoBook = 8, "NO_BOOK";
        /// Cancel came too late.
        TooLate = 9, "TOO_LATE";
        /// A recorded session started over: its books and clocks begin again.
        SessionReset = 10, "SESSION_RESET";
        /// A table of the paper venue was full: raise `tables.paper_fills_max` or `tables.paper_debits_max`.
        Capacity = 11, "CAPACITY";
    }
}

codes! {
    /// What happened to an instrument's book.
    BookReason {
        /// A snapshot and the updates after it prove the book.
        Synced = 1, "SYNCED";
        /// A sequence number is missing.
        Gap = 2, "GAP";
        /// A frame could not be read.
        FrameError = 3, "FRAME_ERROR";
        /// The connection is silent.
        Silent = 4, "SILENT";
        /// The book is quiet for longer than its limit.
        Quiet = 5, "QUIET";
        /// The session started over.
        Reset = 6, "RESET";
        /// The book crossed itself: the venue's data cannot be right.
        Crossed = 7, "CROSSED";
        /// More updates than the buffer holds came before a snapshot.
        BufferFull = 8, "BUFFER_FULL";
        /// The engine's input was not read for too long.
        Overrun = 9, "OVERRUN";
    }
}

codes! {
    /// Why a frame was not understood.
    FrameFault {
        /// Not JSON.
        Json = 1, "JSON";
        /// A stream that nobody decodes.
        UnknownStream = 2, "UNKNOWN_STREAM";
        /// A field is missing.
        MissingField = 3, "MISSING_FIELD";
        /// A field has the wrong type.
        WrongType = 4, "WRONG_TYPE";
        /// Text that is no decimal number.
        NumberSyntax = 5, "NUMBER_SYNTAX";
        /// A number with an exponent.
        NumberExponent = 6, "NUMBER_EXPONENT";
        /// A negative number.
        NumberNegative = 7, "NUMBER_NEGATIVE";
        /// A number finer than the instrument's digits.
        NumberTooFine = 8, "NUMBER_TOO_FINE";
        /// A number that does not fit.
        NumberTooLarge = 9, "NUMBER_TOO_LARGE";
        /// A symbol that is empty or too long.
        Symbol = 10, "SYMBOL";
        /// More levels than a frame may have.
        TooManyLevels = 11, "TOO_MANY_LEVELS";
        /// Not UTF-8.
        Utf8 = 12, "UTF8";
        /// The line has no receive time or no frame.
        Line = 13, "LINE";
        /// The venue answered with an error.
        VenueError = 14, "VENUE_ERROR";
        /// More instruments than the engine holds.
        TooManyInstruments = 15, "TOO_MANY_INSTRUMENTS";
        /// A name of the frame stands twice in one object.
        DuplicateField = 16, "DUPLICATE_FIELD";
    }
}

codes! {
    /// What an operator asks for.
    CommandKind {
        /// Kill switch: cancel all, KILLED.
        Kill = 1, "kill";
        /// HALTED: exits only.
        Halt = 2, "halt";
        /// REDUCING.
        Reduce = 3, "reduce";
        /// Back to ACTIVE, where the table of SPEC 6 lets an operator.
        Resume = 4, "resume";
        /// Cancel all orders.
        CancelAll = 5, "cancel_all";
        /// Flatten all positions.
        Flatten = 6, "flatten";
        /// Pause one strategy.
        Pause = 7, "pause";
        /// Resume one strategy.
        Unpause = 8, "unpause";
        /// End of the run: strategies stop, what is left open is reported.
        Stop = 9, "stop";
    }
}
