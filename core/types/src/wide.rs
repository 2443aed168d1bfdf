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
    let (quotient, rest) = match product(a.unsigned_abs(), b.unsigned_abs()) {
        Some(product) => div_rem(product, divisor),
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

/// Returns the product where it fits; almost all factors have at most 64 bits.
#[inline]
fn product(a: u128, b: u128) -> Option<u128> {
    match (u64::try_from(a), u64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(u128::from(a) * u128::from(b)),
        _ => a.checked_mul(b),
    }
}

/// Returns quotient and rest, without a 128-bit division for the divisor of almost all calls.
#[inline]
fn div_rem(product: u128, divisor: u128) -> (u128, u128) {
    if divisor == ONE {
        return div_rem_by_one(product);
    }
    if let (Ok(product), Ok(divisor)) = (u64::try_from(product), u64::try_from(divisor)) {
        return (u128::from(product / divisor), u128::from(product % divisor));
    }
    let quotient = product / divisor;
    (quotient, product - quotient * divisor)
}

/// Divides by 10^12 = 2^12 × 5^12: a shift, and four steps by a constant, which compile to multiplications.
#[inline]
fn div_rem_by_one(product: u128) -> (u128, u128) {
    let shifted = product >> TWOS;
    let (mut quotient, mut rest) = (0_u128, 0_u64);
    for digit in (0..4).rev() {
        // The rest is below 2^28, so the step is below 2^60.
        let step = rest << 32 | (shifted >> (32 * digit)) as u32 as u64;
        quotient = quotient << 32 | u128::from(step / FIVES);
        rest = step % FIVES;
    }
    let low = product & ((1 << TWOS) - 1);
    (quotient, u128::from(rest) << TWOS | low)
}

/// The unit of amounts, by which almost all products are divided.
const ONE: u128 = 10_u128.pow(12);
const TWOS: u32 = 12;
const FIVES: u64 = 5_u64.pow(12);
const _: () = assert!((FIVES as u128) << TWOS == ONE && FIVES < 1 << 28);

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
    fn every_way_to_divide_gives_what_the_plain_one_gives() {
        let mut product = 1_u128;
        for step in 0..2_000_u128 {
            // All widths, and what stands next to whole multiples.
            product = product
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(step);
            let product = product >> (step % 128);
            for near in [
                product,
                product - product % ONE,
                (product - product % ONE).wrapping_sub(1),
            ] {
                for divisor in [ONE, 2, 7, 1 << 40, u128::from(u64::MAX), 3 << 100] {
                    let want = (near / divisor, near % divisor);
                    assert_eq!(div_rem(near, divisor), want, "{near} / {divisor}");
                }
            }
        }
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
