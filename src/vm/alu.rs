//! Arithmetic: what the register-to-register instructions compute.
//!
//! In: two u32 operands. Out: one u32. Total functions, the manual's results for every operand
//! (RISC-V unprivileged manual, RV32I 2.1 section 2.4 and M 2.0 table 13.1 for division).

/// 1 where `a < b` as signed integers, else 0.
#[inline(always)]
#[must_use]
pub fn slt(a: u32, b: u32) -> u32 {
    u32::from((a as i32) < b as i32)
}

/// 1 where `a < b` as unsigned integers, else 0.
#[inline(always)]
#[must_use]
pub fn sltu(a: u32, b: u32) -> u32 {
    u32::from(a < b)
}

/// Arithmetic right shift by the low five bits of `b`.
#[inline(always)]
#[must_use]
pub fn sra(a: u32, b: u32) -> u32 {
    (a as i32).wrapping_shr(b) as u32
}

/// High word of the signed product.
#[inline(always)]
#[must_use]
pub fn mulh(a: u32, b: u32) -> u32 {
    ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32
}

/// High word of the product of signed `a` and unsigned `b`.
#[inline(always)]
#[must_use]
pub fn mulhsu(a: u32, b: u32) -> u32 {
    ((i64::from(a as i32) * i64::from(b)) >> 32) as u32
}

/// High word of the unsigned product.
#[inline(always)]
#[must_use]
pub fn mulhu(a: u32, b: u32) -> u32 {
    ((u64::from(a) * u64::from(b)) >> 32) as u32
}

/// Signed quotient; all ones for a zero divisor, `a` on overflow.
#[inline(always)]
#[must_use]
pub fn div(a: u32, b: u32) -> u32 {
    if b == 0 {
        u32::MAX
    } else {
        (a as i32).wrapping_div(b as i32) as u32
    }
}

/// Unsigned quotient; all ones for a zero divisor.
#[inline(always)]
#[must_use]
pub fn divu(a: u32, b: u32) -> u32 {
    a.checked_div(b).unwrap_or(u32::MAX)
}

/// Signed remainder; `a` for a zero divisor, 0 on overflow.
#[inline(always)]
#[must_use]
pub fn rem(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        (a as i32).wrapping_rem(b as i32) as u32
    }
}

/// Unsigned remainder; `a` for a zero divisor.
#[inline(always)]
#[must_use]
pub fn remu(a: u32, b: u32) -> u32 {
    a.checked_rem(b).unwrap_or(a)
}

/// Whether the branch of `kind` (a [`Kind`](crate::program::op::Kind) as u8) is taken.
///
/// For branches that lead to a misaligned address only: the common ones are compared in place.
#[must_use]
pub fn taken(kind: u8, a: u32, b: u32) -> bool {
    use crate::program::op::Kind;
    match kind {
        kind if kind == Kind::Beq as u8 => a == b,
        kind if kind == Kind::Bne as u8 => a != b,
        kind if kind == Kind::Blt as u8 => slt(a, b) == 1,
        kind if kind == Kind::Bge as u8 => slt(a, b) == 0,
        kind if kind == Kind::Bltu as u8 => a < b,
        _ => a >= b,
    }
}
