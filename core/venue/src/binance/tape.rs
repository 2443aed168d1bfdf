//! Reading `simd-json`'s tape: objects by name, each name at most once, every fault with its place.

use crate::event::{DecodeError, fault_of, venue_time_of};
use claire_types::number::{AMOUNT_DIGITS, parse_fixed, parse_signed};
use claire_types::{Amount, FrameFault, VenueNs};
use simd_json::StaticNode;
use simd_json::value::tape::Node;

/// A value of the frame.
#[derive(Clone, Copy)]
pub(super) struct Value<'t, 'd> {
    nodes: &'t [Node<'d>],
    /// Where it stands: its own first byte if it is text, else that of its field's name.
    offset_bytes: u32,
    /// Address of the frame's first byte, to tell where texts stand.
    base: usize,
}

/// A field that may be missing.
#[derive(Clone, Copy)]
pub(super) struct Field<'t, 'd> {
    value: Option<Value<'t, 'd>>,
    /// Where the object stands.
    offset_bytes: u32,
}

impl<'t, 'd> Value<'t, 'd> {
    /// Returns the frame's outermost value; `base` is the address of its first byte.
    pub(super) const fn root(nodes: &'t [Node<'d>], base: usize) -> Self {
        Self {
            nodes,
            offset_bytes: 0,
            base,
        }
    }

    pub(super) const fn error(&self, fault: FrameFault) -> DecodeError {
        DecodeError::new(fault, self.offset_bytes)
    }

    pub(super) fn text(&self) -> Result<&'d str, DecodeError> {
        match self.nodes.first() {
            Some(Node::String(text)) => Ok(text),
            _ => Err(self.error(FrameFault::WrongType)),
        }
    }

    pub(super) fn integer(&self) -> Result<u64, DecodeError> {
        match self.nodes.first() {
            Some(Node::Static(StaticNode::U64(value))) => Ok(*value),
            Some(Node::Static(StaticNode::I64(value))) => {
                u64::try_from(*value).map_err(|_| self.error(FrameFault::NumberNegative))
            }
            _ => Err(self.error(FrameFault::WrongType)),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, DecodeError> {
        match self.nodes.first() {
            Some(Node::Static(StaticNode::Bool(value))) => Ok(*value),
            _ => Err(self.error(FrameFault::WrongType)),
        }
    }

    pub(super) fn time(&self) -> Result<VenueNs, DecodeError> {
        venue_time_of(self.integer()?).ok_or_else(|| self.error(FrameFault::NumberTooLarge))
    }

    pub(super) fn decimal(&self, digits: u8) -> Result<i64, DecodeError> {
        let text = self.text()?.as_bytes();
        parse_fixed(text, digits).map_err(|fault| self.error(fault_of(fault)))
    }

    /// Reads a sum that may be negative.
    pub(super) fn amount(&self) -> Result<Amount, DecodeError> {
        let text = self.text()?.as_bytes();
        let value = parse_signed(text, AMOUNT_DIGITS);
        value
            .map(Amount)
            .map_err(|fault| self.error(fault_of(fault)))
    }

    /// Reads a sum that cannot be negative.
    pub(super) fn count(&self) -> Result<Amount, DecodeError> {
        let amount = self.amount()?;
        if amount.0 < 0 {
            return Err(self.error(FrameFault::NumberNegative));
        }
        Ok(amount)
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Object { .. }))
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Array { .. }))
    }

    /// Returns the elements of an array.
    pub(super) fn elements(&self) -> Result<impl Iterator<Item = Self> + use<'t, 'd>, DecodeError> {
        let Some(Node::Array { len, .. }) = self.nodes.first() else {
            return Err(self.error(FrameFault::WrongType));
        };
        let mut rest = self.nodes.get(1..).unwrap_or_default();
        let (base, offset_bytes) = (self.base, self.offset_bytes);
        Ok((0..*len).map_while(move |_| {
            let value = value_at(rest, base, offset_bytes);
            rest = rest.get(length_of(rest)..)?;
            Some(value)
        }))
    }

    /// Returns the fields of these names; others are passed over.
    ///
    /// # Errors
    /// `WRONG_TYPE` where this is no object, `DUPLICATE_FIELD` where one of the names stands twice.
    pub(super) fn fields<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Field<'t, 'd>; N], DecodeError> {
        let Some(Node::Object { len, .. }) = self.nodes.first() else {
            return Err(self.error(FrameFault::WrongType));
        };
        let missing = Field {
            value: None,
            offset_bytes: self.offset_bytes,
        };
        let mut found = [missing; N];
        let mut rest = self.nodes.get(1..).unwrap_or_default();
        for _ in 0..*len {
            let Some((Node::String(name), after)) = rest.split_first() else {
                break;
            };
            let offset_bytes = offset_of(name, self.base);
            let value = value_at(after, self.base, offset_bytes);
            rest = after.get(length_of(after)..).unwrap_or_default();
            let slots = names.iter().zip(&mut found);
            for (_, slot) in slots.filter(|(wanted, _)| *wanted == name) {
                if slot.value.replace(value).is_some() {
                    return Err(DecodeError::new(FrameFault::DuplicateField, offset_bytes));
                }
            }
        }
        Ok(found)
    }
}

impl<'t, 'd> Field<'t, 'd> {
    /// Returns the value.
    ///
    /// # Errors
    /// `MISSING_FIELD` at the object.
    pub(super) fn need(&self) -> Result<Value<'t, 'd>, DecodeError> {
        self.value.ok_or(DecodeError::new(
            FrameFault::MissingField,
            self.offset_bytes,
        ))
    }

    /// Returns the value if the field is there.
    pub(super) const fn value(&self) -> Option<Value<'t, 'd>> {
        self.value
    }

    /// Returns whether the field is there.
    pub(super) const fn is_there(&self) -> bool {
        self.value.is_some()
    }

    /// Returns the time, none where the field is missing.
    pub(super) fn time(&self) -> Result<VenueNs, DecodeError> {
        self.value.map_or(Ok(VenueNs::NONE), |value| value.time())
    }
}

fn value_at<'t, 'd>(nodes: &'t [Node<'d>], base: usize, near_bytes: u32) -> Value<'t, 'd> {
    let offset_bytes = match nodes.first() {
        Some(Node::String(text)) => offset_of(text, base),
        _ => near_bytes,
    };
    Value {
        nodes,
        offset_bytes,
        base,
    }
}

fn length_of(nodes: &[Node<'_>]) -> usize {
    match nodes.first() {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
        Some(_) => 1,
        None => 0,
    }
}

/// Returns where a text stands: the tape's texts are slices of the frame.
fn offset_of(text: &str, base: usize) -> u32 {
    u32::try_from((text.as_ptr() as usize).wrapping_sub(base)).unwrap_or(0)
}
