//! A WebSocket client that costs little (RFC 6455): no library's buffers, so that one process holds tens of thousands.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Sockets of one source address: beyond it a system runs out of ports.
const PER_ADDRESS: usize = 10_000;
/// What is read at once.
const PIECE: usize = 512;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes at the beginning of the buffer that have been given out.
    done: usize,
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A text.
    Text(&'a str),
    /// The server's goodbye, with its code; 0 where it gave none.
    Close(u16),
}

/// What a widget's server says (`docs/widget-protocol.md`).
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told {
    /// A frame of the history.
    Frame {
        /// Its number.
        seq: i64,
        /// Who it is of.
        role: String,
        /// What it holds.
        content: Value,
        /// The visitor's own id of it.
        client_msg_id: Option<String>,
    },
    /// What was missed has been sent.
    Ready {
        /// The highest number.
        last_seq: i64,
    },
    /// What was said is durable.
    Accepted {
        /// The visitor's own id of it.
        client_msg_id: String,
    },
    /// What was said was refused.
    Error {
        /// Why.
        code: String,
        /// When it may be said again.
        #[serde(default)]
        retry_after_ms: u64,
    },
    /// The server restarts.
    Reconnect {
        /// When to come back.
        after_ms: u64,
    },
    /// The history is another one.
    Reset,
    /// Anything else.
    #[serde(other)]
    Other,
}

/// The secret of the n-th visitor.
pub fn secret(number: usize) -> String {
    format!("{number:064x}")
}

/// The first frame of the n-th visitor who has everything up to a number.
pub fn hello(number: usize, last_seq: i64) -> String {
    format!(r#"{{"type":"hello","v":1,"secret":"{}","last_seq":{last_seq}}}"#, secret(number))
}

impl Socket {
    /// Opens the n-th socket of this process.
    pub async fn open(server: SocketAddr, path: &str, number: usize) -> io::Result<Self> {
        match tokio::time::timeout(HANDSHAKE, Self::shake_hands(server, path, number)).await {
            Ok(opened) => opened,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn shake_hands(server: SocketAddr, path: &str, number: usize) -> io::Result<Self> {
        let client = TcpSocket::new_v4()?;
        let host = u8::try_from(number / PER_ADDRESS).unwrap_or(u8::MAX - 2) + 2;
        client.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
        let mut stream = client.connect(server).await?;
        stream.set_nodelay(true)?;
        // The key and its answer are those of RFC 6455, 1.3.
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(PIECE);
        let end = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]);
        if !head.starts_with("HTTP/1.1 101 ") || !head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
            let first = head.lines().next().unwrap_or_default().to_owned();
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, first));
        }
        Ok(Self { stream, buffer, done: end })
    }

    /// Opens a widget's socket, says hello, and waits until it is ready. Gives the frames that were missed.
    pub async fn visit(
        server: SocketAddr,
        path: &str,
        number: usize,
        last_seq: i64,
    ) -> io::Result<(Self, Vec<Told>)> {
        let mut socket = Self::open(server, path, number).await?;
        socket.send(&hello(number, last_seq)).await?;
        let ready = async {
            let mut missed = Vec::new();
            loop {
                match socket.told().await? {
                    Told::Ready { .. } => return Ok::<_, io::Error>(missed),
                    told => missed.push(told),
                }
            }
        };
        let missed = tokio::time::timeout(HANDSHAKE, ready).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok((socket, missed))
    }

    /// Sends a text.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(&masked(TEXT, text.as_bytes())).await
    }

    /// What the server says next, as the widget's protocol has it. Its goodbye is an error.
    pub async fn told(&mut self) -> io::Result<Told> {
        match self.next().await? {
            Heard::Text(text) => {
                serde_json::from_str(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            }
            Heard::Close(code) => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, format!("closed with {code}")))
            }
        }
    }

    /// The next text or the server's goodbye; pings are answered. What has not been heard whole is kept when this is
    /// not awaited to its end.
    pub async fn next(&mut self) -> io::Result<Heard<'_>> {
        let (opcode, start, end) = loop {
            if self.done > 0 {
                self.buffer.drain(..self.done);
                self.done = 0;
            }
            let Some((opcode, start, end)) = frame(&self.buffer)? else {
                self.buffer.reserve(PIECE);
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            };
            if opcode == PING {
                let pong = masked(PONG, &self.buffer[start..end]);
                self.stream.write_all(&pong).await?;
            }
            self.done = end;
            if matches!(opcode, TEXT | CLOSE) {
                break (opcode, start, end);
            }
        };
        let payload = &self.buffer[start..end];
        if opcode == CLOSE {
            return Ok(Heard::Close(payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code))));
        }
        let text = std::str::from_utf8(payload);
        text.map(Heard::Text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// The first frame of some bytes, if it is whole: what it is, where its content begins, where it ends.
fn frame(bytes: &[u8]) -> io::Result<Option<(u8, usize, usize)>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    if first & 0x80 == 0 || second & 0x80 != 0 {
        return Err(invalid("frame is masked or in pieces"));
    }
    let (start, len) = match (second & 0x7f, rest) {
        (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        (126, _) => return Ok(None),
        (127, _) => return Err(invalid("frame is too large")),
        (len, _) => (2, usize::from(len)),
    };
    Ok((bytes.len() >= start + len).then_some((first & 0x0f, start, start + len)))
}

/// A frame of a client. The mask is 0, which leaves the content as it is: nobody is between the two ends here.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 8);
    frame.push(0x80 | opcode);
    match u8::try_from(payload.len()) {
        Ok(len) if len < 126 => frame.push(0x80 | len),
        _ => {
            frame.push(0xfe);
            // Nothing that is sent here is longer.
            frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        assert_eq!(frame(&[]).unwrap(), None);
        assert_eq!(frame(&[0x81, 3, b'a', b'b']).unwrap(), None);
        assert_eq!(frame(&[0x81, 3, b'a', b'b', b'c', 0x81]).unwrap(), Some((TEXT, 2, 5)));
        let long = [&[0x81, 126, 0, 200][..], &[b'x'; 200]].concat();
        assert_eq!(frame(&long).unwrap(), Some((TEXT, 4, 204)));
        assert_eq!(frame(&long[..3]).unwrap(), None);
        assert!(frame(&[0x81, 0x83]).is_err());
        assert!(frame(&[0x01, 3]).is_err());
    }

    #[test]
    fn what_is_sent_is_masked() {
        assert_eq!(masked(PONG, b"a"), [0x8a, 0x81, 0, 0, 0, 0, b'a']);
        assert_eq!(masked(TEXT, &[b'x'; 200])[..4], [0x81, 0xfe, 0, 200]);
    }

    #[test]
    fn what_the_server_says_is_read() {
        let told = |text| serde_json::from_str::<Told>(text).unwrap();
        assert!(matches!(
            told(r#"{"last_seq":4,"read_seq":1,"type":"ready","v":1}"#),
            Told::Ready { last_seq: 4 }
        ));
        assert!(matches!(told(r#"{"type":"typing","role":"bot"}"#), Told::Other));
    }
}
