//! The guest's text on its way to stdout or stderr.
//!
//! In: bytes, in pieces that may end in the middle of a character. Out: the same bytes; on a terminal
//! without control characters, which could rewrite the screen. It remembers that stdout did not take
//! them; stderr is never worth an error.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::mem;

use tracelane::vm::TextSink;

use crate::failure::Failure;

/// Passes a guest's text on: descriptor 1 to stdout or, where stdout is for results, to stderr.
pub struct Terminal {
    stdout_is_guests: bool,
    stdout: Stream,
    stderr: Stream,
    failed: Option<io::Error>,
}

impl Terminal {
    /// For a command whose stdout is the guest's, or not.
    pub fn new(stdout_is_guests: bool) -> Self {
        Self {
            stdout_is_guests,
            stdout: Stream::new(io::stdout().is_terminal()),
            stderr: Stream::new(io::stderr().is_terminal()),
            failed: None,
        }
    }

    /// Writes what is left, ends a line that people see, and says whether stdout took everything. A reader that has had enough of
    /// it is no failure.
    pub fn close(&mut self) -> Result<(), Failure> {
        // What we say of the run begins a line of its own.
        let _unread = self.stderr.close(&mut io::stderr().lock(), true);
        let mut stdout = io::stdout().lock();
        let ends_line = self.stdout.terminal;
        let closed = self.stdout.close(&mut stdout, ends_line);
        let closed = closed.and_then(|()| stdout.flush());
        match self.failed.take().map_or(closed, Err) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            _ => Ok(()),
        }
    }
}

impl Drop for Terminal {
    /// Ends what a run that failed has begun.
    fn drop(&mut self) {
        let _unread = self.close();
    }
}

impl TextSink for Terminal {
    fn write_text(&mut self, descriptor: u32, bytes: &[u8]) {
        if descriptor == 1 && self.stdout_is_guests {
            // What follows on what is lost would only mislead.
            if self.failed.is_none() {
                self.failed = self.stdout.write(&mut io::stdout().lock(), bytes).err();
            }
        } else {
            let _unread = self.stderr.write(&mut io::stderr().lock(), bytes);
        }
    }
}

/// One way out, and the bytes of a character that has not been written whole yet.
struct Stream {
    terminal: bool,
    begun: Vec<u8>,
    /// Whether what was written ends in the middle of a line.
    in_line: bool,
}

impl Stream {
    fn new(terminal: bool) -> Self {
        Self {
            terminal,
            begun: Vec::new(),
            in_line: false,
        }
    }

    fn write(&mut self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        self.in_line = bytes.last().map_or(self.in_line, |&last| last != b'\n');
        if !self.terminal {
            return out.write_all(bytes);
        }
        let mut text = mem::take(&mut self.begun);
        text.extend_from_slice(bytes);
        // Three bytes at the most can be the beginning of a character.
        let complete = text.len() - incomplete_tail(&text);
        self.begun = text.split_off(complete);
        write_plain(out, &text)
    }

    fn close(&mut self, out: &mut impl Write, ends_line: bool) -> io::Result<()> {
        write_plain(out, &mem::take(&mut self.begun))?;
        if ends_line && mem::take(&mut self.in_line) {
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Bytes at the end of `text` that may be the beginning of a character.
fn incomplete_tail(text: &[u8]) -> usize {
    match text.utf8_chunks().last() {
        // One that is wrong at the very end of the text is wrong for its end, unless nothing that
        // follows could complete it.
        Some(last) => match std::str::from_utf8(last.invalid()) {
            Err(error) if error.error_len().is_none() => last.invalid().len(),
            _ => 0,
        },
        None => 0,
    }
}

/// Writes guest text for a terminal.
fn write_plain(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '\n' | '\t' => write!(out, "{character}")?,
            _ if character.is_control() => write!(out, "{}", character.escape_unicode())?,
            _ => write!(out, "{character}")?,
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]]) -> String {
        let (mut stream, mut out) = (Stream::new(true), Vec::new());
        for piece in pieces {
            stream.write(&mut out, piece).expect("memory");
        }
        stream.close(&mut out, false).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn text_on_a_terminal_does_not_depend_on_where_it_is_cut() {
        let text = "a\u{e9}\u{20ac}\u{1f980}b".as_bytes();
        let broken = b"x\xe2\x82y\xff\xf0\x9f\xa6";
        for whole in [text, broken] {
            let expected = String::from_utf8_lossy(whole);
            assert_eq!(written(&[whole]), expected);
            for cut in 0..=whole.len() {
                for second in cut..=whole.len() {
                    let pieces = [&whole[..cut], &whole[cut..second], &whole[second..]];
                    assert_eq!(written(&pieces), expected, "cut at {cut} and {second}");
                }
            }
        }
    }

    #[test]
    fn a_line_is_ended_where_it_is_open() {
        for (pieces, expected) in [
            (&[&b"a"[..], b""][..], "a\n"),
            (&[b"a\n"], "a\n"),
            (&[b"a\n", b"", b"b"], "a\nb\n"),
            (&[], ""),
        ] {
            let (mut stream, mut out) = (Stream::new(false), Vec::new());
            for piece in pieces {
                stream.write(&mut out, piece).expect("memory");
            }
            stream.close(&mut out, true).expect("memory");
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }

    #[test]
    fn control_characters_reach_no_terminal() {
        assert_eq!(written(&[b"\x1b[2J\tx\r\n"]), "\\u{1b}[2J\tx\\u{d}\n");
    }
}
