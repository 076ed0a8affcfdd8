//! Listeners, webhook ingress, hub and outbound dispatcher.
