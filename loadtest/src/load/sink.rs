//! A provider that costs little: it takes every message, and notes when which one came.
//!
//! The fake of the test kit keeps and checks what it takes, which costs as much as sending it does. This one knows only
//! as much of the protocol as the program's client needs.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use crate::http::Head;

/// What the load flow's reply begins with, and then a message of this scenario.
const REPLY: &[u8] = b"You said: t";

/// When replies came, by the number of the message they answer.
#[derive(Debug)]
pub struct Arrivals {
    began: Instant,
    /// Microseconds since the beginning, and one; 0 for what has not come.
    times: Vec<AtomicU64>,
    contacts: Vec<Notify>,
    came: AtomicUsize,
    again: AtomicU64,
    unread: AtomicU64,
}

impl Arrivals {
    /// Room for so many messages of so many contacts; message n is the next of contact n modulo contacts.
    pub fn new(messages: usize, contacts: usize) -> Self {
        Self {
            began: Instant::now(),
            times: (0..messages).map(|_| AtomicU64::new(0)).collect(),
            contacts: (0..contacts).map(|_| Notify::new()).collect(),
            came: AtomicUsize::new(0),
            again: AtomicU64::new(0),
            unread: AtomicU64::new(0),
        }
    }

    fn note(&self, number: Option<usize>) {
        let Some((number, time)) = number.and_then(|number| Some((number, self.times.get(number)?))) else {
            self.unread.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX - 1) + 1;
        if time.compare_exchange(0, micros, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            self.again.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.came.fetch_add(1, Ordering::Relaxed);
        if let Some(contact) = self.contacts.get(number % self.contacts.len().max(1)) {
            contact.notify_one();
        }
    }

    /// When the reply to a message came.
    pub fn at(&self, number: usize) -> Option<Instant> {
        match self.times.get(number)?.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(self.began + Duration::from_micros(micros - 1)),
        }
    }

    /// Waits for the next reply to a contact.
    pub async fn next(&self, contact: usize) {
        if let Some(contact) = self.contacts.get(contact) {
            contact.notified().await;
        }
    }

    /// How many messages were answered.
    pub fn came(&self) -> usize {
        self.came.load(Ordering::Relaxed)
    }

    /// How many replies came again, and how many answer no message.
    pub fn strays(&self) -> (u64, u64) {
        (self.again.load(Ordering::Relaxed), self.unread.load(Ordering::Relaxed))
    }
}

/// A running provider. It stops when it is dropped.
#[derive(Debug)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    /// Starts one that notes when replies come.
    pub async fn start(arrivals: Arc<Arrivals>) -> Result<Self> {
        let tell = move |body: &[u8]| {
            if !is_mark(body) {
                arrivals.note(number(body));
            }
        };
        Self::telling(Duration::ZERO, tell).await
    }

    /// Starts one that tells of the body of each message as it comes, and answers so long afterwards.
    pub async fn telling<F>(answers_after: Duration, tell: F) -> Result<Self>
    where
        F: Fn(&[u8]) + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let (ids, tell) = (Arc::new(AtomicU64::new(0)), Arc::new(tell));
            while let Ok((stream, _)) = listener.accept().await {
                let (ids, tell) = (Arc::clone(&ids), Arc::clone(&tell));
                // It ends when the program closes the connection.
                tokio::spawn(async move {
                    let _ = serve(stream, &*tell, answers_after, &ids).await;
                });
            }
        });
        Ok(Self { address, task })
    }
}

async fn serve(
    mut stream: TcpStream,
    tell: &(dyn Fn(&[u8]) + Send + Sync),
    answers_after: Duration,
    ids: &AtomicU64,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let head = loop {
            if let Some(head) = Head::read(&buffer)?.filter(|head| buffer.len() >= head.end + head.body) {
                break head;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let body = &buffer[head.end..head.end + head.body];
        tell(body);
        let to = recipient(body);
        buffer.drain(..head.end + head.body);
        if !answers_after.is_zero() {
            tokio::time::sleep(answers_after).await;
        }
        let id = ids.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"messaging_product":"whatsapp","contacts":[{{"input":"{to}","wa_id":"{to}"}}],"messages":[{{"id":"wamid.sink.{id}"}}]}}"#
        );
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Whether this says that a message was read, or that somebody types: no reply.
fn is_mark(body: &[u8]) -> bool {
    let mark = br#""status":"read""#;
    body.windows(mark.len()).any(|window| window == mark)
}

/// Whom a message goes to: the answer names them, as WhatsApp's does.
fn recipient(body: &[u8]) -> String {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let to = value.as_ref().and_then(|value| value.get("to")).and_then(Value::as_str);
    to.unwrap_or("1").to_owned()
}

/// The number of the message that a reply answers.
fn number(body: &[u8]) -> Option<usize> {
    let start = body.windows(REPLY.len()).position(|window| window == REPLY)? + REPLY.len();
    let digits = body[start..].iter().take_while(|byte| byte.is_ascii_digit());
    let text: String = digits.map(|byte| char::from(*byte)).collect();
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart() {
        assert_eq!(number(br#"{"text":{"body":"You said: t42 (3 characters, message 1)"}}"#), Some(42));
        assert_eq!(number(br#"{"text":{"body":"Sorry"}}"#), None);
        let arrivals = Arrivals::new(2, 1);
        for number in [Some(1), Some(1), Some(7), None] {
            arrivals.note(number);
        }
        assert!(arrivals.at(1).is_some() && arrivals.at(0).is_none());
        assert_eq!((arrivals.came(), arrivals.strays()), (1, (1, 2)));
    }
}
