// The client library: a visitor's conversation, without any interface. docs/widget-protocol.md describes what it speaks.

import { Connection, type State } from "./connection";
import { Emitter } from "./emitter";
import { History } from "./history";
import { freshId } from "./id";
import { Outbox } from "./outbox";
import type { Config, Frame, FromServer, Identity, Role, Saying } from "./protocol";
import { type Mode, type Store, openStore } from "./storage";
import { type Upload, Uploads } from "./uploads";

export * from "./protocol";
export type { State } from "./connection";
export type { Mode } from "./storage";
export type { Upload } from "./uploads";
export { Emitter } from "./emitter";

/** How many of the newest frames are fetched at first, and with each look further back. */
export const PAGE = 50;
/** What is not acknowledged within this time on an open connection is sent again over a new one. */
const ACCEPTED_WITHIN_MS = 10_000;
const RETRY_MS = 2000;
/** What was seen is told after a moment, so that ten frames make one acknowledgement. */
const ACK_AFTER_MS = 250;

/** One line of the conversation. */
export interface Item {
  /** Stays the same when what was said gets its number. */
  key: string;
  role: Role;
  at: number;
  frame?: Frame;
  saying?: Saying;
  upload?: Upload;
  /** An answer that is still being written, as far as it goes. */
  partial?: string;
  state: "sending" | "sent" | "seen" | "failed" | "received";
  problem?: string;
}

export interface Events {
  state: State;
  /** The items changed. */
  items: undefined;
  /** A frame came that was not in the history before; not told of what was missed before the first `ready`. */
  message: Frame;
  typing: Role;
  read: number;
  /** Something was refused. */
  problem: { code: string; detail: string };
}

export interface Options {
  /** Where the server is: `https://chat.example`. */
  url: string;
  /** The widget's public key. */
  widget: string;
  storage?: Mode;
  store?: Store;
  random?: () => number;
}

export class Client extends Emitter<Events> {
  readonly base: string;
  readonly store: Store;
  readSeq = 0;
  /** Whether there may be frames before the first one here. */
  hasEarlier = false;
  /** What everything in the store begins with. */
  readonly prefix: string;
  private readonly connection: Connection;
  private readonly history = new History();
  private outbox: Outbox;
  private readonly uploads: Uploads;
  private growing: { id: string; role: Role; text: string; at: number } | undefined;
  private seen = new Set<string>();
  private inFlight: string | undefined;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private acking: ReturnType<typeof setTimeout> | undefined;
  private acked = 0;
  /** Whether what was missed is here: from then on frames are news. */
  private ready = false;
  private wakers: [EventTarget, string][] = [];
  private readonly wake = () => {
    if (document.visibilityState !== "hidden") this.connection.wake();
  };

  constructor(options: Options) {
    super();
    this.base = `${options.url.replace(/\/$/, "")}/widget/v1/${encodeURIComponent(options.widget)}`;
    this.store = options.store ?? openStore(options.storage ?? "local");
    this.prefix = `bb:${options.widget}:`;
    this.outbox = new Outbox(this.store, this.prefix + "out:", Date.now());
    this.uploads = new Uploads(
      this.base,
      () => this.connection.currentToken(),
      () => this.emit("items", undefined),
      ({ key, file }, upload) =>
        this.enqueue({ type: "file", client_msg_id: key, upload, name: file.name, size: file.size }),
    );
    this.connection = new Connection({
      base: this.base,
      store: this.store,
      prefix: this.prefix,
      tail: PAGE,
      random: options.random ?? Math.random,
      lastSeq: () => this.history.lastSeq,
      frame: (frame) => this.receive(frame),
      state: (state) => {
        if (state !== "online") this.lostTouch();
        this.emit("state", state);
      },
    });
    if (typeof window === "object") {
      this.wakers = [
        [window, "online"],
        [window, "focus"],
        [document, "visibilitychange"],
      ];
      for (const [target, name] of this.wakers) target.addEventListener(name, this.wake);
    }
  }

  get state(): State {
    return this.connection.state;
  }

  /** Whether plain requests are used instead of a socket. */
  get polling(): boolean {
    return this.connection.polling;
  }

  /** Whether this visitor was here before, or has something unsent. */
  get returning(): boolean {
    return this.connection.knows() || this.outbox.all().length > 0;
  }

  get lastSeq(): number {
    return this.history.lastSeq;
  }

  /** Frames of others that were not read. */
  get unread(): number {
    return this.history.all().filter((frame) => frame.role !== "visitor" && frame.seq > this.readSeq).length;
  }

  async config(): Promise<Config> {
    const response = await fetch(this.base + "/config");
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  }

