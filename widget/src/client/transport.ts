import type { FromServer, ToServer } from "./protocol";

/** Why a transport ended: a close code, 0 where there was none; and the wait the server asked for. */
export interface Ended {
  code: number;
  afterMs?: number;
}

export interface Handlers {
  frame(frame: FromServer): void;
  /** Said once; nothing follows it. */
  ended(why: Ended): void;
}

/** A way to the server, from its opening to its end. */
export interface Transport {
  send(frame: ToServer): void;
  close(): void;
}

/** What both need to know to begin. */
export interface Start {
  /** `https://host/widget/v1/KEY`, without a slash at the end. */
  base: string;
  token: string;
  lastSeq: number;
  /** At most so many of the newest frames, where none is known yet. */
  tail: number;
}

/** What a `retry-after` header says, in milliseconds. */
export function delayOf(header: string | null): number | undefined {
  const seconds = Number(header);
  return seconds > 0 ? seconds * 1000 : undefined;
}

/** Time until the server must have said `ready`. */
const READY_WITHIN_MS = 10_000;

export function openSocket(start: Start, handlers: Handlers): Transport {
  let over = false;
  const end = (why: Ended) => {
    if (over) return;
    over = true;
    clearTimeout(patience);
    handlers.ended(why);
  };
  const patience = setTimeout(() => {
    end({ code: 0 });
    socket?.close();
  }, READY_WITHIN_MS);
  let socket: WebSocket | undefined;
  try {
    socket = new WebSocket(start.base.replace(/^http/, "ws") + "/ws");
  } catch {
    // A page's policy may forbid it.
    setTimeout(() => end({ code: 0 }));
    return { send: () => {}, close: () => end({ code: 1000 }) };
  }
  let asked: number | undefined;
  const send = (frame: ToServer) => {
    if (socket?.readyState === 1) socket.send(JSON.stringify(frame));
  };
  socket.onopen = () =>
    send({ type: "hello", v: 1, token: start.token, last_seq: start.lastSeq, tail: start.tail });
  socket.onmessage = ({ data }) => {
    const frame = parse(data);
    if (!frame || over) return;
    if (frame.type === "ready") clearTimeout(patience);
    if (frame.type === "reconnect") asked = frame.after_ms;
    handlers.frame(frame);
  };
  socket.onclose = ({ code }) => end({ code: code === 1006 ? 0 : code, afterMs: asked });
  return {
    send,
    close() {
      end({ code: 1000 });
      socket.close();
    },
  };
}

function parse(data: unknown): FromServer | undefined {
  try {
    const frame = JSON.parse(String(data));
    if (typeof frame?.type === "string") return frame;
  } catch {
    // Not ours.
  }
  return undefined;
}

/** How long the server may hold an answer back, in seconds. */
const WAIT = 20;

/** The same over plain requests, for networks that break sockets: a request that waits for news, and POSTs. */
export function openPolling(start: Start, handlers: Handlers): Transport {
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${start.token}` };
  const address = start.base + "/messages";
  let lastSeq = start.lastSeq;
  let over = false;
  const end = (why: Ended) => {
    if (over) return;
    over = true;
    abort.abort();
    handlers.ended(why);
  };
  /** The answer as the close code of a socket would have it. */
  const refused = (response: Response): Ended => {
    const afterMs = delayOf(response.headers.get("retry-after"));
    if (response.status === 401) return { code: 4401 };
    if (response.status === 403 || response.status === 404) return { code: 4403 };
    return { code: response.status === 429 ? 4429 : 0, afterMs };
  };

  const poll = async () => {
    let wait = 0;
    while (!over) {
      const query = `?after=${lastSeq}&wait=${wait}` + (lastSeq === 0 ? `&tail=${start.tail}` : "");
      const response = await fetch(address + query, { headers, signal: abort.signal });
      if (!response.ok) return end(refused(response));
      const { frames, last_seq, read_seq } = await response.json();
      if (over) return;
      if (last_seq < lastSeq) {
        lastSeq = 0;
        handlers.frame({ type: "reset" });
        continue;
      }
      for (const frame of frames) {
        lastSeq = Math.max(lastSeq, frame.seq);
        handlers.frame(frame);
      }
      // The first answers bring what was missed, page by page.
      if (wait === 0 && (frames.length === 0 || lastSeq >= last_seq)) {
        wait = WAIT;
        handlers.frame({ type: "ready", v: 1, last_seq: lastSeq, read_seq });
      }
    }
  };
  const post = async (frame: ToServer) => {
    const id = "client_msg_id" in frame ? frame.client_msg_id : undefined;
    const response = await fetch(address, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(frame),
      signal: abort.signal,
    });
    if (over || !id) return;
    const body = await response.json().catch(() => ({}));
    if (response.ok) handlers.frame({ type: "accepted", client_msg_id: id, seq: body.seq });
    else if (response.status === 401 || response.status === 403 || response.status === 404) end(refused(response));
    else {
      const { afterMs } = refused(response);
      const code = body.code ?? "unavailable";
      handlers.frame({
        type: "error",
        client_msg_id: id,
        code,
        detail: body.detail ?? "",
        retry_after_ms: afterMs,
      });
    }
  };
  poll().catch(() => end({ code: 0 }));
  return {
    send: (frame) => {
      if (frame.type === "ping") return handlers.frame({ type: "pong" });
      post(frame).catch(() => end({ code: 0 }));
    },
    close: () => end({ code: 1000 }),
  };
}
