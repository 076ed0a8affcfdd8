// What happens by itself: where the chat is shown at all, when it opens, what it says first.

import type { Model } from "./model";

/** `/shop/*` is everything below; without a star, exactly that path. */
export function matches(pattern: string, path: string): boolean {
  if (!pattern.includes("*")) return pattern === path;
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(path);
}

export function proactive(model: Model): void {
  const { behaviour, client } = model;
  const name = client.prefix + "proactive";
  let timers: ReturnType<typeof setTimeout>[] = [];
  let path = "";
  const after = (seconds: number, action: () => void) => timers.push(setTimeout(action, seconds * 1000));
  /** Each once a visit, and not to somebody who talks already. */
  const once = (what: string, action: () => void) => {
    const done = (client.store.get(name) as string[] | undefined) ?? [];
    if (model.isOpen || model.hidden || done.includes(what) || client.items().length) return;
    client.store.set(name, [...done, what].slice(-50));
    action();
  };

  const arrive = () => {
    if (location.pathname === path) return;
    path = location.pathname;
    timers.forEach(clearTimeout);
    timers = [];
    const on = (patterns: string[] | undefined) => patterns?.some((pattern) => matches(pattern, path));
    const shown = (!behaviour.show_on_paths?.length || on(behaviour.show_on_paths)) && !on(behaviour.hide_on_paths);
    if (model.hidden === !!shown) model.hide(!shown);
    if (!shown) return;
    if (typeof behaviour.open_after_seconds === "number") {
      after(behaviour.open_after_seconds, () => once("open", () => model.open()));
    }
    for (const message of behaviour.proactive ?? []) {
      if (!message.text || (message.paths?.length && !on(message.paths))) continue;
      after(message.after_seconds ?? 5, () =>
        once(message.text, () => {
          model.teaser = model.spoken = message.text;
          model.emit("changed", undefined);
        }),
      );
    }
  };
  const percent = behaviour.open_on_scroll_percent;
  if (typeof percent === "number") {
    const scrolled = () => {
      const { scrollTop, scrollHeight, clientHeight } = document.documentElement;
      if (scrollTop / Math.max(1, scrollHeight - clientHeight) < percent / 100) return;
      removeEventListener("scroll", scrolled);
      once("open", () => model.open());
    };
    addEventListener("scroll", scrolled, { passive: true });
  }
  // Pages that change without being loaded.
  (window as unknown as { navigation?: EventTarget }).navigation?.addEventListener("currententrychange", arrive);
  addEventListener("popstate", arrive);
  arrive();
}
