//! Integer columns from integer columns: gathers, sums, products, comparisons, sub-words.
//!
//! In and out: columns of one length. Arithmetic is modulo `2^32`; flags are 0 or 1. The loops are
//! plain: compiled inside a tier, all but the loads of gathers become eight lanes of that tier's instructions
//! (`product`: one widening multiply per four rows and two shuffles). No kernel branches on a value.

/// The operation of [`crate::Kernels::combine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a == b`.
    Equal,
    /// `a < b`, unsigned.
    LessUnsigned,
    /// `a < b`, two's complement.
    LessSigned,
}

/// How [`crate::Kernels::product`] reads its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Both unsigned.
    Unsigned,
    /// Both two's complement.
    Signed,
    /// The left two's complement, the right unsigned.
    SignedUnsigned,
}

/// The part of a word [`crate::Kernels::sub_word`] takes; the address chooses which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubWord {
    /// Byte `address mod 4`, zero-extended.
    Byte,
    /// Byte `address mod 4`, sign-extended.
    ByteSigned,
    /// The half holding `address mod 4`, zero-extended.
    Half,
    /// The half holding `address mod 4`, sign-extended.
    HalfSigned,
}

#[inline(always)]
fn map2(a: &[u32], b: &[u32], out: &mut [u32], f: impl Fn(u32, u32) -> u32) {
    let row_count = out.len();
    assert!(
        row_count == a.len() && row_count == b.len(),
        "columns of {} and {} rows into {row_count}",
        a.len(),
        b.len()
    );
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(*a, *b);
    }
}

#[inline(always)]
pub(crate) fn combine(op: Combine, a: &[u32], b: &[u32], out: &mut [u32]) {
    match op {
        Combine::Add => map2(
            a,
            b,
            out,
            #[inline(always)]
            |a, b| a.wrapping_add(b),
        ),
        Combine::Sub => map2(
            a,
            b,
            out,
            #[inline(always)]
            |a, b| a.wrapping_sub(b),
        ),
        Combine::Equal => map2(
            a,
            b,
            out,
            #[inline(always)]
            |a, b| u32::from(a == b),
        ),
        Combine::LessUnsigned => map2(
            a,
            b,
            out,
            #[inline(always)]
            |a, b| u32::from(a < b),
        ),
        Combine::LessSigned => {
            map2(
                a,
                b,
                out,
                #[inline(always)]
                |a, b| u32::from((a as i32) < b as i32),
            );
        }
    }
}

/// All ones for a negative value.
#[inline(always)]
fn sign_mask(x: u32) -> u32 {
    (x as i32 >> 31) as u32
}

#[inline(always)]
fn high_unsigned(a: u32, b: u32) -> u32 {
    ((u64::from(a) * u64::from(b)) >> 32) as u32
}

#[inline(always)]
fn byte(word: u32, address: u32) -> u32 {
    word >> (8 * (address & 3)) & 0xff
}

#[inline(always)]
fn half(word: u32, address: u32) -> u32 {
    word >> (8 * (address & 2)) & 0xffff
}

/// High halves: reading `a` as signed lowers it by `2^32` if negative, so the product's high word by
/// `b`; likewise for `b`.
#[inline(always)]
pub(crate) fn product(signs: Signs, a: &[u32], b: &[u32], low: &mut [u32], high: &mut [u32]) {
    map2(
        a,
        b,
        low,
        #[inline(always)]
        |a, b| a.wrapping_mul(b),
    );
    match signs {
        Signs::Unsigned => map2(a, b, high, high_unsigned),
        Signs::Signed => map2(
            a,
            b,
            high,
            #[inline(always)]
            |a, b| {
                let less = (sign_mask(a) & b).wrapping_add(sign_mask(b) & a);
                high_unsigned(a, b).wrapping_sub(less)
            },
        ),
        Signs::SignedUnsigned => map2(
            a,
            b,
            high,
            #[inline(always)]
            |a, b| high_unsigned(a, b).wrapping_sub(sign_mask(a) & b),
        ),
    }
}

#[inline(always)]
pub(crate) fn sub_word(part: SubWord, words: &[u32], addresses: &[u32], out: &mut [u32]) {
    match part {
        SubWord::Byte => map2(words, addresses, out, byte),
        SubWord::ByteSigned => {
            map2(
                words,
                addresses,
                out,
                #[inline(always)]
                |w, a| byte(w, a) as u8 as i8 as u32,
            );
        }
        SubWord::Half => map2(words, addresses, out, half),
        SubWord::HalfSigned => {
            map2(
                words,
                addresses,
                out,
                #[inline(always)]
                |w, a| half(w, a) as u16 as i16 as u32,
            );
        }
    }
}

