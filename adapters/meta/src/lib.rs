//! What WhatsApp and Instagram share: signature, envelope, error codes.
