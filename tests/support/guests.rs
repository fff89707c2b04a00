//! The guest programs: their ELF files, inputs of any size, and results computed on the host.
//!
//! In: a guest, the wanted log2 of its cycles. Out: input bytes, and the output that the guest must
//! publish for them, by the host's own means. It does not know the machine.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use num_bigint::BigUint;
use sha2::Digest;

/// A guest program.
pub struct Guest {
    /// Name of its source and ELF.
    pub name: &'static str,
    /// Input for about 2^k cycles.
    input: fn(u32) -> Vec<u8>,
    /// What it must publish.
    expected: fn(&[u8]) -> Vec<u8>,
    /// Whether any bytes are an input.
    pub takes_any_bytes: bool,
}

/// Every guest in guests/bin.
pub const ALL: &[Guest] = &[
    Guest {
        name: "btree",
        input: btree_input,
        expected: btree,
        takes_any_bytes: false,
    },
    Guest {
        name: "bytecode",
        input: bytecode_input,
        expected: bytecode,
        takes_any_bytes: false,
    },
    Guest {
        name: "crc32",
        input: crc32_input,
        expected: crc32,
        takes_any_bytes: true,
    },
    Guest {
        name: "inflate",
        input: inflate_input,
        expected: inflate,
        takes_any_bytes: false,
    },
    Guest {
        name: "json",
        input: json_input,
        expected: json,
        takes_any_bytes: false,
    },
    Guest {
        name: "keccak256",
        input: keccak_input,
        expected: keccak256,
        takes_any_bytes: true,
    },
    Guest {
        name: "matmul",
        input: matmul_input,
        expected: matmul,
        takes_any_bytes: false,
    },
    Guest {
        name: "modexp",
        input: modexp_input,
        expected: modexp,
        takes_any_bytes: false,
    },
    Guest {
        name: "quicksort",
        input: quicksort_input,
        expected: quicksort,
        takes_any_bytes: false,
    },
    Guest {
        name: "sha256",
        input: sha256_input,
        expected: sha256,
        takes_any_bytes: true,
    },
    Guest {
        name: "sieve",
        input: sieve_input,
        expected: sieve,
        takes_any_bytes: false,
    },
];

impl Guest {
    /// The guest called `name`.
    pub fn named(name: &str) -> &'static Guest {
        ALL.iter()
            .find(|guest| guest.name == name)
            .expect("a guest of that name")
    }

    /// The bytes of its ELF file.
    pub fn elf(&self) -> Vec<u8> {
        let path = folder().join(self.name).with_extension("elf");
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// An input for which it runs about 2^k cycles.
    pub fn input(&self, cycles_log2: u32) -> Vec<u8> {
        (self.input)(cycles_log2)
    }

    /// What it must publish for `input`.
    pub fn expected_output(&self, input: &[u8]) -> Vec<u8> {
        (self.expected)(input)
    }
}

/// Where the ELF files are: at the repository's root, whichever package this is built into.
pub fn folder() -> PathBuf {
    let ancestors = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = ancestors.map(|folder| folder.join("guests/bin"));
    folders.find(|folder| folder.is_dir()).expect("guests/bin")
}

fn cycles(log2: u32) -> f64 {
    2f64.powi(log2 as i32)
}

/// The n with `scale * n * log2(n)` nearest to the cycles.
fn size_n_log_n(log2: u32, scale: f64) -> u32 {
    let cost = |n: u32| scale * f64::from(n) * f64::from(n).log2();
    (2..=24)
        .flat_map(|e| (0..8u32).map(move |s| (8 + s) << e >> 2))
        .take_while(|&n| cost(n) <= cycles(log2))
        .last()
        .unwrap_or(4)
}

fn xorshift(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}

/// Bytes that no compressor makes much of.
fn random_bytes(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9;
    (0..count)
        .map(|_| (xorshift(&mut state) >> 13) as u8)
        .collect()
}

/// Lines of text, such as a compressor likes.
fn text(count: usize) -> Vec<u8> {
    let words = [
        "trace", "column", "chunk", "sweep", "oracle", "claim", "round", "fold", "lane",
    ];
    let mut state = 7;
    let mut text = Vec::with_capacity(count + 16);
    while text.len() < count {
        let word = words[xorshift(&mut state) as usize % words.len()];
        let end = if xorshift(&mut state).is_multiple_of(9) {
            '\n'
        } else {
            ' '
        };
        write!(text, "{word}{end}").expect("memory");
    }
    text.truncate(count);
    text
}

