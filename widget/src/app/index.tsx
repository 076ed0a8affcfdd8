// The application: takes over from the loader, reads what the page wants, and draws into a shadow root.

import { render } from "preact";
import { type Frame, type Identity, type Mode, Client } from "../client";
import { Model } from "./model";
import { proactive } from "./proactive";
import styles from "./style.css?inline";
import { choose, load } from "./texts";
import { apply } from "./theme";
import { View } from "./view";

/** What the loader left. */
interface Stub {
  q: unknown[][];
  url: string;
  data: Record<string, string | undefined>;
}

type Api = Record<string, (...values: never[]) => unknown>;

async function begin(stub: Stub): Promise<void> {
  const { url, data } = stub;
  const widget = data.widget;
  if (!widget) return console.error("BotBuilder: the script has no data-widget");
  const client = new Client({ url, widget, storage: data.storage as Mode | undefined });
  const asked = Date.now();
  const wanted = [data.locale, document.documentElement.lang, ...navigator.languages];
  // Nearly always the page or the browser decides, and the texts can be fetched along with the rest.
  const guessed = choose(wanted);
  const early = guessed === "en" ? undefined : load(guessed, url);
  const config = await client.config();
  const code = wanted.some((tag) => tag && choose([tag]) === tag.slice(0, 2).toLowerCase()) ? guessed : choose([config.locale]);
  const language = await (code === guessed && early ? early : load(code, url));
  const ahead = Date.parse(config.now) - (asked + Date.now()) / 2;
  const model = new Model(client, config, language, ahead || 0, widget);

  const host = document.createElement("div");
  host.id = "botbuilder-widget";
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
  apply(host, config.theme);
  document.body.append(host);
  render(<View model={model} />, root);

  const api: Api = {
    open: () => model.open(),
    close: () => model.close(),
    toggle: () => (model.isOpen ? model.close() : model.open()),
    show: () => model.hide(false),
    hide: () => model.hide(true),
    say: (text: string) => client.say(String(text)),
    identify: (identity: Identity) => model.identify(identity),
    logout: () => model.logout(),
    set: (attributes: Record<string, unknown>) => {
      const { email, name, ...others } = attributes;
      client.details({ email: email as string, name: name as string, attributes: others });
    },
    on: (name: "open" | "close" | "message" | "unread" | "state", listener: (value: unknown) => void) =>
      model.on(name, listener),
    theme: (theme: Record<string, unknown>) => {
      Object.assign(config.theme, theme);
      apply(host, config.theme);
      model.emit("changed", undefined);
    },
    preview: (frames: Frame[]) => frames.forEach((frame) => client.preview(frame)),
  };
  const call = ([name, ...rest]: unknown[]) => {
    const method = api[String(name)];
    if (method) return method(...(rest as never[]));
    console.error(`BotBuilder: there is no ${String(name)}`);
  };
  const queued = stub.q;
  const shared = Object.assign((...rest: unknown[]) => call(rest), stub, api, { q: { push: (...calls: unknown[][]) => calls.forEach(call) } });
  (window as unknown as { BotBuilder: unknown }).BotBuilder = shared;
  queued.forEach(call);
  // Whoever was here before may have got an answer since.
  if (client.returning && !config.require_identity) client.connect();
  proactive(model);
  dispatchEvent(new CustomEvent("botbuilder:ready"));
}

const stub = (window as unknown as { BotBuilder?: Stub }).BotBuilder;
if (stub?.data && !document.getElementById("botbuilder-widget")) {
  begin(stub).catch((error) => console.error("BotBuilder:", error));
}
