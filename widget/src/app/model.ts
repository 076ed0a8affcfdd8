// What the interface shows, apart from how.

import { type Client, type Config, Emitter, type Frame, type Identity } from "../client";
import { isOpen } from "./hours";
import { type Key, type Language, fill } from "./texts";

export interface Behaviour {
  open_after_seconds?: number | null;
  open_on_scroll_percent?: number | null;
  show_typing?: boolean;
  sound?: boolean;
  placeholder?: string;
  start_buttons?: (string | { title: string; text?: string })[];
  hide_on_paths?: string[];
  show_on_paths?: string[];
  offline_form?: unknown;
  allowed_upload_types?: string[];
  proactive?: { text: string; after_seconds?: number; paths?: string[] }[];
  markdown?: boolean;
}

export interface Theme {
  position?: string;
  title?: string;
  subtitle?: string;
  avatar_url?: string;
  logo_url?: string;
  launcher_text?: string;
  launcher_icon?: string;
  dark_mode?: string | boolean;
}

interface Told {
  changed: undefined;
  open: undefined;
  close: undefined;
  message: Frame;
  unread: number;
  state: string;
}

/** A typing mark goes away by itself after this time. */
const TYPING_MS = 8000;
/** Whoever has waited so long for an answer may want to be told of it. */
const PATIENCE_MS = 10_000;
const MEGABYTE = 1 << 20;

export class Model extends Emitter<Told> {
  isOpen = false;
  hidden = false;
  typing = false;
  teaser: string | undefined;
  /** What is read out to those who do not see the screen. */
  spoken = "";
  /** Whether the e-mail address was given, refused, or is not known yet. */
  email: "asked" | "given" | "skipped" | undefined;
  /** Whether to ask if answers may be told by the browser. */
  mayNotify = false;
  /** What is wrong with what was to be sent. */
  problem: string | undefined;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private greeted = false;

  constructor(
    readonly client: Client,
    readonly config: Config,
    readonly language: Language,
    /** How far the server's clock is ahead, milliseconds. */
    private readonly ahead: number,
    private readonly key: string,
  ) {
    super();
    this.email = client.store.get(this.emailName) as "given" | "skipped" | undefined;
    const changed = () => this.emit("changed", undefined);
    client.on("items", () => {
      this.waiting();
      changed();
    });
    client.on("state", (state) => {
      if (state === "online") this.greet();
      this.emit("state", state);
      changed();
    });
    client.on("read", () => {
      this.emit("unread", client.unread);
      changed();
    });
    client.on("typing", () => {
      if (this.behaviour.show_typing === false) return;
      this.typing = true;
      clearTimeout(this.typingTimer);
      this.typingTimer = setTimeout(() => this.stopTyping(), TYPING_MS);
      changed();
    });
    client.on("message", (frame) => this.arrived(frame));
    document.addEventListener("visibilitychange", () => this.read());
  }

  get behaviour(): Behaviour {
    return this.config.behaviour as Behaviour;
  }

  get theme(): Theme {
    return this.config.theme as Theme;
  }

  get title(): string {
    return this.theme.title || this.config.name || this.text("chat");
  }

  get away(): boolean {
    return !isOpen(this.config.business_hours, new Date(Date.now() + this.ahead));
  }

  /** Whether nobody is there, and what is said then is answered by mail. */
  get isOffline(): boolean {
    return this.away && !!this.behaviour.offline_form;
  }

  /** Whether the composer waits for an e-mail address, or an address is asked for beside it. */
  get capture(): "none" | "optional" | "required" {
    const wanted = this.isOffline ? "required" : this.config.email_capture;
    if (wanted === "off" || this.email === "given" || (wanted === "optional" && this.email)) return "none";
    if (wanted === "optional" && !this.client.items().some((item) => item.role === "visitor")) return "none";
    return wanted;
  }

  text(key: Key, values: Record<string, unknown> = {}): string {
    return fill(this.language.texts[key], values);
  }

  open(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.hidden = false;
    this.teaser = undefined;
    this.client.connect();
    if (this.client.state === "online") this.greet();
    this.emit("open", undefined);
    this.read();
    this.emit("changed", undefined);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.emit("close", undefined);
    this.emit("changed", undefined);
  }

  hide(hidden: boolean): void {
    if (hidden) this.close();
    this.hidden = hidden;
    this.emit("changed", undefined);
  }

