import { useRef, useState } from "preact/hooks";
import type { Card, CardButton, Content, Option } from "../client";
import { Icon } from "./icons";
import { safeHref } from "./markdown";
import type { Model } from "./model";
import { Link, Rich } from "./rich";

interface Props {
  model: Model;
  content: Content;
  /** Whether it is the visitor's own. */
  mine: boolean;
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
export function Extras({ model, content, mine }: Props) {
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
      return <Rating model={model} max={"max" in payload ? payload.max : undefined} />;
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

function Rating({ model, max = 5 }: { model: Model; max?: number }) {
  const [given, give] = useState(0);
  const stars = Array.from({ length: Math.min(10, Math.max(2, max)) }, (_, index) => index + 1);
  const label = (n: number) => model.text("star", { n, max: stars.length });
  if (given) return <p class="note">{model.text("rated")}</p>;
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
