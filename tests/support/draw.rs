//! Random shapes, from a fixed seed: numbers, batches, schedules, budgets, tiers.
//!
//! In: a seed. Out: draws. It does not know what they are used for.

#![allow(dead_code, reason = "each test takes the part it needs")]

use tracelane::sumcheck::{Batch, LinearForm, Product, RowWeight, Schedule, Statement};
use tracelane::trace::columns::{ColumnId, ColumnSet};
use tracelane_kernels::Tier;

/// A source of pseudo-random numbers.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound as u64) as usize
    }

    /// One of `items`.
    pub fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Any tier, detected or not.
    pub fn tier(&mut self) -> Tier {
        self.of(&[Tier::Scalar, Tier::Portable, Tier::Avx2])
    }

    /// A budget of 1 byte, or of any power of two up to 16 MiB.
    pub fn memory_bytes(&mut self) -> u64 {
        1 << self.below(25)
    }

    fn form(&mut self, columns: usize) -> LinearForm {
        let mut free: Vec<usize> = (0..columns).collect();
        let terms = (0..self.below(4).min(columns)).map(|_| {
            let id = free.remove(self.below(free.len()));
            (ColumnId::new(id), self.below(9) as i32 - 4)
        });
        let terms = terms.collect();
        LinearForm {
            constant: self.below(7) as i32 - 3,
            terms,
        }
    }

    fn statement(&mut self, columns: usize) -> Statement {
        let weight = self.of(&[RowWeight::One, RowWeight::Eq, RowWeight::EqPlusOne]);
        let factors_max = if weight == RowWeight::EqPlusOne { 1 } else { 4 };
        let mut products = Vec::new();
        for index in 0..=self.below(3) {
            let count = 1 + self.below(factors_max);
            let factors = (0..count).map(|place| {
                // At least one factor is about a column.
                if index + place == 0 || self.below(2) == 0 {
                    LinearForm::column(ColumnId::new(self.below(columns)))
                } else {
                    self.form(columns)
                }
            });
            let factors = factors.collect();
            products.push(Product {
                coefficient: self.of(&[1, 1, -1, 5]),
                factors,
            });
        }
        let mut statement = Statement {
            weight,
            eval_points: 0,
            products,
        };
        statement.eval_points = statement.round_degree() + 1 + self.below(2);
        statement
    }

    /// One to three statements about the first `columns` columns, and a few extra ones.
    pub fn batch(&mut self, columns: usize) -> Batch {
        let statements = (0..=self.below(3)).map(|_| self.statement(columns));
        let statements = statements.collect();
        let extra = (0..self.below(3)).map(|_| ColumnId::new(self.below(columns)));
        Batch {
            statements,
            extra: extra.collect::<ColumnSet>(),
        }
    }

    /// A schedule for `num_vars` variables; none where the prover is to choose.
    pub fn schedule(&mut self, num_vars: usize) -> Option<Schedule> {
        match self.below(6) {
            0 | 1 => None,
            2 => Some(Schedule::per_round(num_vars)),
            3 => Some(Schedule::half_split(num_vars, 1 + self.below(4))),
            4 => Some(Schedule::in_memory()),
            _ => {
                let (mut windows, mut left) = (Vec::new(), num_vars);
                while left > 0 && self.below(5) > 0 {
                    let window = 1 + self.below(left.min(6));
                    windows.push(window);
                    left -= window;
                }
                Some(Schedule { windows })
            }
        }
    }
}
