//! A provider that keeps every text it is sent: to whom, and when it came.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::load::sink::Sink;

/// How often it is looked whether enough has come.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A text that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The person it is for.
    pub to: String,
    /// What it says.
    pub text: String,
    /// When it came.
    pub came: Instant,
}

/// What a text to WhatsApp is written in, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    to: String,
    text: Option<Text>,
}

#[derive(Deserialize)]
struct Text {
    body: String,
}

/// A running provider. It stops when it is dropped.
#[derive(Debug)]
pub struct Recorder {
    sink: Sink,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Recorder {
    /// Starts one that answers so long after a message came.
    pub async fn start(answers_after: Duration) -> Result<Self> {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&taken);
        let sink = Sink::telling(answers_after, move |body| {
            let came = Instant::now();
            // Marks of what was read are no texts.
            let Ok(Message { to, text: Some(Text { body: text }) }) = serde_json::from_slice(body) else {
                return;
            };
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(Taken { to, text, came });
        });
        Ok(Self { sink: sink.await?, taken })
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.sink.address)
    }

    /// How many texts came.
    pub fn count(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The texts that came, in the order in which they did. What comes afterwards is counted anew.
    pub fn take(&self) -> Vec<Taken> {
        std::mem::take(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until so many texts came; an error if that takes longer than `most`.
    pub async fn wait_for(&self, texts: usize, most: Duration) -> Result<()> {
        let began = Instant::now();
        while self.count() < texts {
            ensure!(
                began.elapsed() < most,
                "{} of {texts} texts have not come within {most:?}",
                texts - self.count()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}