  connect(): void {
    this.connection.start();
  }

  disconnect(): void {
    this.connection.stop();
  }

  /** Comes back now, after it made room for others. */
  resume(): void {
    this.connection.wake();
  }

  /** Ends for good. */
  destroy(): void {
    this.disconnect();
    for (const [target, name] of this.wakers) target.removeEventListener(name, this.wake);
  }

  /** Speaks as somebody the site knows, or as an anonymous visitor again. */
  identify(identity: Identity | undefined): void {
    this.reset();
    this.outbox.clear();
    this.uploads.clear();
    this.connection.identify(identity);
  }

  /** Forgets the conversation on this device. */
  forget(): void {
    this.connection.forget();
    this.identify(undefined);
  }

  /** The conversation as it is shown: what is numbered, then what is not yet. */
  items(): Item[] {
    const waiting = new Set<string | undefined>();
    for (const { saying, accepted } of this.outbox.all()) if (!accepted) waiting.add(saying.client_msg_id);
    const items: Item[] = this.history.all().map((frame) => {
      const id = frame.client_msg_id;
      const mine = frame.role === "visitor";
      // Whoever answers has seen it.
      const seen = mine && ((id && this.seen.has(id)) || this.answeredAfter(frame.seq));
      return {
        key: id ?? `seq${frame.seq}`,
        role: frame.role,
        at: Date.parse(frame.at),
        frame,
        state: !mine ? "received" : waiting.has(id) ? "sending" : seen ? "seen" : "sent",
      };
    });
    for (const pending of this.outbox.all()) {
      const { saying, at, failed, accepted } = pending;
      if (saying.type === "opened" || saying.type === "details") continue;
      if (this.history.has(saying.client_msg_id)) continue;
      items.push({
        key: saying.client_msg_id,
        role: "visitor",
        at,
        saying,
        state: failed !== undefined ? "failed" : accepted ? "sent" : "sending",
        problem: failed,
      });
    }
    for (const upload of this.uploads.items()) {
      const { key, at, problem } = upload;
      items.push({ key, role: "visitor", at, upload, state: problem ? "failed" : "sending", problem });
    }
    if (this.growing) {
      const { id, role, text, at } = this.growing;
      items.push({ key: id, role, at, partial: text, state: "received" });
    }
    return items;
  }

  private answeredAfter(seq: number): boolean {
    const frames = this.history.all();
    for (let place = frames.length - 1; place >= 0 && frames[place]!.seq > seq; place--) {
      if (frames[place]!.role === "bot" || frames[place]!.role === "agent") return true;
    }
    return false;
  }

  say(text: string): void {
    this.enqueue({ type: "message", client_msg_id: freshId(), text });
  }

  choose(id: string, title: string): void {
    this.enqueue({ type: "choice", client_msg_id: freshId(), id, title });
  }

  /** Answers a form; `text` is what is shown of it. */
  submit(id: string, values: Record<string, string | boolean>, text: string): void {
    this.enqueue({ type: "form", client_msg_id: freshId(), id, values, text });
  }

  /** Sends a file up, and says it when it is there. */
  upload(file: File): void {
    this.connect();
    this.uploads.add(file);
  }

  /** Takes back a file that is not there yet. */
  cancel(key: string): void {
    this.uploads.remove(key);
  }

  /** The chat was opened and nothing has been said yet. */
  opened(): void {
    this.enqueue({ type: "opened", client_msg_id: freshId() });
  }

  details(details: { email?: string; name?: string; attributes?: Record<string, unknown> }): void {
    this.enqueue({ type: "details", client_msg_id: freshId(), ...details });
  }

  retry(id: string): void {
    if (this.uploads.retry(id)) return;
    this.outbox.retry(id, Date.now());
    this.emit("items", undefined);
    this.pump();
  }

  /** What others said up to this number was read. */
  read(seq = this.history.lastSeq): void {
    if (seq <= this.readSeq) return;
    this.readSeq = seq;
    this.acked = Math.max(this.acked, seq);
    this.connection.send({ type: "read", seq });
    this.emit("read", seq);
  }

