// The line a site pastes: <script async src="https://HOST/widget/v1/loader.js" data-widget="KEY"></script>
//
// It makes `window.BotBuilder`, which takes calls before the application is there, and loads the application when the
// page has nothing else to do.

declare const __APP__: string;

interface Api {
  (...call: unknown[]): void;
  q: unknown[][];
}

(() => {
  const script = document.currentScript as HTMLScriptElement | null;
  const holder = window as unknown as { BotBuilder?: Api };
  // Pasted twice: the first one counts. One that only queues calls is taken over.
  if (!script || (holder.BotBuilder && "url" in holder.BotBuilder)) return;
  const queued = holder.BotBuilder?.q ?? [];
  const api: Api = Object.assign((...call: unknown[]) => void api.q.push(call), {
    q: queued,
    url: new URL(script.src, location.href).origin,
    data: { ...script.dataset },
  });
  for (const name of ["open", "close", "toggle", "identify", "set", "on", "say", "show", "hide", "logout"]) {
    (api as unknown as Record<string, unknown>)[name] = (...rest: unknown[]) => api(name, ...rest);
  }
  holder.BotBuilder = api;

  const load = () => {
    const app = document.createElement("script");
    let source = script.src.replace(/loader\.js.*/, "app.js?v=" + __APP__);
    const trusted = (window as unknown as { trustedTypes?: TrustedTypes }).trustedTypes;
    try {
      if (trusted) {
        source = trusted
          .createPolicy("botbuilder", { createScriptURL: (address) => address })
          .createScriptURL(source) as unknown as string;
      }
    } catch {
      // The site's policy lists others. If it also asks for trusted types, loading fails and the console says so.
    }
    app.src = source;
    app.async = true;
    app.nonce = script.nonce;
    document.head.append(app);
  };
  const idle = () =>
    "requestIdleCallback" in window ? requestIdleCallback(load, { timeout: 3000 }) : setTimeout(load, 200);
  if (document.readyState === "complete") idle();
  else addEventListener("load", idle);
})();

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(address: string): string },
  ): { createScriptURL(address: string): object };
}
export {};