fn fingerprint(values: impl IntoIterator<Item = u32>) -> u32 {
    values.into_iter().fold(0, |sum: u32, value| {
        sum.wrapping_mul(31).wrapping_add(value)
    })
}

fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn numbers(input: &[u8]) -> Vec<u32> {
    let text = std::str::from_utf8(input).expect("text");
    text.split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect()
}

fn sha256_input(log2: u32) -> Vec<u8> {
    random_bytes((cycles(log2) / 72.0) as usize)
}

fn sha256(input: &[u8]) -> Vec<u8> {
    sha2::Sha256::digest(input).to_vec()
}

fn keccak_input(log2: u32) -> Vec<u8> {
    random_bytes((cycles(log2) / 310.0) as usize)
}

fn keccak256(input: &[u8]) -> Vec<u8> {
    sha3::Keccak256::digest(input).to_vec()
}

fn crc32_input(log2: u32) -> Vec<u8> {
    random_bytes(((cycles(log2) - 13_000.0) / 11.0) as usize)
}

fn crc32(input: &[u8]) -> Vec<u8> {
    words(&[crc32fast::hash(input)])
}

fn quicksort_input(log2: u32) -> Vec<u8> {
    format!("{} 7", size_n_log_n(log2, 10.5)).into_bytes()
}

fn quicksort(input: &[u8]) -> Vec<u8> {
    let [count, mut state] = numbers(input)[..] else {
        panic!("two numbers")
    };
    let mut values: Vec<u32> = (0..count).map(|_| xorshift(&mut state)).collect();
    values.sort_unstable();
    let middle = values[values.len() / 2];
    words(&[
        fingerprint(values.iter().copied()),
        values[0],
        middle,
        values[values.len() - 1],
    ])
}

fn sieve_input(log2: u32) -> Vec<u8> {
    format!("{}", (cycles(log2) / 12.0) as u32).into_bytes()
}

fn sieve(input: &[u8]) -> Vec<u8> {
    let limit = numbers(input)[0] as usize;
    let mut prime = vec![true; limit + 1];
    prime[..2].fill(false);
    for p in 2..=limit {
        if prime[p] && p * p <= limit {
            (p * p..=limit)
                .step_by(p)
                .for_each(|multiple| prime[multiple] = false);
        }
    }
    let primes: Vec<usize> = (0..=limit).filter(|&n| prime[n]).collect();
    words(&[primes.len() as u32, primes[primes.len() - 1] as u32])
}

fn matmul_input(log2: u32) -> Vec<u8> {
    format!("{} 3", (cycles(log2) / 9.0).cbrt() as u32).into_bytes()
}

fn matmul(input: &[u8]) -> Vec<u8> {
    let [size, mut state] = numbers(input)[..] else {
        panic!("two numbers")
    };
    let n = size as usize;
    let mut matrix = || {
        (0..n * n)
            .map(|_| xorshift(&mut state))
            .collect::<Vec<u32>>()
    };
    let (a, b) = (matrix(), matrix());
    let cell = |i: usize, j: usize| {
        let terms = (0..n).map(|k| a[i * n + k].wrapping_mul(b[k * n + j]));
        terms.fold(0u32, u32::wrapping_add)
    };
    let sum = fingerprint((0..n * n).map(|index| cell(index / n, index % n)));
    words(&[sum, (0..n).map(|i| cell(i, i)).fold(0, u32::wrapping_add)])
}

fn btree_input(log2: u32) -> Vec<u8> {
    format!("{} 5", size_n_log_n(log2, 29.5)).into_bytes()
}

fn btree(input: &[u8]) -> Vec<u8> {
    let [count, mut state] = numbers(input)[..] else {
        panic!("two numbers")
    };
    let mut map = BTreeMap::<u32, u32>::new();
    for index in 0..count {
        let value = map.entry(xorshift(&mut state) % count).or_default();
        *value = value.wrapping_add(index);
    }
    let hits = (0..count)
        .filter(|_| map.contains_key(&(xorshift(&mut state) % count)))
        .count();
    let sum = fingerprint(map.iter().flat_map(|(&key, &value)| [key, value]));
    words(&[map.len() as u32, hits as u32, sum])
}

