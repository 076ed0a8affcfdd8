//! Programs that others wrote, run against the API.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use botbuilder_api::{Api, outside::Outside};
use botbuilder_service::{config::Outbound, http::Client};
use botbuilder_sso::dns::Resolver;
use serde_json::Value;
use url::Url;

use crate::harness::Server;

fn client(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script)
}

/// A program of `tests/clients` that goes on until it is dropped. It is told its settings and prints where it is.
pub struct Program {
    child: Child,
    pub address: String,
}

impl Program {
    /// One for Node.js, with the folder of its npm package.
    pub fn start(script: &str, package: &Path, settings: &Value) -> Self {
        Self::spawn(Command::new("node").arg(client(script)).arg(package), settings)
    }

    /// One for Python, with the folder of its packages.
    pub fn start_python(script: &str, packages: &Path, settings: &Value) -> Self {
        Self::spawn(Command::new("python3").arg(client(script)).env("PYTHONPATH", packages), settings)
    }

    fn spawn(command: &mut Command, settings: &Value) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node or python3");
        let mut input = child.stdin.take().expect("its input");
        writeln!(input, "{settings}").expect("it reads");
        child.stdin = Some(input);
        let mut address = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut address).expect("it prints");
        assert!(address.starts_with("http"), "{command:?} does not say where it is");
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A name server that knows one text.
pub fn name_server(text: Arc<Mutex<String>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut buffer = [0_u8; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = &buffer[..length];
            let text = text.lock().expect("the text").clone();
            let count = u8::from(!text.is_empty());
            let mut answer = query[..2].to_vec();
            answer.extend([0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
            answer.extend(&query[12..]);
            if count == 1 {
                let size = u8::try_from(text.len()).expect("a short text");
                answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, size + 1, size]);
                answer.extend(text.bytes());
            }
            if socket.send_to(&answer, from).is_err() {
                return;
            }
        }
    });
    address
}

/// An API that listens on this machine, may call it, and has a name server.
pub struct Listening {
    pub server: Server,
    pub base_url: String,
    /// The text at every name.
    pub dns: Arc<Mutex<String>>,
}

/// An address of ours before anybody answers there: what is called has to know it.
pub struct Bound {
    listener: tokio::net::TcpListener,
    pub base_url: String,
}

impl Bound {
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        Self { listener, base_url }
    }

    /// Begins to answer; of this machine only the named addresses may be called.
    pub async fn start(self, may_call: &[&str]) -> Listening {
        let Self { listener, base_url } = self;
        let dns = Arc::new(Mutex::new(String::new()));
        let resolver = Resolver::new(name_server(Arc::clone(&dns)));
        let allow = may_call.iter().map(|url| url.parse().expect("an address")).collect();
        let http = Client::new(&Outbound { allow, ..Outbound::default() }).expect("a client");
        let outside = Outside::new(Some(http), Some(resolver), base_url.clone());
        let server = Server::start_with(|api: Api| api.reaching(outside)).await;
        let service = server.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Listening { server, base_url, dns }
    }
}

/// A browser: it keeps cookies and follows where it is sent.
pub struct Browser {
    http: reqwest::Client,
    jars: HashMap<String, HashMap<String, String>>,
}

/// What a browser gets.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    pub body: String,
}

impl Page {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Browser {
    #[expect(clippy::disallowed_methods, reason = "a browser is somebody else's program")]
    pub fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self { http: http.expect("a client"), jars: HashMap::new() }
    }

    /// The cookies of an address.
    pub fn cookies(&self, url: &str) -> HashMap<String, String> {
        self.jars.get(&origin(url)).cloned().unwrap_or_default()
    }

    /// Puts cookies in, as somebody would who stole or planted them.
    pub fn plant(&mut self, url: &str, cookies: HashMap<String, String>) {
        self.jars.insert(origin(url), cookies);
    }

    pub async fn send(&mut self, request: reqwest::RequestBuilder, url: &str) -> Page {
        let cookies = self.cookies(url);
        let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", cookies.join("; ")).send().await.expect("an answer");
        let jar = self.jars.entry(origin(url)).or_default();
        for set in answer.headers().get_all("set-cookie") {
            let (pair, rest) = set.to_str().expect("text").split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if value.is_empty() || rest.contains("Max-Age=0") || rest.contains("expires=Thu, 01 Jan 1970") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = answer.headers().get("location").map(|value| {
            let base: Url = url.parse().expect("an address");
            base.join(value.to_str().expect("text")).expect("an address").to_string()
        });
        Page { status: answer.status().as_u16(), location, body: answer.text().await.expect("a body") }
    }

    pub async fn get(&mut self, url: &str) -> Page {
        let request = self.http.get(url);
        self.send(request, url).await
    }

    /// Posts a form from a page of that address.
    pub async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(body);
        self.send(request, url).await
    }

    /// Follows where it is sent, up to the first address that begins so, which is not called.
    pub async fn follow(&mut self, url: &str, until: &str) -> String {
        let mut at = url.to_owned();
        for _ in 0..20 {
            let page = self.get(&at).await;
            at = page.location.clone().unwrap_or_else(|| panic!("{at} leads nowhere: {page:?}"));
            if at.starts_with(until) {
                return at;
            }
        }
        panic!("no end of redirects from {url}");
    }
}

fn origin(url: &str) -> String {
    url.parse::<Url>().expect("an address").origin().ascii_serialization()
}
