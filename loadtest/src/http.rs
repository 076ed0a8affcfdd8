//! A client that costs little: HTTP/1.1 over one kept connection, requests made beforehand.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to one server. After an error it is of no use.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The bytes of a POST request.
pub fn post(path: &str, header: &str, value: &str, body: &str) -> Vec<u8> {
    post_with(path, &[(header, value.to_owned())], body)
}

/// The bytes of a POST request with several headers.
pub fn post_with(path: &str, headers: &[(&str, String)], body: &str) -> Vec<u8> {
    let headers = headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The bytes of a GET request.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and gives the status of the answer, which is read whole.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<u16> {
        match tokio::time::timeout(TIMEOUT, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = Head::read(&self.buffer)?
                && self.buffer.len() >= head.end + head.body
            {
                return Ok(head.status);
            }
        }
    }
}

/// Sends one request over a connection of its own.
pub async fn once(address: SocketAddr, request: &[u8]) -> io::Result<u16> {
    Connection::open(address).await?.send(request).await
}

/// The head of a message, answer or request: where it ends and how long the body after it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The status; 0 for a request.
    pub status: u16,
    /// The length of the head.
    pub end: usize,
    /// The length of the body.
    pub body: usize,
}

impl Head {
    /// Reads a head, if all of it is there. Bodies that do not tell their length are refused.
    pub fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| invalid("head is not text"))?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = match first.strip_prefix("HTTP/1.1 ") {
            Some(rest) => rest
                .get(..3)
                .and_then(|status| status.parse().ok())
                .ok_or_else(|| invalid("answer has no status"))?,
            None => 0,
        };
        let mut body = 0;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                body = value.trim().parse().map_err(|_| invalid("length is not a number"))?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(invalid("body comes in chunks"));
            }
        }
        Ok(Some(Self { status, end: end + 4, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        let head = Head::read(answer).unwrap().unwrap();
        assert_eq!(head, Head { status: 200, end: answer.len() - 3, body: 3 });
        assert_eq!(Head::read(&answer[..20]).unwrap(), None);
        let request = post("/x", "a", "b", "{}");
        let head = Head::read(&request).unwrap().unwrap();
        assert_eq!((head.status, head.body, head.end + 2), (0, 2, request.len()));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(Head::read(b"HTTP/1.1 x\r\n\r\n").is_err());
    }
}
