//! The gateway from outside, with the rest of the platform behind it.

mod accounts;
mod albums;
mod app_webhook;
mod dispatcher;
mod files;
mod handshake;
mod identities;
mod ingress;
mod instances;
mod names;
mod operators;
mod outage;
mod pictures;
mod replay;
mod services;
mod strange_files;
mod unsupported;
mod uploads;
mod widget;
mod widget_hub;
mod widget_socket;