/// `out[k] = base + 4 indices[k]`.
#[inline(always)]
pub(crate) fn addresses(base: u32, indices: &[u32], out: &mut [u32]) {
    assert_eq!(indices.len(), out.len(), "one output per index");
    for (out, index) in out.iter_mut().zip(indices) {
        *out = base.wrapping_add(index << 2);
    }
}

/// Rows of which `gather_split` keeps the lower halves until their bytes are taken: few enough for the first
/// cache, and enough that each is written long before it is read as one of a vector.
const SPLIT_ROWS: usize = 256;

/// `high[k]` is the upper half of `table[indices[k]]`, `bytes[n][k]` byte n of it.
#[inline(always)]
pub(crate) fn gather_split(
    table: &[u64],
    indices: &[u32],
    mut high: Option<&mut [u32]>,
    mut bytes: [Option<&mut [u32]>; 4],
) {
    for out in high.iter().chain(bytes.iter().flatten()) {
        assert_eq!(indices.len(), out.len(), "one output per index");
    }
    let any_byte = bytes.iter().any(Option::is_some);
    let mut lows = [0; SPLIT_ROWS];
    for (n, indices) in indices.chunks(SPLIT_ROWS).enumerate() {
        let rows = n * SPLIT_ROWS..n * SPLIT_ROWS + indices.len();
        let lows = &mut lows[..indices.len()];
        match &mut high {
            Some(high) if any_byte => gather_halves(table, indices, lows, &mut high[rows.clone()]),
            Some(high) => gather_as(
                table,
                indices,
                &mut high[rows.clone()],
                #[inline(always)]
                |entry| (entry >> 32) as u32,
            ),
            None => gather_as(
                table,
                indices,
                lows,
                #[inline(always)]
                |entry| entry as u32,
            ),
        }
        for (k, byte) in bytes.iter_mut().enumerate() {
            if let Some(byte) = byte {
                for (byte, low) in byte[rows.clone()].iter_mut().zip(&*lows) {
                    *byte = low >> (8 * k) & 0xff;
                }
            }
        }
    }
}

/// `table[indices[k]]` in halves.
#[inline(always)]
fn gather_halves(table: &[u64], indices: &[u32], lows: &mut [u32], highs: &mut [u32]) {
    let (low_eights, low_rest) = lows.as_chunks_mut::<8>();
    let (high_eights, high_rest) = highs.as_chunks_mut::<8>();
    let (eights, rest) = indices.as_chunks::<8>();
    for ((low, high), indices) in low_eights.iter_mut().zip(high_eights).zip(eights) {
        let mut entries = [0; 8];
        for k in 0..8 {
            entries[k] = table[indices[k] as usize];
        }
        for k in 0..8 {
            (low[k], high[k]) = (entries[k] as u32, (entries[k] >> 32) as u32);
        }
    }
    for ((low, high), index) in low_rest.iter_mut().zip(high_rest).zip(rest) {
        let entry = table[*index as usize];
        (*low, *high) = (entry as u32, (entry >> 32) as u32);
    }
}

/// `out[k] = table[indices[k]]`.
#[inline(always)]
pub(crate) fn gather<T: Copy>(table: &[T], indices: &[u32], out: &mut [T]) {
    gather_as(
        table,
        indices,
        out,
        #[inline(always)]
        |entry| entry,
    );
}

/// `out[k] = value(table[indices[k]])`.
///
/// One load per row; a hardware gather is slower than that on the processors measured.
#[inline(always)]
fn gather_as<E: Copy, T: Copy>(
    table: &[E],
    indices: &[u32],
    out: &mut [T],
    value: impl Fn(E) -> T,
) {
    assert_eq!(indices.len(), out.len(), "one output per index");
    let (outs, last) = out.as_chunks_mut::<8>();
    let (eights, rest) = indices.as_chunks::<8>();
    // Loaded before any is stored: a store may lie where a load seems to, by its lowest twelve bits, and the load
    // would wait for it.
    for (out, indices) in outs.iter_mut().zip(eights) {
        let mut eight = *out;
        for k in 0..8 {
            eight[k] = value(table[indices[k] as usize]);
        }
        *out = eight;
    }
    for (out, index) in last.iter_mut().zip(rest) {
        *out = value(table[*index as usize]);
    }
}
