import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Content, Item } from "../client";
import { Body, Extras, reduced } from "./contents";
import { Icon } from "./icons";
import { safeHref } from "./markdown";
import type { Model } from "./model";
import { Rich } from "./rich";
import { whenOf } from "./when";

/** This close to the end counts as the end, in pixels. */
const NEAR = 80;
/** A pause this long begins a new group, milliseconds. */
const PAUSE = 5 * 60_000;

function contentOf(item: Item): Content {
  if (item.frame) return item.frame.content;
  const { saying, upload } = item;
  if (upload) return { kind: "media", media: "file", file_name: upload.file.name, size: upload.file.size };
  if (saying?.type === "file") return { kind: "media", media: "file", file_name: saying.name, size: saying.size };
  const text = item.partial ?? (saying && "text" in saying ? saying.text : saying?.type === "choice" ? (saying.title ?? saying.id) : "");
  return { kind: "text", text };
}

/** Whether something goes on in one breath with what was before it. */
function follows(item: Item, before: Item | undefined): boolean {
  return (
    before !== undefined &&
    before.role === item.role &&
    before.frame?.author?.name === item.frame?.author?.name &&
    item.at - before.at < PAUSE
  );
}

export function Messages({ model }: { model: Model }) {
  const items = model.client.items();
  const scroller = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [below, setBelow] = useState(false);
  const last = items.at(-1)?.key;
  const first = items[0]?.key;
  const height = useRef(0);
  const firstBefore = useRef(first);

  // Somebody who reads further up is not pulled away; what is put above does not move what is read.
  useLayoutEffect(() => {
    const element = scroller.current!;
    if (atEnd.current || items.at(-1)?.state === "sending") element.scrollTop = element.scrollHeight;
    else if (first !== firstBefore.current) element.scrollTop += element.scrollHeight - height.current;
    else setBelow(true);
    height.current = element.scrollHeight;
    firstBefore.current = first;
  }, [last, first, items.length, model.typing, items.at(-1)?.partial]);

  // Images come later, and change the height.
  useEffect(() => {
    const element = scroller.current!;
    const observer = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    observer.observe(element.firstElementChild!);
    return () => observer.disconnect();
  }, []);

  const onScroll = () => {
    const element = scroller.current!;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    if (atEnd.current) setBelow(false);
  };
  const toEnd = () => {
    const element = scroller.current!;
    element.scrollTo({ top: element.scrollHeight, behavior: reduced() ? "auto" : "smooth" });
  };

  return (
    <div class="middle">
      <div class="scroller" ref={scroller} onScroll={onScroll} tabIndex={0} role="log" aria-live="off" aria-label={model.text("conversation")}>
        <ol>
          {model.client.hasEarlier && (
            <li class="notice">
              <button type="button" onClick={() => void model.client.earlier()}>
                {model.text("earlier")}
              </button>
            </li>
          )}
          {!model.client.hasEarlier && model.config.greeting && (
            <li class="message other first">
              <Who model={model} name={model.title} />
              <div class="bubble">
                <Rich text={model.config.greeting} />
              </div>
            </li>
          )}
          {items.map((item, index) => (
            <Message
              key={item.key}
              model={model}
              item={item}
              first={!follows(item, items[index - 1])}
              last={!items[index + 1] || !follows(items[index + 1]!, item)}
            />
          ))}
          {items.length === 0 && <Starters model={model} />}
          {model.typing && !items.at(-1)?.partial && (
            <li class="message other typing">
              <div class="bubble" role="img" aria-label={model.text("typing", { name: model.title })}>
                <i />
                <i />
                <i />
              </div>
            </li>
          )}
        </ol>
      </div>
      {below && (
        <button type="button" class="to-end" aria-label={model.text("newest")} onClick={toEnd}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

/** What can be said at the beginning by pressing a button. */
function Starters({ model }: { model: Model }) {
  const buttons = model.behaviour.start_buttons ?? [];
  if (!buttons.length) return null;
  return (
    <li class="options">
      {buttons.map((button) => {
        const { title, text } = typeof button === "string" ? { title: button, text: button } : button;
        return (
          <button type="button" onClick={() => model.client.say(text ?? title)}>
            {title}
          </button>
        );
      })}
    </li>
  );
}

function Who({ model, name, avatar }: { model: Model; name: string; avatar?: string }) {
  const image = safeHref(avatar || model.theme.avatar_url || "");
  return (
    <div class="who">
      {image && <img src={image} alt="" referrerpolicy="no-referrer" />}
      {name}
    </div>
  );
}

interface MessageProps {
  model: Model;
  item: Item;
  first: boolean;
  last: boolean;
}

function Message({ model, item, first, last }: MessageProps) {
  const content = contentOf(item);
  const mine = item.role === "visitor";
  if (item.role === "system" || (content.kind === "structured" && content.payload?.type === "notice")) {
    const text = content.kind === "structured" ? content.payload.type && "text" in content.payload && content.payload.text : "text" in content && content.text;
    return <li class="notice">{text}</li>;
  }
  const name = item.frame?.author?.name || (item.role === "agent" ? model.text("agent") : model.title);
  const body = <Body model={model} content={content} mine={mine} />;
  const hasBody = content.kind !== "structured" || ("text" in content.payload && content.payload.text);
  return (
    <li class={`message ${mine ? "mine" : "other"} ${item.state} ${first ? "first" : ""}`}>
      {first && !mine && <Who model={model} name={name} avatar={item.frame?.author?.avatar_url} />}
      {mine && <span class="hidden">{model.text("you")}: </span>}
      {hasBody && (
        // A text has its own direction, whatever the interface has.
        <div class="bubble" dir="auto">
          {body}
        </div>
      )}
      {item.upload && item.state === "sending" && (
        <div class="progress">
          <progress value={item.upload.share} aria-label={item.upload.file.name} />
          <button type="button" aria-label={model.text("cancel")} onClick={() => model.client.cancel(item.key)}>
            <Icon name="close" />
          </button>
        </div>
      )}
      <Extras model={model} content={content} mine={mine} seq={item.frame?.seq} />
      <Status model={model} item={item} last={last} />
    </li>
  );
}

function Status({ model, item, last }: { model: Model; item: Item; last: boolean }) {
  if (item.state === "failed") {
    return (
      <div class="status bad">
        {model.text("failed")}
        {item.problem ? `: ${item.problem}` : ""}{" "}
        <button type="button" onClick={() => model.client.retry(item.key)}>
          {model.text("retry")}
        </button>
      </div>
    );
  }
  if (!last || !item.at) return null;
  const when = new Date(item.at);
  const state = item.role === "visitor" ? model.text(item.state as "sending" | "sent" | "seen") : "";
  return (
    <div class="status">
      <time dateTime={when.toISOString()}>{whenOf(when, new Date(), model.language.code)}</time>
      {state && <span> · {state}</span>}
    </div>
  );
}