  identify(identity: Identity | undefined): void {
    this.greeted = false;
    this.client.identify(identity);
    if (identity) this.client.connect();
  }

  logout(): void {
    this.greeted = false;
    this.client.forget();
  }

  giveEmail(email: string): void {
    this.client.details({ email });
    this.setEmail("given");
    this.spoken = this.text("email_thanks");
  }

  skipEmail(): void {
    this.setEmail("skipped");
  }

  attach(file: File): void {
    const most = this.config.upload_max_bytes ?? Infinity;
    if (!this.config.uploads) return;
    this.problem = file.size > most ? this.text("too_large", { n: Math.floor(most / MEGABYTE) }) : undefined;
    if (this.problem) this.emit("changed", undefined);
    else this.client.upload(file);
  }

  /** Asks the browser, or never again. */
  async notify(yes: boolean): Promise<void> {
    this.mayNotify = false;
    this.emit("changed", undefined);
    if (yes) await Notification.requestPermission();
    else this.client.store.set(this.client.prefix + "notify", false);
  }

  /** The time to ask is when somebody waits for an answer: then it is of use, and the page may be left. */
  private waiting(force = false): void {
    const last = this.client.items().at(-1);
    const waits = force || (last?.role === "visitor" && last.state !== "failed");
    if (!waits) {
      clearTimeout(this.patience);
      this.patience = undefined;
      return;
    }
    if (!canNotify() || Notification.permission !== "default") return;
    if (this.client.store.get(this.client.prefix + "notify") === false) return;
    const ask = () => {
      this.mayNotify = true;
      this.emit("changed", undefined);
    };
    // A person has answered, or nobody is there: it takes a while.
    if (force || this.away) ask();
    else this.patience ??= setTimeout(ask, PATIENCE_MS);
  }

  /** What others said is read once it can be seen. */
  read(): void {
    if (this.isOpen && document.visibilityState === "visible" && this.client.unread > 0) this.client.read();
  }

  private get emailName(): string {
    return `bb:${this.key}:email`;
  }

  private setEmail(email: "given" | "skipped"): void {
    this.email = email;
    this.client.store.set(this.emailName, email);
    this.emit("changed", undefined);
  }

  /** Lets the bot begin, where nothing has been said and somebody looks. */
  private greet(): void {
    if (!this.isOpen || this.greeted) return;
    this.greeted = true;
    if (this.client.lastSeq === 0 && this.client.items().length === 0) this.client.opened();
  }

  /** Tells by the browser, where it may. */
  private show(title: string, body: string): void {
    if (!canNotify() || Notification.permission !== "granted") return;
    try {
      const note = new Notification(title, { body, tag: this.client.prefix });
      note.onclick = () => {
        focus();
        note.close();
        this.open();
      };
    } catch {
      // Some phones have notifications only for installed pages.
    }
  }

  private stopTyping(): void {
    this.typing = false;
    clearTimeout(this.typingTimer);
    this.emit("changed", undefined);
  }

  private arrived(frame: Frame): void {
    this.stopTyping();
    const content = frame.content;
    const text =
      "text" in content ? content.text : "payload" in content ? content.payload && "text" in content.payload && content.payload.text : "caption" in content ? content.caption : "";
    this.spoken = `${frame.author?.name || this.title}: ${text || ""}`;
    this.read();
    if (!this.isOpen || document.visibilityState !== "visible") {
      if (this.behaviour.sound) beep();
      if (document.visibilityState !== "visible") this.show(frame.author?.name || this.title, text || "");
    }
    // A person answers when there is time for it.
    if (frame.role === "agent") this.waiting(true);
    this.emit("unread", this.client.unread);
    this.emit("message", frame);
    this.emit("changed", undefined);
  }
}

function canNotify(): boolean {
  return "Notification" in window && isSecureContext;
}

/** Two short tones. Browsers are silent until somebody has touched the page. */
function beep(): void {
  try {
    const audio = new AudioContext();
    const gain = audio.createGain();
    gain.connect(audio.destination);
    gain.gain.setValueAtTime(0.05, audio.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.3);
    [660, 880].forEach((frequency, index) => {
      const tone = audio.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(gain);
      tone.start(audio.currentTime + index * 0.1);
      tone.stop(audio.currentTime + index * 0.1 + 0.15);
    });
    setTimeout(() => void audio.close(), 500);
  } catch {
    // No sound then.
  }
}
