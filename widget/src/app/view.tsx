import { useEffect, useReducer, useRef } from "preact/hooks";
import { Composer } from "./composer";
import { Icon } from "./icons";
import { safeHref } from "./markdown";
import { Messages } from "./messages";
import type { Model } from "./model";

export function View({ model }: { model: Model }) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const launcher = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useEffect(() => model.on("changed", () => redraw(undefined)), [model]);
  useEffect(() => {
    // Whoever closes it stands again where it was opened.
    if (wasOpen.current && !model.isOpen) launcher.current?.focus();
    wasOpen.current = model.isOpen;
  }, [model.isOpen]);

  if (model.hidden) return null;
  const unread = model.isOpen ? 0 : model.client.unread;
  const label = model.text(model.isOpen ? "close" : "open");
  const news = unread ? model.text(unread === 1 ? "unread_one" : "unread_many", { n: unread }) : "";
  const icon = safeHref(model.theme.launcher_icon ?? "");
  return (
    <div class={`root ${model.isOpen ? "is-open" : ""}`} dir={model.language.dir} lang={model.language.code}>
      <div class="hidden" role="status">
        {model.spoken}
      </div>
      {model.isOpen && <Panel model={model} />}
      {model.teaser && !model.isOpen && (
        <div class="teaser">
          <button type="button" class="said" onClick={() => model.open()}>
            {model.teaser}
          </button>
          <button
            type="button"
            class="x"
            aria-label={model.text("close")}
            onClick={() => {
              model.teaser = undefined;
              redraw(undefined);
            }}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
      <button
        type="button"
        class="launcher"
        ref={launcher}
        aria-expanded={model.isOpen}
        aria-label={news ? `${label}, ${news}` : label}
        onClick={() => (model.isOpen ? model.close() : model.open())}
      >
        {model.isOpen ? <Icon name="close" /> : icon ? <img src={icon} alt="" /> : <Icon name="chat" />}
        {model.theme.launcher_text && !model.isOpen && <span aria-hidden="true">{model.theme.launcher_text}</span>}
        {unread > 0 && (
          <b class="badge" aria-hidden="true">
            {unread > 99 ? "99+" : unread}
          </b>
        )}
      </button>
    </div>
  );
}

function Panel({ model }: { model: Model }) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    (panel.current!.querySelector<HTMLElement>("textarea, input:not([hidden])") ?? panel.current!).focus();
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      model.close();
    }
  };
  const lost = model.client.state === "waiting" || model.client.state === "refused";
  const logo = safeHref(model.theme.logo_url || model.theme.avatar_url || "");
  return (
    <section
      class="panel"
      ref={panel}
      role="dialog"
      aria-labelledby="title"
      tabIndex={-1}
      onKeyDown={onKeyDown}
      onDragOver={(event) => model.config.uploads && event.preventDefault()}
      onDrop={(event) => {
        if (!model.config.uploads) return;
        event.preventDefault();
        for (const file of event.dataTransfer?.files ?? []) model.attach(file);
      }}
    >
      <header>
        {logo && <img src={logo} alt="" referrerpolicy="no-referrer" />}
        <div>
          <h2 id="title">{model.title}</h2>
          <p>{model.theme.subtitle || (lost ? "" : model.text(model.away ? "away" : "online"))}</p>
        </div>
        <button type="button" aria-label={model.text("close")} onClick={() => model.close()}>
          <Icon name="close" />
        </button>
      </header>
      <Banner model={model} />
      <Messages model={model} />
      <Composer model={model} />
    </section>
  );
}

/** What stands in the way of a conversation, if anything does. */
function Banner({ model }: { model: Model }) {
  const state = model.client.state;
  if (state === "waiting" || state === "refused") {
    return (
      <p class="banner warn" role="status">
        {model.text(state)}
      </p>
    );
  }
  if (state === "parked") {
    return (
      <button type="button" class="banner warn" onClick={() => model.client.resume()}>
        {model.text("parked")}
      </button>
    );
  }
  if (model.away) return <p class="banner">{model.config.offline_message || model.text("away_text")}</p>;
  return null;
}
