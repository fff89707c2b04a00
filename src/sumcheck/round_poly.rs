//! Round polynomials: small polynomials by their values.
//!
//! In: values at given points. Out: values elsewhere. Two forms occur: messages (values at 0, 1, ...,
//! d) and digits of a grid (values at 0, ..., d - 1 and the leading coefficient, "at infinity").

use ark_ff::Field;

/// Weights w such that `p(x) = sum of w[t] * p(t)` over t in `0..count`, for every polynomial p of
/// degree below `count`.
#[must_use]
pub fn lagrange_weights<F: Field>(count: usize, x: F) -> Vec<F> {
    let point = |t: usize| F::from(t as u64);
    let weight = |t: usize| {
        let others = || (0..count).filter(move |&u| u != t);
        let above: F = others().map(|u| x - point(u)).product();
        let below: F = others().map(|u| point(t) - point(u)).product();
        above * below.inverse().expect("the points are distinct")
    };
    (0..count).map(weight).collect()
}

/// Weights w such that `p(x) = sum of w[t] * p(t)` over the digits t of a grid of degree `degree`:
/// the points `0..degree`, then infinity.
#[must_use]
pub fn digit_weights<F: Field>(degree: usize, x: F) -> Vec<F> {
    let mut weights = lagrange_weights(degree, x);
    // p - leading * prod (X - t) has a lower degree and the same values at 0..degree.
    weights.push((0..degree).map(|t| x - F::from(t as u64)).product());
    weights
}
