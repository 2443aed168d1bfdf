//! Faults that tests plant in the compiler, one at a time, to show that the differential campaign finds them.
//!
//! Called where a fault would be, while code is made. Outside of this crate's tests none is ever planted:
//! the question is answered when Claire is built, and the faults are not in it.

/// A fault. Each is one that a compiler of this kind might have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Zero and NaN are not equal, as in IEEE 754.
    ZeroAndNan,
    /// Floats are compared without Rhai's epsilon.
    NoEpsilon,
    /// `>>` by a constant fills with zeros.
    ShiftUnsigned,
    /// The sum of integers may overflow.
    SumUnchecked,
    /// A bool of the state is read from its neighbor's slot.
    SlotBefore,
    /// `-x` of a float is `0 - x`: negative zero is lost.
    NegativeZero,
    /// `&&` computes its second operand in any case.
    AndEager,
    /// An integer becomes a float as if it had no sign.
    PromotionUnsigned,
    /// `continue` leaves the loop.
    ContinueLeaves,
    /// A case's range holds its end.
    CaseRangeClosed,
    /// The items of an array are not put back when a call is undone.
    ArrayNotUndone,
    /// The last two floats of a call of the interface change places.
    ArgumentsSwapped,
    /// An array is passed and assigned by reference.
    ArrayShared,
    /// A market's numbers are read where they were before an order was placed.
    FactsKept,
    /// Halves are rounded to even.
    RoundToEven,
    /// The side of a sell is that of a buy.
    SideUnsigned,
    /// An index from the end is off by one.
    IndexFromEnd,
    /// A float beyond the integers becomes the greatest one.
    IntegerSaturated,
    /// Arguments are computed in their order, where Rhai computes the first variable last.
    ArgumentsInOrder,
    /// `for` sees what its body does to the array.
    ForByReference,
}

#[cfg(test)]
impl Fault {
    /// All faults.
    pub(crate) const ALL: [Self; 20] = [
        Self::ZeroAndNan,
        Self::NoEpsilon,
        Self::ShiftUnsigned,
        Self::SumUnchecked,
        Self::SlotBefore,
        Self::NegativeZero,
        Self::AndEager,
        Self::PromotionUnsigned,
        Self::ContinueLeaves,
        Self::CaseRangeClosed,
        Self::ArrayNotUndone,
        Self::ArgumentsSwapped,
        Self::ArrayShared,
        Self::FactsKept,
        Self::RoundToEven,
        Self::SideUnsigned,
        Self::IndexFromEnd,
        Self::IntegerSaturated,
        Self::ArgumentsInOrder,
        Self::ForByReference,
    ];

    /// Returns what it is, in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::ZeroAndNan => "Zero and NaN are not equal, as in IEEE 754",
            Self::NoEpsilon => "Floats are compared without Rhai's epsilon",
            Self::ShiftUnsigned => "`>>` by a constant fills with zeros",
            Self::SumUnchecked => "The sum of integers may overflow",
            Self::SlotBefore => "A bool of the state is read from its neighbor's slot",
            Self::NegativeZero => "`-x` of a float is `0 - x`: negative zero is lost",
            Self::AndEager => "`&&` computes its second operand in any case",
            Self::PromotionUnsigned => "An integer becomes a float as if it had no sign",
            Self::ContinueLeaves => "`continue` leaves the loop",
            Self::CaseRangeClosed => "A case's range holds its end",
            Self::ArrayNotUndone => "The items of an array are not put back when a call is undone",
            Self::ArgumentsSwapped => {
                "The last two floats of a call of the interface change places"
            }
            Self::ArrayShared => "An array is passed and assigned by reference",
            Self::FactsKept => {
                "A market's numbers are read where they were before an order was placed"
            }
            Self::RoundToEven => "Halves are rounded to even",
            Self::SideUnsigned => "The side of a sell is that of a buy",
            Self::IndexFromEnd => "An index from the end is off by one",
            Self::IntegerSaturated => "A float beyond the integers becomes the greatest one",
            Self::ArgumentsInOrder => {
                "Arguments are computed in their order, where Rhai computes the first variable last"
            }
            Self::ForByReference => "`for` sees what its body does to the array",
        }
    }
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault in all code that this thread makes from now on; `None` takes it out.
#[cfg(test)]
pub(crate) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Returns whether the fault is planted.
#[cfg(test)]
pub(super) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Returns whether the fault is planted: it is not.
#[cfg(not(test))]
pub(super) const fn is_planted(_: Fault) -> bool {
    false
}
