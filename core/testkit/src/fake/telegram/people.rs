//! What people do beside writing: they send files, alone or several at once.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Error, Fake, File, Inner, taken, webhook};

impl Fake {
    /// A person sends a file as a document; returns its id once the webhook has taken it.
    pub async fn say_file(&self, chat: i64, file: File) -> Result<String, Error> {
        self.state.say_file(chat, file, None, None).await
    }

    /// A person sends pictures at once; returns their ids once the webhook has taken all of them. The text stands below
    /// the first.
    pub async fn say_album(&self, chat: i64, files: Vec<File>, caption: &str) -> Result<Vec<String>, Error> {
        let group = self.state.next_update().to_string();
        let mut ids = Vec::with_capacity(files.len());
        for (index, file) in files.into_iter().enumerate() {
            let caption = (index == 0).then_some(caption);
            ids.push(self.state.say_file(chat, file, Some(&group), caption).await?);
        }
        Ok(ids)
    }
}

impl Inner {
    async fn say_file(
        &self,
        chat: i64,
        file: File,
        group: Option<&str>,
        caption: Option<&str>,
    ) -> Result<String, Error> {
        let (name, kind, size) = (file.name.clone(), file.mime_type.clone(), file.bytes.len());
        let id = self.control.files.keep(file);
        let mut message = webhook::message(self.next_update(), chat);
        if group.is_some() && kind.starts_with("image/") {
            message["photo"] = json!([{
                "file_id": id, "file_unique_id": id, "file_size": size, "width": 90, "height": 90,
            }]);
        } else {
            message["document"] = json!({
                "file_id": id, "file_unique_id": id, "file_size": size, "file_name": name, "mime_type": kind,
            });
        }
        for (field, text) in [("media_group_id", group), ("caption", caption)] {
            if let Some(text) = text {
                message[field] = text.into();
            }
        }
        let update = json!({ "update_id": message["message_id"], "message": message });
        self.send(&update.to_string()).await?;
        Ok(id)
    }
}

/// The number of the last message to a chat that has a button with this payload; 1 if there is none.
pub(super) fn offering(state: &Inner, chat: i64, data: &str) -> u64 {
    let to = chat.to_string();
    let sent = state.control.with_journal(|journal| journal.messages(Some(&to), 0, usize::MAX));
    let has = |body: &Value| {
        let rows = body.pointer("/reply_markup/inline_keyboard").and_then(Value::as_array);
        let mut buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
        buttons.any(|button| button.get("callback_data").and_then(Value::as_str) == Some(data))
    };
    sent.iter().rev().find(|sent| has(&sent.body)).and_then(|sent| sent.id.parse().ok()).unwrap_or(1)
}

/// What a person sends, as `/__fake/file` takes it; the body is the file.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    from: i64,
    name: String,
    /// Files that share this are sent at once.
    album: Option<String>,
    caption: Option<String>,
}

pub(super) async fn file(
    State(state): State<Arc<Inner>>,
    Query(sent): Query<Sent>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let file = File::new(&sent.name, kind, body);
    let said = state.say_file(sent.from, file, sent.album.as_deref(), sent.caption.as_deref()).await;
    taken(said.map(|_| ())).into_response()
}
