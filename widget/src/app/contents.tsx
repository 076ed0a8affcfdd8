import { useId, useRef, useState } from "preact/hooks";
import type { Card, CardButton, Citation, Content, Field, Option } from "../client";
import { Icon } from "./icons";
import { safeHref } from "./markdown";
import type { Model } from "./model";
import { Link, Rich } from "./rich";

interface Props {
  model: Model;
  content: Content;
  /** Whether it is the visitor's own. */
  mine: boolean;
  /** Its number, where it has one. */
  seq?: number;
}

/** What is inside a message's bubble. */
export function Body({ model, content, mine }: Props) {
  const plain = mine || model.behaviour.markdown === false;
  switch (content.kind) {
    case "text":
      return <Rich text={content.text} plain={plain} />;
    case "choice":
      return <Rich text={content.text} plain={plain} />;
    case "media":
      return <Media model={model} content={content} />;
    case "location": {
      const { latitude, longitude, name, address } = content;
      const place = `${latitude},${longitude}`;
      const map = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${place.replace(",", "/")}`;
      return (
        <>
          {name && <strong>{name}</strong>}
          {address && <p>{address}</p>}
          <p>
            <Link href={map}>{model.text("map")}</Link>
          </p>
        </>
      );
    }
    case "contact":
      return (
        <>
          {content.name && <strong>{content.name}</strong>}
          {(content.phones ?? []).map((phone) => (
            <p>
              <Address href={`tel:${phone.replace(/[^+\d]/g, "")}`} text={phone} />
            </p>
          ))}
          {(content.emails ?? []).map((email) => (
            <p>
              <Address href={`mailto:${email}`} text={email} />
            </p>
          ))}
        </>
      );
    case "structured": {
      const payload = content.payload;
      return payload && "text" in payload && payload.text ? <Rich text={payload.text} plain={plain} /> : null;
    }
    default:
      return null;
  }
}

function Address({ href, text }: { href: string; text: string }) {
  const safe = safeHref(href);
  return safe ? <Link href={safe}>{text}</Link> : <>{text}</>;
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function Media({ model, content }: { model: Model; content: Content & { kind: "media" } }) {
  const href = safeHref(content.url ?? "");
  const name = content.file_name || model.text(content.media === "image" ? "image" : "file");
  const caption = content.caption && <Rich text={content.caption} plain={model.behaviour.markdown === false} />;
  let shown;
  if (!href) shown = <p>{name}</p>;
  else if (content.media === "image" || content.media === "sticker") {
    shown = (
      <a class="image" href={href} target="_blank" rel="noopener noreferrer">
        <img src={href} alt={content.caption || name} loading="lazy" decoding="async" referrerpolicy="no-referrer" />
      </a>
    );
  } else if (content.media === "video") {
    shown = <video src={href} controls preload="metadata" aria-label={name} />;
  } else if (content.media === "audio") {
    shown = <audio src={href} controls preload="none" aria-label={name} />;
  } else {
    shown = (
      <a class="file" href={href} target="_blank" rel="noopener noreferrer" download={content.file_name}>
        <Icon name="file" />
        <span>
          {name}
          {content.size ? <small>{size(content.size)}</small> : null}
        </span>
      </a>
    );
  }
  return (
    <>
      {shown}
      {caption}
    </>
  );
}

/** What stands below a message's bubble: things to press. */
export function Extras({ model, content, mine, seq = 0 }: Props) {
  if (mine) return null;
  if (content.kind === "choice" && content.options?.length) {
    return content.style === "list" ? (
      <List model={model} options={content.options} label={content.label} />
    ) : (
      <Buttons model={model} options={content.options} />
    );
  }
  if (content.kind !== "structured") return null;
  const payload = content.payload;
  switch (payload?.type) {
    case "card":
      return "card" in payload ? <CardView model={model} card={payload.card} /> : null;
    case "carousel":
      return "cards" in payload ? <Carousel model={model} cards={payload.cards} /> : null;
    case "rating":
      return <Rating model={model} seq={seq} max={"max" in payload ? payload.max : undefined} />;
    case "answer":
      return "citations" in payload ? <Sources model={model} citations={payload.citations ?? []} /> : null;
    case "form":
      return "fields" in payload ? <Form model={model} seq={seq} {...payload} /> : null;
    default:
      return null;
  }
}

function Buttons({ model, options }: { model: Model; options: Option[] }) {
  return (
    <div class="options">
      {options.map(({ id, title, description }) => (
        <button type="button" title={description} onClick={() => model.client.choose(id, title)}>
          {title}
        </button>
      ))}
    </div>
  );
}

function List({ model, options, label }: { model: Model; options: Option[]; label?: string }) {
  const details = useRef<HTMLDetailsElement>(null);
  return (
    <details class="list" ref={details}>
      <summary>{label || model.text("show_options")}</summary>
      {options.map(({ id, title, description }) => (
        <button
          type="button"
          onClick={() => {
            details.current!.open = false;
            model.client.choose(id, title);
          }}
        >
          {title}
          {description && <small>{description}</small>}
        </button>
      ))}
    </details>
  );
}

function CardView({ model, card }: { model: Model; card: Card }) {
  const image = safeHref(card.image_url ?? "");
  const press = ({ id, title }: CardButton) => id && model.client.choose(id, title);
  return (
    <article class="card">
      {image && <img src={image} alt={card.image_alt ?? ""} loading="lazy" referrerpolicy="no-referrer" />}
      <div>
        <strong>{card.title}</strong>
        {card.subtitle && <p>{card.subtitle}</p>}
      </div>
      {(card.buttons ?? []).map((button) => {
        const href = safeHref(button.url ?? "");
        return href ? (
          <a class="button" href={href} target="_blank" rel="noopener noreferrer">
            {button.title}
          </a>
        ) : (
          <button type="button" onClick={() => press(button)}>
            {button.title}
          </button>
        );
      })}
    </article>
  );
}

function Carousel({ model, cards }: { model: Model; cards: Card[] }) {
  const track = useRef<HTMLUListElement>(null);
  const move = (by: number) => {
    const element = track.current!;
    const along = element.clientWidth * 0.8 * by * (model.language.dir === "rtl" ? -1 : 1);
    element.scrollBy({ left: along, behavior: reduced() ? "auto" : "smooth" });
  };
  return (
    <div class="carousel">
      <ul ref={track} tabIndex={0} aria-label={cards.map((card) => card.title).join(", ")}>
        {cards.map((card) => (
          <li>
            <CardView model={model} card={card} />
          </li>
        ))}
      </ul>
      <div class="arrows">
        <button type="button" aria-label={model.text("previous")} onClick={() => move(-1)}>
          <Icon name="back" />
        </button>
        <button type="button" aria-label={model.text("next")} onClick={() => move(1)}>
          <Icon name="forth" />
        </button>
      </div>
    </div>
  );
}

export const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Whether the visitor has answered something since, in this way. */
function answered(model: Model, seq: number, how: (content: Content & { kind: "text" }) => boolean | undefined): boolean {
  return model.client.items().some(({ frame }) => frame && frame.seq > seq && frame.content.kind === "text" && how(frame.content));
}

function Sources({ model, citations }: { model: Model; citations: Citation[] }) {
  return (
    <ol class="sources" aria-label={model.text("sources")}>
      {citations.map(({ title, url }) => (
        <li>
          <Address href={url ?? ""} text={title} />
        </li>
      ))}
    </ol>
  );
}

interface FormProps {
  model: Model;
  seq: number;
  id: string;
  fields: Field[];
  submit?: string;
}

function Form({ model, seq, id, fields, submit }: FormProps) {
  const prefix = useId();
  const [sent, send] = useState(false);
  const [missing, miss] = useState<string>();
  if (sent || answered(model, seq, ({ form }) => form === id)) return null;
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const elements = (event.currentTarget as HTMLFormElement).elements;
    const values: Record<string, string | boolean> = {};
    const lines: string[] = [];
    for (const { name, label, type, options } of fields) {
      const element = elements.namedItem(prefix + name) as HTMLInputElement;
      if (!element.checkValidity()) {
        miss(name);
        return element.focus();
      }
      const value = type === "checkbox" ? element.checked : element.value.trim();
      values[name] = value;
      const shown = value === true ? "✓" : value === false ? "–" : options?.find((option) => option.id === value)?.title ?? value;
      if (shown) lines.push(`${label}: ${shown}`);
    }
    send(true);
    model.client.submit(id, values, lines.join("\n"));
  };
  return (
    <form class="form" onSubmit={onSubmit} noValidate>
      {fields.map(({ name, label, type = "text", required, placeholder, options }) => {
        const own = { id: prefix + name, name: prefix + name, required, placeholder, maxLength: 1000 };
        const bad = missing === name;
        const told = { "aria-invalid": bad, "aria-describedby": bad ? `${prefix}bad` : undefined };
        return (
          <div class={type === "checkbox" ? type : undefined}>
            <label for={own.id}>
              {label}
              {required && <span aria-hidden="true"> *</span>}
            </label>
            {type === "textarea" ? (
              <textarea {...own} {...told} rows={3} />
            ) : type === "select" ? (
              <select {...own} {...told}>
                <option value="">{placeholder}</option>
                {options?.map((option) => (
                  <option value={option.id}>{option.title}</option>
                ))}
              </select>
            ) : (
              <input {...own} {...told} type={type as "text"} />
            )}
            {bad && (
              <p id={`${prefix}bad`} class="bad" role="alert">
                {model.text("missing")}
              </p>
            )}
          </div>
        );
      })}
      <button type="submit">{submit || model.text("send")}</button>
    </form>
  );
}

function Rating({ model, seq, max = 5 }: { model: Model; seq: number; max?: number }) {
  const [given, give] = useState(0);
  const stars = Array.from({ length: Math.min(10, Math.max(2, max)) }, (_, index) => index + 1);
  const label = (n: number) => model.text("star", { n, max: stars.length });
  if (given || answered(model, seq, ({ choice }) => choice?.startsWith("rating:"))) return <p class="note">{model.text("rated")}</p>;
  return (
    <div class="rating" role="group" aria-label={model.text("rate")}>
      {stars.map((n) => (
        <button
          type="button"
          aria-label={label(n)}
          onClick={() => {
            give(n);
            model.client.choose(`rating:${n}`, label(n));
          }}
        >
          <Icon name="star" />
        </button>
      ))}
    </div>
  );
}
