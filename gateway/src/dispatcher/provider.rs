//! The only way out to providers.

use std::time::Duration;

use axum::http::{Method, header};
use botbuilder_adapter_kit::{ProviderRequest, ProviderResponse, RequestBody, SendError};
use botbuilder_domain::Secret;
use botbuilder_service::http;

use super::multipart;

/// Time for a request with a file in it.
const FILE_TIMEOUT: Duration = Duration::from_mins(2);

/// Calls providers.
#[derive(Clone)]
pub struct ProviderHttp {
    client: http::Client,
}

impl ProviderHttp {
    /// Calls through this client.
    pub const fn new(client: http::Client) -> Self {
        Self { client }
    }

    /// Makes a call.
    pub(crate) async fn call(&self, request: ProviderRequest) -> Result<ProviderResponse, SendError> {
        self.send(prepare(request)?).await
    }

    /// Makes a call that may take this long instead of the configured time.
    pub(crate) async fn call_within(
        &self,
        request: ProviderRequest,
        limit: Duration,
    ) -> Result<ProviderResponse, SendError> {
        self.send(prepare(request)?.timeout(limit)).await
    }

    /// Opens a socket to an address that a provider named.
    pub(crate) async fn socket(&self, address: &Secret<String>) -> Result<http::Socket, http::Error> {
        self.client.socket(address).await
    }

    async fn send(&self, request: http::Request) -> Result<ProviderResponse, SendError> {
        let response = self.client.send(request).await.map_err(|error| lost(&error))?;
        let retry_after = response
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        Ok(ProviderResponse { status: response.status.as_u16(), retry_after, body: response.body })
    }
}

fn prepare(request: ProviderRequest) -> Result<http::Request, SendError> {
    let refused =
        |error: http::Error| SendError::Permanent { code: "request".to_owned(), message: error.to_string() };
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|error| SendError::Permanent { code: "request".to_owned(), message: error.to_string() })?;
    let mut call = http::Request::new(method, request.url.expose()).map_err(refused)?;
    if let Some(token) = &request.bearer {
        call = call.bearer(token).map_err(refused)?;
    }
    match request.body {
        RequestBody::Json(body) => Ok(call.json(body.to_string())),
        RequestBody::Empty => Ok(call),
        RequestBody::File(file) => {
            let call = call.body("application/octet-stream", file.bytes).timeout(FILE_TIMEOUT);
            call.header(header::CONTENT_TYPE, &file.mime_type).map_err(refused)
        }
        RequestBody::Multipart { fields, files } => {
            let (content_type, body) = multipart::write(&fields, &files);
            let call = call.body("multipart/form-data", body).timeout(FILE_TIMEOUT);
            call.header(header::CONTENT_TYPE, &content_type).map_err(refused)
        }
    }
}

/// What a call without an answer means. What cannot have arrived may be tried again; of the rest nobody knows.
fn lost(error: &http::Error) -> SendError {
    if error.may_have_arrived() {
        return SendError::Uncertain { message: error.to_string() };
    }
    match error {
        http::Error::Connect(_) => {
            SendError::Transient { code: "connect".to_owned(), message: error.to_string() }
        }
        _ => SendError::Permanent { code: "request".to_owned(), message: error.to_string() },
    }
}
