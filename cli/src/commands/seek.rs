//! `seek`: registers, instructions and memory before any one cycle of a run.

use std::io::Write;

use serde_json::{Map, Value, json};
use tracelane::Program;
use tracelane::checkpoint::CheckpointSource;
use tracelane::isa::text::REGISTER_NAMES;
use tracelane::replay::{MachineState, ReplayOptions, Run, seek as show};

use crate::args::SeekOptions;
use crate::commands::inspect::open;
use crate::failure::Failure;
use crate::{files, format, interrupt};

/// Instructions shown before and behind the next one.
const AROUND: u32 = 4;

/// Words of memory on a line.
const LINE_WORDS: u64 = 4;

/// `tracelane seek`.
pub fn seek(options: &SeekOptions) -> Result<(), Failure> {
    interrupt::at_once();
    let program = files::program(&options.elf)?;
    let file = open(&options.file, options.input.as_deref())?;
    let run = Run::new(&program, &file)?;
    let mut shown = None;
    show(
        &run,
        &ReplayOptions::default(),
        options.cycle,
        &mut |state| {
            shown = Some(Shown::new(state, options));
        },
    )?;
    // The library shows a state or says why not.
    let Some(shown) = shown else { return Ok(()) };
    let ended = (options.cycle == run.rows()).then(|| file.summary().exit_code);
    if options.json {
        format::print_json(&shown.report(&program, run.rows(), ended))
    } else {
        let text = shown.text(&program, run.rows(), ended);
        std::io::stdout()
            .lock()
            .write_all(text.as_bytes())
            .map_err(Failure::Output)
    }
}

/// What is shown of a state.
struct Shown {
    cycle: u64,
    pc: u32,
    registers: [u32; 32],
    text_bytes: u64,
    /// First address and words, for each range asked for.
    memory: Vec<(u64, Vec<u32>)>,
}

impl Shown {
    fn new(state: &MachineState<'_>, options: &SeekOptions) -> Self {
        let words = |range: &std::ops::Range<u64>| {
            let addresses = range.clone().step_by(4);
            addresses
                .map(|address| state.word(address as u32))
                .collect()
        };
        let memory = options.memory.iter();
        Self {
            cycle: state.cycle,
            pc: state.pc,
            registers: *state.registers,
            text_bytes: state.text_bytes,
            memory: memory
                .map(|range| (range.0.start, words(&range.0)))
                .collect(),
        }
    }

    /// Addresses of the instructions around the next one, as far as there is text.
    fn instructions(&self, program: &Program) -> Vec<u32> {
        let offsets = -i64::from(AROUND)..=i64::from(AROUND);
        let pcs = offsets.map(|offset| i64::from(self.pc) + 4 * offset);
        pcs.filter_map(|pc| u32::try_from(pc).ok())
            .filter(|&pc| program.word_at(pc).is_some())
            .collect()
    }

    fn text(&self, program: &Program, rows: u64, ended: Option<u32>) -> String {
        let (cycle, rows) = (format::count(self.cycle), format::count(rows));
        // Names come from the guest: no control character of theirs reaches a terminal.
        let symbol = program.locate(self.pc);
        let symbol = symbol.map_or(String::new(), |name| format!(" <{}>", name.escape_debug()));
        let mut text = format!(
            "cycle  {cycle} of {rows}\npc     {:#010x}{symbol}\n",
            self.pc
        );
        if let Some(code) = ended {
            text += &format!("ended  with exit code {code}\n");
        }
        text += &format!(
            "text   {} bytes written\n\n",
            format::count(self.text_bytes)
        );
        let registers = REGISTER_NAMES.iter().zip(&self.registers);
        for (index, (name, value)) in registers.enumerate() {
            let end = if index % 4 == 3 { "\n" } else { "  " };
            text += &format!("{name:<4} {value:#010x}{end}");
        }
        text += "\n";
        for pc in self.instructions(program) {
            let marker = if pc == self.pc && ended.is_none() {
                "->"
            } else {
                "  "
            };
            text += &format!("{marker} {pc:#010x}  {}\n", program.disassemble(pc));
        }
        for (start, words) in &self.memory {
            text += "\n";
            for (line, words) in words.chunks(LINE_WORDS as usize).enumerate() {
                let address = start + line as u64 * LINE_WORDS * 4;
                let words: Vec<String> = words.iter().map(|word| format!("{word:#010x}")).collect();
                text += &format!("{address:#010x}  {}\n", words.join(" "));
            }
        }
        text
    }

    fn report(&self, program: &Program, rows: u64, ended: Option<u32>) -> Value {
        let named = REGISTER_NAMES.iter().zip(self.registers);
        let registers: Map<String, Value> = named
            .map(|(name, value)| ((*name).to_owned(), value.into()))
            .collect();
        let instructions: Vec<Value> = self
            .instructions(program)
            .into_iter()
            .map(|pc| {
                let next = pc == self.pc && ended.is_none();
                json!({ "pc": pc, "text": program.disassemble(pc), "next": next })
            })
            .collect();
        let memory: Vec<Value> = self
            .memory
            .iter()
            .map(|(address, words)| json!({ "address": address, "words": words }))
            .collect();
        json!({
            "schema": "tracelane.seek",
            "schema_version": 1,
            "cycle": self.cycle,
            "total_num_cycles": rows,
            "exit_code": ended,
            "pc": self.pc,
            "symbol": program.locate(self.pc),
            "text_bytes": self.text_bytes,
            "registers": registers,
            "instructions": instructions,
            "memory": memory,
        })
    }
}
