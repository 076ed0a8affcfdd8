//! The one question that is asked of a name server: which texts stand at a name (RFC 1035, TXT). An answer that was cut
//! is asked for again over TCP.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

const TXT: u16 = 16;
const INTERNET: u16 = 1;
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often UDP is tried.
const TRIES: usize = 2;
/// The longest answer over UDP that is asked for.
const DATAGRAM: usize = 4096;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is none.
    #[error("not a name that can be looked up")]
    Name,
    /// The server does not answer.
    #[error("the name server does not answer")]
    NoAnswer,
    /// The server cannot be reached.
    #[error("the name server cannot be reached: {0}")]
    Io(#[from] std::io::Error),
    /// What it answers is no DNS.
    #[error("the name server's answer cannot be read")]
    Malformed,
    /// The server refuses or fails.
    #[error("the name server answers with code {0}")]
    Refused(u8),
    /// The machine gave no randomness.
    #[error("no randomness available")]
    Randomness,
}

/// A name server.
#[derive(Debug, Clone, Copy)]
pub struct Resolver {
    server: SocketAddr,
}

impl Resolver {
    /// This one.
    pub const fn new(server: SocketAddr) -> Self {
        Self { server }
    }

    /// The first name server of a `resolv.conf`.
    pub fn of_resolv_conf(text: &str) -> Option<Self> {
        let mut words = text.lines().map(str::split_whitespace);
        let address: IpAddr = words.find_map(|mut line| {
            (line.next() == Some("nameserver")).then(|| line.next()?.parse().ok()).flatten()
        })?;
        Some(Self::new(SocketAddr::new(address, 53)))
    }

    /// The texts at a name; none where there is no such name. Pieces of one text are joined.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let mut id = [0_u8; 2];
        getrandom::fill(&mut id).map_err(|_| Error::Randomness)?;
        let query = query(u16::from_be_bytes(id), name)?;
        for _ in 0..TRIES {
            match timeout(PATIENCE, self.ask_udp(&query)).await {
                Ok(Ok(Answer::Texts(texts))) => return Ok(texts),
                Ok(Ok(Answer::Cut)) => {
                    let answer = timeout(PATIENCE, self.ask_tcp(&query)).await;
                    return match answer.map_err(|_| Error::NoAnswer)?? {
                        Answer::Texts(texts) => Ok(texts),
                        Answer::Cut => Err(Error::Malformed),
                    };
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => {}
            }
        }
        Err(Error::NoAnswer)
    }

    async fn ask_udp(&self, query: &[u8]) -> Result<Answer, Error> {
        let any: SocketAddr =
            if self.server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(self.server).await?;
        socket.send(query).await?;
        let mut buffer = [0_u8; DATAGRAM];
        loop {
            let length = socket.recv(&mut buffer).await?;
            let answer = &buffer[..length];
            // Somebody may guess along: what does not repeat the question is not the answer.
            if repeats(query, answer) {
                return read(answer);
            }
        }
    }

