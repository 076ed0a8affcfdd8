import type { Saying } from "./protocol";
import type { Store } from "./storage";

/** Something the visitor said that the server has not taken yet. */
export interface Pending {
  saying: Saying;
  /** When it was said, milliseconds since 1970. */
  at: number;
  /** Why it never will be. */
  failed?: string;
  /** The server has it; it stays in view until its frame comes. */
  accepted?: true;
}

/** Older ones are not sent any more: nobody expects the answer. */
const KEPT_MS = 24 * 3600 * 1000;

/**
 * What was said and is not acknowledged, oldest first. It survives a reload. Each is kept under a name of its own, so
 * that several tabs can write at the same time; one that two tabs send counts once, by its `client_msg_id`.
 */
export class Outbox {
  private items: Pending[];

  constructor(
    private store: Store,
    private prefix: string,
    now: number,
  ) {
    this.items = [];
    for (const name of store.names(prefix)) {
      const item = store.get(name) as Partial<Pending> | undefined;
      if (typeof item?.at === "number" && item.saying?.client_msg_id && now - item.at < KEPT_MS) {
        this.items.push(item as Pending);
      } else {
        store.remove(name);
      }
    }
    this.items.sort((one, other) => one.at - other.at);
  }

  all(): readonly Pending[] {
    return this.items;
  }

  /** The one to be sent next. */
  next(): Pending | undefined {
    return this.items.find((item) => item.failed === undefined && !item.accepted);
  }

  add(saying: Saying, now: number): void {
    // Two within one millisecond keep their order after a reload too.
    const last = this.items.at(-1)?.at ?? 0;
    const item = { saying, at: Math.max(now, last + 1) };
    this.items.push(item);
    this.store.set(this.prefix + saying.client_msg_id, item);
  }

  /** The server has it. It is not sent again. False if that was known. */
  accept(id: string): boolean {
    const item = this.find(id);
    if (!item || item.accepted) return false;
    item.accepted = true;
    this.store.remove(this.prefix + id);
    return true;
  }

  /** It is in the history, or nobody wants it any more. */
  remove(id: string): boolean {
    const before = this.items.length;
    this.items = this.items.filter((item) => item.saying.client_msg_id !== id);
    this.store.remove(this.prefix + id);
    return this.items.length < before;
  }

  /** The server will never take it. It stays in view, and is not sent again. */
  fail(id: string, why: string): void {
    const item = this.find(id);
    if (item) item.failed = why;
    this.store.remove(this.prefix + id);
  }

  /** Sends a failed one again, as the last one. */
  retry(id: string, now: number): void {
    const item = this.find(id);
    if (!item?.failed) return;
    this.remove(id);
    this.add(item.saying, now);
  }

  /** Its frame has come: what was accepted need not be shown from here any more. */
  shown(id: string): void {
    if (this.find(id)?.accepted) this.remove(id);
  }

  private find(id: string): Pending | undefined {
    return this.items.find((item) => item.saying.client_msg_id === id);
  }

  /** Drops what the server has: its frames come with the history. */
  dropAccepted(): void {
    this.items = this.items.filter((item) => !item.accepted);
  }

  clear(): void {
    for (const item of [...this.items]) this.remove(item.saying.client_msg_id);
  }
}
