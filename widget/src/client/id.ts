/** An id that nobody else makes. */
export function freshId(): string {
  // Not crypto.randomUUID: that is missing on pages that are not served over TLS.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
