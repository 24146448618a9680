use std::io::{BufRead, Read, Result};

/// Lines that end in a line feed, the last one too, whatever system wrote them: so that they can be counted.
pub struct UnixLines<R> {
    inner: R,
    /// A carriage return that may be the end of a line.
    held: bool,
    last: u8,
    ended: bool,
}

impl<R: BufRead> UnixLines<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, held: false, last: b'\n', ended: false }
    }

    /// The next byte, of an end of line its line feed.
    fn next(&mut self) -> Result<Option<u8>> {
        loop {
            let Some(byte) = self.inner.fill_buf()?.first().copied() else {
                // A carriage return at the very end was one, too.
                let missing = std::mem::take(&mut self.held) || self.last != b'\n';
                return Ok((missing && !std::mem::replace(&mut self.ended, true)).then_some(b'\n'));
            };
            if self.held && byte != b'\n' {
                self.held = false;
                return Ok(Some(b'\r'));
            }
            self.inner.consume(1);
            self.held = byte == b'\r';
            if !self.held {
                return Ok(Some(byte));
            }
        }
    }
}

impl<R: BufRead> Read for UnixLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut length = 0;
        while length < buffer.len() {
            let Some(byte) = self.next()? else { break };
            (buffer[length], self.last) = (byte, byte);
            length += 1;
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_ends_alike() {
        for (text, expected) in [
            ("", ""),
            ("a\r\nb", "a\nb\n"),
            ("a\nb\n", "a\nb\n"),
            ("a\rb\r\n", "a\rb\n"),
            ("\r\r\n", "\r\n"),
            ("a\r", "a\n"),
        ] {
            for size in [1, 3, 100] {
                let mut reader = UnixLines::new(std::io::BufReader::with_capacity(size, text.as_bytes()));
                let mut read = String::new();
                reader.read_to_string(&mut read).unwrap();
                assert_eq!(read, expected, "{text:?}");
            }
        }
    }
}
