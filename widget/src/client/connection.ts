import { Backoff } from "./backoff";
import { CLOSE, type FromServer, type Identity, type ToServer } from "./protocol";
import { type Ended, type Transport, delayOf, openPolling, openSocket } from "./transport";
import type { Store } from "./storage";

/**
 * `off`: not wanted. `connecting`: on the way. `online`: what was missed is here. `waiting`: lost, comes back by itself.
 * `parked`: too many others are open, comes back when it is looked at. `refused`: does not come back.
 */
export type State = "off" | "connecting" | "online" | "waiting" | "parked" | "refused";

/** So many openings of a socket in a row fail before plain requests are tried. */
const SOCKET_TRIES = 2;
/** After this time on plain requests a socket is tried again. */
const SOCKET_AGAIN_MS = 10 * 60_000;
/** A pong, or any other frame, has to come within this time. */
const PONG_WITHIN_MS = 5000;
/** A token is not used for the last minute of its life. */
const TOKEN_MARGIN_MS = 60_000;

export interface ConnectionOptions {
  base: string;
  store: Store;
  prefix: string;
  tail: number;
  random: () => number;
  lastSeq: () => number;
  frame: (frame: FromServer) => void;
  state: (state: State) => void;
}

interface Session {
  secret?: string;
  token: string;
  until: number;
}

/** Keeps a way to the server open: a token, a transport, and another one when that ends. */
export class Connection {
  state: State = "off";
  /** Whether plain requests are used instead of a socket. */
  polling = false;
  private wanted = false;
  private identity: Identity | undefined;
  private session: Session | undefined;
  private transport: Transport | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private probe: ReturnType<typeof setTimeout> | undefined;
  private backoff: Backoff;
  private socketFailures = 0;
  private pollingSince = 0;
  /** Counts the transports, so that a late word of an old one is not taken for the new one's. */
  private generation = 0;

  constructor(private options: ConnectionOptions) {
    this.backoff = new Backoff(options.random);
  }

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    void this.open();
  }

  stop(): void {
    this.wanted = false;
    this.drop();
    this.become("off");
  }

  /** Another visitor from now on. */
  identify(identity: Identity | undefined): void {
    this.identity = identity;
    this.session = undefined;
    this.drop();
    if (this.wanted) void this.open();
  }

  /** Whether anything is known of this visitor from an earlier visit. */
  knows(): boolean {
    return this.options.store.get(this.options.prefix + "secret") !== undefined;
  }

  forget(): void {
    this.options.store.remove(this.options.prefix + "secret");
    this.session = undefined;
  }

  /** The token in use, for requests beside the connection. */
  currentToken(): string | undefined {
    return this.session?.token;
  }

  send(frame: ToServer): void {
    this.transport?.send(frame);
  }

  /** The network came back, or somebody looks at the page again. */
  wake(): void {
    if (this.state === "waiting" || this.state === "parked") {
      this.drop();
      void this.open();
    } else if (this.state === "online") this.check();
  }

  /** Asks for a sign of life: a connection that was cut without a word looks open for a long time. */
  check(): void {
    if (this.probe !== undefined || this.polling) return;
    const generation = this.generation;
    this.probe = setTimeout(() => {
      this.probe = undefined;
      if (generation === this.generation && this.state === "online") this.renew();
    }, PONG_WITHIN_MS);
    this.send({ type: "ping" });
  }

  /** Gives up this transport for another one. */
  renew(): void {
    this.drop();
    this.again({ code: 0 });
  }

  private become(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.options.state(state);
  }

  private drop(): void {
    this.generation++;
    clearTimeout(this.timer);
    clearTimeout(this.probe);
    this.probe = undefined;
    const transport = this.transport;
    this.transport = undefined;
    transport?.close();
  }

  private async open(): Promise<void> {
    const generation = ++this.generation;
    if (this.state !== "waiting") this.become("connecting");
    let token: string;
    try {
      token = await this.token();
    } catch (ended) {
      if (generation === this.generation) this.again(ended as Ended);
      return;
    }
    if (generation !== this.generation) return;
    if (this.polling && Date.now() - this.pollingSince > SOCKET_AGAIN_MS) {
      this.polling = false;
      this.socketFailures = SOCKET_TRIES - 1;
    }
    let reached = false;
    const start = { base: this.options.base, token, lastSeq: this.options.lastSeq(), tail: this.options.tail };
    this.transport = (this.polling ? openPolling : openSocket)(start, {
      frame: (frame) => {
        if (generation !== this.generation) return;
        clearTimeout(this.probe);
        this.probe = undefined;
        this.options.frame(frame);
        if (frame.type !== "ready" || generation !== this.generation) return;
        reached = true;
        this.socketFailures = 0;
        this.backoff.reset();
        this.become("online");
      },
      ended: (why) => {
        if (generation !== this.generation) return;
        this.transport = undefined;
        // What never opened, with no word from the server, may never: a proxy may be in the way.
        if (!reached && why.code === 0 && !this.polling && ++this.socketFailures >= SOCKET_TRIES) {
          this.polling = true;
          this.pollingSince = Date.now();
        }
        this.again(why);
      },
    });
  }

  /** A token that is good for a while. Throws what ended the attempt. */
  private async token(): Promise<string> {
    const { store, prefix, base } = this.options;
    if (this.session && this.session.until - TOKEN_MARGIN_MS > Date.now()) return this.session.token;
    const secret = store.get(prefix + "secret");
    const body = this.identity ? { identity: this.identity } : { secret };
    const response = await fetch(base + "/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => {
      throw { code: 0 } satisfies Ended;
    });
    if (!response.ok) {
      const gone = response.status === 401 || response.status === 403 || response.status === 404;
      throw { code: gone ? CLOSE.refused : 0, afterMs: delayOf(response.headers.get("retry-after")) } satisfies Ended;
    }
    const session = await response.json().catch(() => {
      throw { code: 0 } satisfies Ended;
    });
    if (session.secret && !this.identity) {
      // Another tab may have begun at the same time: all of them use whichever was kept first.
      const kept = store.get(prefix + "secret");
      if (typeof kept === "string" && kept !== session.secret) return this.token();
      store.set(prefix + "secret", session.secret);
    }
    this.session = { token: session.token, until: Date.now() + session.expires_in * 1000 };
    return session.token;
  }

  private again({ code, afterMs }: Ended): void {
    if (!this.wanted) return;
    if (code === CLOSE.refused || code === CLOSE.policy) return this.become("refused");
    if (code === CLOSE.replaced) return this.become("parked");
    if (code === CLOSE.token) this.session = undefined;
    this.become("waiting");
    const delay = Math.max(afterMs ?? 0, this.backoff.next());
    this.timer = setTimeout(() => void this.open(), delay);
  }
}
