//! SIMD field kernels over integer columns.