    async fn ask_tcp(&self, query: &[u8]) -> Result<Answer, Error> {
        let mut stream = TcpStream::connect(self.server).await?;
        let length = u16::try_from(query.len()).map_err(|_| Error::Name)?;
        stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
        let mut length = [0_u8; 2];
        stream.read_exact(&mut length).await?;
        let mut answer = vec![0_u8; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).await?;
        if repeats(query, &answer) { read(&answer) } else { Err(Error::Malformed) }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Texts(Vec<String>),
    Cut,
}

/// A question: header, name, type, class.
fn query(id: u16, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = id.to_be_bytes().to_vec();
    // Recursion is desired; one question.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length));
        bytes.push(length.ok_or(Error::Name)?);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes.extend(TXT.to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    if bytes.len() > 12 + 255 + 4 { Err(Error::Name) } else { Ok(bytes) }
}

/// Whether an answer has the id and the question of the query.
fn repeats(query: &[u8], answer: &[u8]) -> bool {
    let question = &query[12..];
    answer.get(..2) == Some(&query[..2])
        && answer.get(12..12 + question.len()).is_some_and(|asked| asked.eq_ignore_ascii_case(question))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(count).ok_or(Error::Malformed)?;
        let taken = self.bytes.get(self.at..end).ok_or(Error::Malformed)?;
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, Error> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    /// Steps over a name; one that goes on elsewhere ends with the pointer.
    fn skip_name(&mut self) -> Result<(), Error> {
        loop {
            match self.take(1)?[0] {
                0 => return Ok(()),
                pointer if pointer >= 0xc0 => return self.take(1).map(|_| ()),
                length if length < 64 => {
                    self.take(usize::from(length))?;
                }
                _ => return Err(Error::Malformed),
            }
        }
    }
}

fn read(answer: &[u8]) -> Result<Answer, Error> {
    let mut reader = Reader { bytes: answer, at: 2 };
    let flags = reader.number()?;
    if flags & 0x8000 == 0 {
        return Err(Error::Malformed);
    }
    if flags & 0x0200 != 0 {
        return Ok(Answer::Cut);
    }
    match flags & 0x000f {
        0 => {}
        // No such name: there is nothing at it.
        3 => return Ok(Answer::Texts(Vec::new())),
        code => return Err(Error::Refused(u8::try_from(code).unwrap_or(u8::MAX))),
    }
    let (questions, answers) = (reader.number()?, reader.number()?);
    reader.take(4)?;
    for _ in 0..questions {
        reader.skip_name()?;
        reader.take(4)?;
    }
    let mut texts = Vec::new();
    for _ in 0..answers {
        reader.skip_name()?;
        let kind = reader.number()?;
        reader.take(6)?;
        let length = usize::from(reader.number()?);
        let data = reader.take(length)?;
        // An alias is followed by the server; its records stand in the same answer.
        if kind == TXT {
            texts.push(text(data)?);
        }
    }
    Ok(Answer::Texts(texts))
}

fn text(data: &[u8]) -> Result<String, Error> {
    let mut reader = Reader { bytes: data, at: 0 };
    let mut joined = Vec::new();
    while reader.at < data.len() {
        let length = usize::from(reader.take(1)?[0]);
        joined.extend(reader.take(length)?);
    }
    Ok(String::from_utf8_lossy(&joined).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer to a query with these records, each of a type and its data; an alias comes first.
    fn answer(query: &[u8], flags: [u8; 2], records: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = query[..2].to_vec();
        bytes.extend(flags);
        bytes.extend([0, 1]);
        bytes.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
        bytes.extend([0, 0, 0, 0]);
        bytes.extend(&query[12..]);
        for (kind, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 60]);
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }

    fn piece(text: &str) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(text.len()).unwrap()];
        bytes.extend(text.bytes());
        bytes
    }

    #[test]
    fn texts_are_found_among_other_records() {
        let query = query(7, "_x.example.org").unwrap();
        let long = [piece(&"a".repeat(200)), piece("b")].concat();
        let answer = answer(&query, [0x81, 0x80], &[(5, vec![0]), (TXT, piece("token")), (TXT, long)]);
        assert!(repeats(&query, &answer));
        let texts = vec!["token".to_owned(), format!("{}b", "a".repeat(200))];
        assert_eq!(read(&answer).unwrap(), Answer::Texts(texts));
    }

    #[test]
    fn no_name_a_cut_and_a_failure_are_told_apart() {
        let query = query(7, "example.org").unwrap();
        assert_eq!(read(&answer(&query, [0x81, 0x83], &[])).unwrap(), Answer::Texts(Vec::new()));
        assert_eq!(read(&answer(&query, [0x83, 0x80], &[])).unwrap(), Answer::Cut);
        assert!(matches!(read(&answer(&query, [0x81, 0x82], &[])), Err(Error::Refused(2))));
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        for name in ["", "a..b", &"x".repeat(64), &format!("{}org", "abcdefgh.".repeat(40))] {
            assert!(matches!(query(1, name), Err(Error::Name)), "{name}");
        }
    }

    #[test]
    fn the_first_name_server_is_taken() {
        let text = "# local\nsearch example.org\nnameserver 127.0.0.53\nnameserver 9.9.9.9\n";
        assert_eq!(Resolver::of_resolv_conf(text).unwrap().server, ([127, 0, 0, 53], 53).into());
        assert!(Resolver::of_resolv_conf("options edns0").is_none());
    }

    #[tokio::test]
    async fn a_cut_answer_is_asked_for_over_tcp_and_a_guessed_one_is_not_taken() {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        let tcp = tokio::net::TcpListener::bind(address).await.unwrap();
        let server = tokio::spawn(async move {
            let mut buffer = [0_u8; 512];
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let query = buffer[..length].to_vec();
            let mut guessed = answer(&query, [0x81, 0x80], &[(TXT, piece("guessed"))]);
            guessed[0] ^= 1;
            udp.send_to(&guessed, from).await.unwrap();
            udp.send_to(&answer(&query, [0x83, 0x80], &[]), from).await.unwrap();
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut asked = vec![0_u8; length + 2];
            stream.read_exact(&mut asked).await.unwrap();
            let answer = answer(&query, [0x81, 0x80], &[(TXT, piece("right"))]);
            let length = u16::try_from(answer.len()).unwrap();
            stream.write_all(&[&length.to_be_bytes()[..], &answer].concat()).await.unwrap();
        });
        let texts = Resolver::new(address).texts("_x.example.org").await.unwrap();
        assert_eq!(texts, ["right"]);
        server.await.unwrap();
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
