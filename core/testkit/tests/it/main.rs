//! The fakes, called through the real adapters and by clients that others wrote, and the webhooks they send, read by the
//! real adapters.

mod acts;
mod calls;
mod fake;
mod foreign;
mod networks;
mod s3;
