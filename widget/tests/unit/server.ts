// A server of the protocol in memory: sockets and requests, which can be made to fail.

import { vi } from "vitest";

export class FakeSocket {
  readyState = 0;
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;
  sent: Record<string, unknown>[] = [];

  constructor(
    readonly url: string,
    private server: FakeServer,
  ) {}

  send(text: string): void {
    const frame = JSON.parse(text);
    this.sent.push(frame);
    queueMicrotask(() => this.server.hear(this, frame));
  }

  say(frame: object): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  end(code: number): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code });
  }

  close(): void {
    this.end(1000);
  }
}

interface Kept {
  seq: number;
  role: string;
  content: object;
  client_msg_id?: string;
}

export class FakeServer {
  sockets: FakeSocket[] = [];
  history: Kept[] = [];
  sessions = 0;
  requests: string[] = [];
  /** Whether sockets open. */
  socketsWork = true;
  /** Whether requests are answered. */
  up = true;
  /** What to answer to the next things said, instead of taking them. */
  refusals: { code: string; retry_after_ms?: number }[] = [];
  /** Whether acknowledgements are swallowed. */
  silent = false;
  readSeq = 0;
  private waiting: (() => void)[] = [];

  install(): void {
    const server = this;
    vi.stubGlobal(
      "WebSocket",
      class {
        constructor(url: string) {
          const socket = new FakeSocket(url, server);
          server.sockets.push(socket);
          queueMicrotask(() => {
            if (!server.socketsWork || !server.up) return socket.end(1006);
            socket.readyState = 1;
            socket.onopen?.();
          });
          return socket;
        }
      },
    );
    vi.stubGlobal("fetch", (url: string, init?: RequestInit) => server.fetch(url, init));
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  add(role: string, text: string, client_msg_id?: string): void {
    const kept = { seq: this.history.length + 1, role, content: { kind: "text", text }, client_msg_id };
    this.history.push(kept);
    for (const socket of this.sockets) socket.say(frame(kept));
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** What was said, without answering it: null if it is refused. */
  take(said: Record<string, unknown>): object {
    const id = String(said.client_msg_id);
    const refusal = this.refusals.shift();
    if (refusal) return { type: "error", client_msg_id: id, detail: "no", ...refusal };
    const known = this.history.find((kept) => kept.client_msg_id === id);
    if (!known && said.type !== "opened" && said.type !== "details") {
      this.add("visitor", String(said.text ?? said.title), id);
    }
    return { type: "accepted", client_msg_id: id };
  }

  hear(socket: FakeSocket, said: Record<string, unknown>): void {
    if (said.type === "hello") {
      const last = Number(said.last_seq);
      const from = last === 0 ? Math.max(0, this.history.length - Number(said.tail ?? 1e9)) : last;
      if (last > this.history.length) socket.say({ type: "reset" });
      for (const kept of this.history.slice(last > this.history.length ? 0 : from)) socket.say(frame(kept));
      socket.say({ type: "ready", v: 1, last_seq: this.history.length, read_seq: this.readSeq });
    } else if (said.type === "ping") {
      if (!this.silent) socket.say({ type: "pong" });
    } else if (said.type === "read") {
      this.readSeq = Number(said.seq);
    } else if ("client_msg_id" in said && !this.silent) {
      socket.say(this.take(said));
    }
  }

  async fetch(url: string, init?: RequestInit): Promise<Response> {
    if (!this.up) throw new TypeError("failed to fetch");
    const { pathname, searchParams } = new URL(url);
    const what = pathname.split("/").pop()!;
    this.requests.push(`${init?.method ?? "GET"} ${what}`);
    const json = (body: object, status = 200) => new Response(JSON.stringify(body), { status });
    if (what === "session") {
      this.sessions++;
      return json({ secret: "s".repeat(64), token: `t${this.sessions}`, expires_in: 3600 });
    }
    if (init?.method === "POST") {
      const answer = this.take(JSON.parse(String(init.body))) as { type: string; code?: string };
      return answer.type === "accepted" ? json(answer, 202) : json({ code: answer.code, detail: "no" }, 400);
    }
    const before = searchParams.get("before");
    if (before) {
      const end = Number(before) - 1;
      const start = Math.max(0, end - Number(searchParams.get("limit")));
      return json({ frames: this.history.slice(start, end).map(frame) });
    }
    const after = Number(searchParams.get("after"));
    const news = () => this.history.slice(after).map(frame);
    if (news().length === 0 && searchParams.get("wait") !== "0") {
      await new Promise<void>((resolve, reject) => {
        this.waiting.push(resolve);
        init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      });
    }
    return json({ frames: news(), last_seq: this.history.length, read_seq: this.readSeq });
  }
}

function frame(kept: Kept): object {
  return { type: "frame", at: "2026-01-01T00:00:00Z", ...kept };
}
