//! The verifier's last step a second time, in plain ark-ff: no kernel, no oracle.
//!
//! In: columns as slices, a point. Out: the columns' multilinear extensions there.

use ark_ff::Field;

/// The multilinear extension of `column` at `point`, variable 0 first.
pub fn evaluate<F: Field>(column: &[u32], point: &[F]) -> F {
    assert_eq!(
        column.len(),
        1 << point.len(),
        "one coordinate per variable"
    );
    let mut table: Vec<F> = column.iter().map(|&value| F::from(value)).collect();
    for &x in point {
        let pairs = table.chunks_exact(2);
        table = pairs
            .map(|pair| pair[0] + x * (pair[1] - pair[0]))
            .collect();
    }
    table[0]
}
