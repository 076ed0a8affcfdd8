// The frames of docs/widget-protocol.md, version 1. Unknown fields and unknown types of frames are ignored.

export const VERSION = 1;

export type Role = "visitor" | "bot" | "agent" | "system";

export interface Option {
  id: string;
  title: string;
  description?: string;
}

export interface CardButton {
  /** Sent as a choice. */
  id?: string;
  /** Opened instead. */
  url?: string;
  title: string;
}

export interface Card {
  title: string;
  subtitle?: string;
  image_url?: string;
  image_alt?: string;
  buttons?: CardButton[];
}

/** Where something that was said can be read. */
export interface Citation {
  title: string;
  url?: string;
}

export interface Field {
  name: string;
  label: string;
  type?: "text" | "email" | "tel" | "number" | "date" | "textarea" | "select" | "checkbox";
  required?: boolean;
  placeholder?: string;
  options?: Option[];
}

/** What a `structured` content may hold here. Others show nothing but their `text`. */
export type Payload =
  | { type: "card"; card: Card }
  | { type: "carousel"; text?: string; cards: Card[] }
  | { type: "rating"; text?: string; max?: number }
  | { type: "notice"; text: string }
  | { type: "answer"; text: string; citations: Citation[] }
  | { type: "form"; id: string; text?: string; fields: Field[]; submit?: string }
  | { type: string; text?: string };

export type Content =
  | { kind: "text"; text: string; choice?: string; form?: string }
  | { kind: "choice"; text: string; options: Option[]; style?: "buttons" | "list"; label?: string }
  | { kind: "media"; media: string; url?: string; mime_type?: string; file_name?: string; size?: number; caption?: string }
  | { kind: "location"; latitude: number; longitude: number; name?: string; address?: string }
  | { kind: "contact"; name?: string; phones: string[]; emails: string[] }
  | { kind: "structured"; payload: Payload };

export interface Author {
  name?: string;
  avatar_url?: string;
}

/** A numbered frame of the visitor's history. */
export interface Frame {
  type: "frame";
  seq: number;
  role: Role;
  at: string;
  content: Content;
  client_msg_id?: string;
  author?: Author;
}

export type FromServer =
  | Frame
  | { type: "reset" }
  | { type: "ready"; v: number; last_seq: number; read_seq: number }
  | { type: "accepted"; client_msg_id: string; seq?: number }
  | { type: "error"; client_msg_id?: string | null; code: string; detail: string; retry_after_ms?: number }
  | { type: "typing"; role: Role }
  | { type: "partial"; id: string; role: Role; from: number; text: string }
  | { type: "seen"; client_msg_id: string }
  | { type: "read"; seq: number }
  | { type: "reconnect"; after_ms: number }
  | { type: "pong" };

/** What counts once, under an id of the client's making. */
export type Saying =
  | { type: "message"; client_msg_id: string; text: string }
  | { type: "choice"; client_msg_id: string; id: string; title?: string }
  | { type: "form"; client_msg_id: string; id: string; values: Record<string, string | boolean>; text: string }
  | { type: "file"; client_msg_id: string; upload: string; name?: string; size?: number }
  | { type: "opened"; client_msg_id: string }
  | { type: "details"; client_msg_id: string; email?: string; name?: string; attributes?: Record<string, unknown> };

export type ToServer =
  | Saying
  | { type: "hello"; v: number; token: string; last_seq: number; tail?: number }
  | { type: "ack"; seq: number }
  | { type: "read"; seq: number }
  | { type: "ping" };

/** Close codes with a meaning of their own; after any other the client connects again after a growing delay. */
export const CLOSE = {
  /** The first frame was not a hello. */
  policy: 1008,
  /** The token is not accepted any more: ask for another. */
  token: 4401,
  /** Not this site, or no such widget: do not come back. */
  refused: 4403,
  /** The visitor has opened too many others since: come back when this one is looked at. */
  replaced: 4409,
  /** Too many frames: come back later. */
  tooMany: 4429,
} as const;

/** A visitor's identity, signed by the site's own server. */
export interface Identity {
  id: string;
  /** Seconds since 1970. */
  expires_at: number;
  /** Hex of HMAC-SHA-256 over `id`, a line feed and `expires_at`, with the widget's identity secret. */
  signature: string;
  name?: string;
}

export interface Config {
  v: number;
  name: string;
  locale: string;
  greeting?: string | null;
  offline_message?: string | null;
  email_capture: "off" | "optional" | "required";
  require_identity: boolean;
  uploads: boolean;
  /** Most bytes of a file. */
  upload_max_bytes?: number;
  text_max: number;
  theme: Record<string, unknown>;
  behaviour: Record<string, unknown>;
  business_hours?: BusinessHours | null;
  /** The server's time. */
  now: string;
}

export interface BusinessHours {
  time_zone?: string;
  /** By day, `mon` to `sun`: spans of `[from, to]`, each `HH:MM`. */
  weekly?: Record<string, [string, string][]>;
  /** Closed days, `YYYY-MM-DD`. */
  holidays?: string[];
}
