//! The column registry: which quantities a row has, in which order, under which names.
//!
//! In: nothing. Out: [`Column`] (the witness columns of the RV32IM machine), [`ColumnId`] and
//! [`ColumnSet`] (what a sweep asks for). Every column is `u32`, one value a cycle.
//! This file does not know how columns are filled, nor what a proof does with them.

use std::fmt;

/// Index of a column inside one oracle's registry, `0..64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ColumnId(u8);

impl ColumnId {
    /// Largest number of columns one registry may hold.
    pub const COUNT_MAX: usize = 64;

    /// The id of the column at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`ColumnId::COUNT_MAX`].
    #[must_use]
    pub const fn new(index: usize) -> Self {
        assert!(
            index < Self::COUNT_MAX,
            "a registry holds at most 64 columns"
        );
        Self(index as u8)
    }

    /// Position in the registry.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of columns: what one sweep needs, and therefore all that it computes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ColumnSet(u64);

impl ColumnSet {
    /// No column at all.
    pub const EMPTY: Self = Self(0);

    /// The first `count` columns of a registry.
    ///
    /// # Panics
    /// If `count` is above [`ColumnId::COUNT_MAX`].
    #[must_use]
    pub const fn first(count: usize) -> Self {
        assert!(
            count <= ColumnId::COUNT_MAX,
            "a registry holds at most 64 columns"
        );
        if count == 0 {
            Self(0)
        } else {
            Self(u64::MAX >> (64 - count))
        }
    }

    /// This set with one more column.
    #[must_use]
    pub const fn with(self, id: ColumnId) -> Self {
        Self(self.0 | 1 << id.0)
    }

    /// All columns that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `id` is in the set.
    #[must_use]
    pub const fn contains(self, id: ColumnId) -> bool {
        self.0 >> id.0 & 1 == 1
    }

    /// Whether the two sets share a column.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Number of columns in the set.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The ids in the set, in registry order.
    pub fn iter(self) -> impl Iterator<Item = ColumnId> {
        (0..ColumnId::COUNT_MAX)
            .map(ColumnId::new)
            .filter(move |&id| self.contains(id))
    }
}

impl FromIterator<ColumnId> for ColumnSet {
    fn from_iter<I: IntoIterator<Item = ColumnId>>(ids: I) -> Self {
        ids.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for ColumnSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(ColumnId::index))
            .finish()
    }
}

macro_rules! columns {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The witness columns of the machine: nine raw ones, then those gathered from the
        /// program table by `pc_index`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Column {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Column {
            /// Every column, in registry order.
            pub const ALL: &'static [Column] = &[$(Column::$variant,)+];

            /// Every column's name, in registry order.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];
        }
    };
}

columns! {
    /// Index of the instruction in the program table; pc = text base + 4 * index.
    PcIndex = "pc_index",
    /// First source register's value, 0 where the instruction reads none.
    Rs1Value = "rs1_value",
    /// Second source register's value, 0 where the instruction reads none.
    Rs2Value = "rs2_value",
    /// Destination register before the cycle, 0 where there is none or it is x0.
    RdBefore = "rd_before",
    /// Destination register after the cycle, 0 where there is none or it is x0.
    RdAfter = "rd_after",
    /// Byte address of a load or store, else 0.
    MemoryAddress = "memory_address",
    /// The aligned word that holds that address, before the cycle, else 0.
    MemoryBefore = "memory_before",
    /// The aligned word that holds that address, after the cycle, else 0.
    MemoryAfter = "memory_after",
    /// Address of the next cycle's instruction.
    NextPc = "next_pc",
    /// Static: address of this cycle's instruction.
    Pc = "pc",
    /// Static: immediate operand, sign-extended; 0 where there is none.
    Imm = "imm",
    /// Static: destination register number, 0 where there is none.
    Rd = "rd",
    /// Static: first source register number, 0 where there is none.
    Rs1 = "rs1",
    /// Static: second source register number, 0 where there is none.
    Rs2 = "rs2",
    /// Static: the instruction's number in the instruction table.
    Opcode = "opcode",
}

impl Column {
    /// Number of raw columns; they stand first in the registry.
    pub const RAW_COUNT: usize = 9;

    /// The raw columns, in registry order.
    pub const RAW: &'static [Column] = Column::ALL.split_at(Self::RAW_COUNT).0;

    /// Columns gathered from the program table.
    pub const STATIC: &'static [Column] = Column::ALL.split_at(Self::RAW_COUNT).1;

    /// This column's id in the machine's registry.
    #[must_use]
    pub const fn id(self) -> ColumnId {
        ColumnId(self as u8)
    }

    /// The name under which reports, files and proofs speak of this column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The column of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Column> {
        Self::NAMES
            .iter()
            .position(|&known| known == name)
            .map(|index| Self::ALL[index])
    }

    /// The set of all raw columns.
    #[must_use]
    pub const fn raw_set() -> ColumnSet {
        ColumnSet::first(Self::RAW_COUNT)
    }
}

const _: () = assert!(Column::NextPc as usize + 1 == Column::RAW_COUNT);
const _: () = assert!(Column::ALL.len() <= ColumnId::COUNT_MAX);