fn bytecode_input(log2: u32) -> Vec<u8> {
    let limit = (cycles(log2) / 8000.0).powf(1.0 / 1.2).max(6.0) as u32;
    format!("{limit}").into_bytes()
}

fn bytecode(input: &[u8]) -> Vec<u8> {
    let mut best = (0, 0);
    for start in 1..numbers(input)[0] {
        let (mut value, mut steps) = (u64::from(start), 0);
        while value > 1 {
            value = if value % 2 == 1 {
                3 * value + 1
            } else {
                value / 2
            };
            assert!(value < 1 << 32, "the guest has 32 bits");
            steps += 1;
        }
        if steps > best.1 {
            best = (start, steps);
        }
    }
    words(&[best.0, best.1])
}

fn modexp_input(log2: u32) -> Vec<u8> {
    // One word of the exponent costs about 48 products of 1024 bits: a million cycles and a half.
    let words = if log2 < 20 { 4 } else { 32 };
    let setup = 360.0 * f64::from(words * words) + 7000.0;
    let digit = 105.0 * f64::from(words * words) + 200.0 * f64::from(words);
    let digits = ((cycles(log2) - setup) / digit).max(1.0) as usize;
    let odd = format!("e{}b", "7c".repeat(4 * words as usize - 1));
    format!(
        "{odd} {} {}",
        "5a".repeat(4 * words as usize),
        "b".repeat(digits)
    )
    .into_bytes()
}

fn modexp(input: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(input).expect("text");
    let number = |digits: &str| BigUint::parse_bytes(digits.as_bytes(), 16).expect("hexadecimal");
    let [modulus, base, exponent] = text
        .split(' ')
        .map(number)
        .collect::<Vec<_>>()
        .try_into()
        .expect("three");
    let mut bytes = base.modpow(&exponent, &modulus).to_bytes_le();
    bytes.resize(modulus.bits().div_ceil(32) as usize * 4, 0);
    bytes
}

fn inflate_input(log2: u32) -> Vec<u8> {
    let out = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    encoder
        .write_all(&text((cycles(log2) / 60.0) as usize))
        .expect("memory");
    encoder.finish().expect("memory")
}

fn inflate(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(input)
        .read_to_end(&mut out)
        .expect("a gzip file");
    out
}

fn json_input(log2: u32) -> Vec<u8> {
    let mut text = b"[".to_vec();
    let count = (cycles(log2) / 30.5) as usize;
    let mut state = 11;
    while text.len() + 100 < count {
        let (id, number) = (xorshift(&mut state), xorshift(&mut state) as i32);
        let tail = r#""tags": ["a\n", "\u0041\"b"], "ok": true, "none": null, "deep": [[{}]]}, "#;
        write!(text, r#"{{"id": {id}, "ratio": {number}.25e-3, {tail}"#).expect("memory");
    }
    text.extend(b"false]");
    text
}

fn json(input: &[u8]) -> Vec<u8> {
    let value = serde_json::from_slice(input).expect("JSON");
    let mut counts = [0; 7];
    count_json(&value, 0, &mut counts);
    words(&counts)
}

fn count_json(value: &serde_json::Value, depth: u32, counts: &mut [u32; 7]) {
    use serde_json::Value;
    let string = |counts: &mut [u32; 7], text: &str| {
        counts[2] += 1;
        counts[6] += text.len() as u32;
    };
    match value {
        Value::Object(fields) => {
            counts[0] += 1;
            for (name, value) in fields {
                string(counts, name);
                count_json(value, depth + 1, counts);
            }
            counts[5] = counts[5].max(depth + 1);
        }
        Value::Array(values) => {
            counts[1] += 1;
            values
                .iter()
                .for_each(|value| count_json(value, depth + 1, counts));
            counts[5] = counts[5].max(depth + 1);
        }
        Value::String(text) => string(counts, text),
        Value::Number(_) => counts[3] += 1,
        Value::Bool(_) | Value::Null => counts[4] += 1,
    }
}