  /** Fetches what was said before the first item. */
  async earlier(): Promise<void> {
    const token = this.connection.currentToken();
    if (!token || !this.hasEarlier) return;
    const response = await fetch(`${this.base}/messages?before=${this.history.firstSeq}&limit=${PAGE}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (!response.ok) return;
    const { frames } = (await response.json()) as { frames: Frame[] };
    for (const frame of frames) this.history.add(frame);
    this.hasEarlier = this.history.firstSeq > 1 && frames.length > 0;
    this.emit("items", undefined);
  }

  /** Shows a frame that is in no history: for pages that show what the chat can. */
  preview(frame: Frame): void {
    this.history.add(frame, false);
    this.emit("items", undefined);
  }

  private enqueue(saying: Saying): void {
    this.outbox.add(saying, Date.now());
    this.emit("items", undefined);
    this.connect();
    this.pump();
  }

  /** Sends what is next. One at a time, so that the order of what was said is kept whatever is refused or lost. */
  private pump(): void {
    if (this.inFlight !== undefined || this.connection.state !== "online") return;
    const next = this.outbox.next();
    if (!next) return;
    this.inFlight = next.saying.client_msg_id;
    this.patience = setTimeout(() => this.connection.renew(), ACCEPTED_WITHIN_MS);
    this.connection.send(next.saying);
  }

  private settled(id: string | null | undefined): void {
    if (id !== this.inFlight) return;
    this.inFlight = undefined;
    clearTimeout(this.patience);
  }

  private lostTouch(): void {
    this.inFlight = undefined;
    this.growing = undefined;
    clearTimeout(this.patience);
  }

  private reset(): void {
    this.history.clear();
    this.seen.clear();
    this.readSeq = this.acked = 0;
    this.ready = this.hasEarlier = false;
    this.outbox.dropAccepted();
    this.lostTouch();
    this.emit("items", undefined);
  }

  private receive(frame: FromServer): void {
    switch (frame.type) {
      case "reset":
        this.reset();
        break;
      case "frame":
        this.take(frame);
        break;
      case "ready":
        this.ready = true;
        this.readSeq = Math.max(this.readSeq, frame.read_seq);
        this.hasEarlier = this.history.firstSeq > 1;
        // What was read while there was no connection.
        if (this.readSeq > frame.read_seq) this.connection.send({ type: "read", seq: this.readSeq });
        this.emit("items", undefined);
        // After the state has become `online`.
        queueMicrotask(() => {
          this.pump();
          this.uploads.go();
        });
        break;
      case "accepted":
        this.accepted(frame.client_msg_id);
        break;
      case "error":
        this.refused(frame);
        break;
      case "typing":
        this.emit("typing", frame.role);
        break;
      case "partial":
        this.grow(frame);
        break;
      case "seen":
        this.seen.add(frame.client_msg_id);
        this.emit("items", undefined);
        break;
      case "read":
        if (frame.seq > this.readSeq) {
          this.readSeq = frame.seq;
          this.emit("read", frame.seq);
        }
        break;
    }
  }

  /** A piece of an answer. One that does not follow what is here is left out: the whole comes as a frame. */
  private grow({ id, role, from, text }: { id: string; role: Role; from: number; text: string }): void {
    const before = this.growing?.id === id ? this.growing : { text: "", at: Date.now() };
    const known = [...before.text];
    if (from > known.length) return;
    this.growing = { id, role, text: known.slice(0, from).join("") + text, at: before.at };
    this.emit("items", undefined);
  }

  private take(frame: Frame): void {
    if (!this.history.add(frame)) return;
    if (frame.role !== "visitor") this.growing = undefined;
    // It is numbered before it goes to the bot: only `accepted` says that it will be answered.
    if (frame.client_msg_id) this.outbox.shown(frame.client_msg_id);
    if (this.ready && frame.role !== "visitor") this.emit("message", frame);
    this.emit("items", undefined);
    this.acking ??= setTimeout(() => {
      this.acking = undefined;
      if (this.history.lastSeq <= this.acked) return;
      this.acked = this.history.lastSeq;
      this.connection.send({ type: "ack", seq: this.acked });
    }, ACK_AFTER_MS);
  }

  private accepted(id: string): void {
    this.settled(id);
    if (this.outbox.accept(id)) {
      if (this.history.has(id)) this.outbox.shown(id);
      this.emit("items", undefined);
    }
    this.pump();
  }

  private refused(error: { client_msg_id?: string | null; code: string; detail: string; retry_after_ms?: number }): void {
    const id = error.client_msg_id;
    if (!id) return this.emit("problem", { code: error.code, detail: error.detail });
    clearTimeout(this.patience);
    if (error.code === "unavailable" || error.code === "rate_limited") {
      // Still in flight until then, so that what was said later does not overtake it.
      this.patience = setTimeout(() => {
        this.settled(id);
        this.pump();
      }, error.retry_after_ms ?? RETRY_MS);
      return;
    }
    this.settled(id);
    this.outbox.fail(id, error.detail || error.code);
    this.emit("problem", { code: error.code, detail: error.detail });
    this.emit("items", undefined);
    this.pump();
  }
}

export function createClient(options: Options): Client {
  return new Client(options);
}
