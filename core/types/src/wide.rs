//! 256-bit steps between two 128-bit numbers: product, then division rounded half to even.
//!
//! Called by `number`. Wide products occur only at extreme prices or quantities; the common case
//! stays in one `u128`.

/// Returns `a * b / d` rounded half to even, or `None` where `d` is 0 or the result does not fit.
pub(crate) fn mul_div_half_even(a: i128, b: i128, d: i128) -> Option<i128> {
    if d == 0 {
        return None;
    }
    let negative = (a < 0) ^ (b < 0) ^ (d < 0);
    let divisor = d.unsigned_abs();
    let (quotient, rest) = match a.unsigned_abs().checked_mul(b.unsigned_abs()) {
        Some(product) => (product / divisor, product % divisor),
        None => {
            let (high, low) = widening_mul(a.unsigned_abs(), b.unsigned_abs());
            wide_div(high, low, divisor)?
        }
    };
    // `divisor - rest` cannot underflow and, unlike `2 * rest`, cannot overflow.
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => quotient & 1,
        std::cmp::Ordering::Greater => 1,
    };
    let magnitude = i128::try_from(quotient.checked_add(up)?).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Returns the high and low halves of the product.
fn widening_mul(a: u128, b: u128) -> (u128, u128) {
    const HALF: u32 = 64;
    const MASK: u128 = u64::MAX as u128;
    let (a_high, a_low) = (a >> HALF, a & MASK);
    let (b_high, b_low) = (b >> HALF, b & MASK);
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> HALF);
    let middle_low = a_low * b_high + (middle & MASK);
    let high = a_high * b_high + (middle >> HALF) + (middle_low >> HALF);
    (high, middle_low << HALF | low & MASK)
}

/// Returns quotient and rest of (high, low) by `divisor`, or `None` where the quotient needs more than 128 bits.
fn wide_div(high: u128, low: u128, divisor: u128) -> Option<(u128, u128)> {
    if high >= divisor {
        return None;
    }
    let (mut rest, mut quotient) = (high, 0_u128);
    for bit in (0..128).rev() {
        let carry = rest >> 127;
        rest = rest << 1 | (low >> bit & 1);
        quotient <<= 1;
        if carry == 1 || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Some((quotient, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_even() {
        let cases = [
            (5, 1, 2, 2),
            (7, 1, 2, 4),
            (-5, 1, 2, -2),
            (3, 1, 2, 2),
            (1, 1, 3, 0),
            (2, 1, 3, 1),
        ];
        for (a, b, d, want) in cases {
            assert_eq!(mul_div_half_even(a, b, d), Some(want), "{a} * {b} / {d}");
        }
        assert_eq!(mul_div_half_even(1, 1, 0), None);
    }

    #[test]
    fn products_beyond_128_bits_are_exact() {
        let big = i128::MAX - 12_345;
        assert_eq!(mul_div_half_even(big, 1_000_003, 1_000_003), Some(big));
        assert_eq!(mul_div_half_even(-big, big, big), Some(-big));
        assert_eq!(mul_div_half_even(big, 3, 2), None);
        assert_eq!(mul_div_half_even(i128::MAX, 4, 8), Some(i128::MAX / 2 + 1));
    }
}
