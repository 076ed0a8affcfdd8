import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { type Block, type Inline, blocks } from "./markdown";

function Spans({ of }: { of: Inline[] }) {
  return (
    <>
      {of.map((item) => {
        if (typeof item === "string") return item;
        switch (item.tag) {
          case "br":
            return <br />;
          case "code":
            return <code>{item.text}</code>;
          case "a":
            return (
              <Link href={item.href}>
                <Spans of={item.children} />
              </Link>
            );
          default: {
            const Tag = item.tag;
            return (
              <Tag>
                <Spans of={item.children} />
              </Tag>
            );
          }
        }
      })}
    </>
  );
}

export function Link({ href, children }: { href: string; children: ComponentChildren }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function Part({ block }: { block: Block }) {
  switch (block.tag) {
    case "pre":
      return (
        <pre tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      );
    case "ul":
    case "ol": {
      const items = block.items.map((item) => (
        <li>
          <Spans of={item} />
        </li>
      ));
      return block.tag === "ul" ? <ul>{items}</ul> : <ol start={block.start}>{items}</ol>;
    }
    case "quote":
      return (
        <blockquote>
          <Spans of={block.children} />
        </blockquote>
      );
    default:
      return (
        <p>
          <Spans of={block.children} />
        </p>
      );
  }
}

/** Text as limited Markdown; what a visitor wrote is shown as it was typed. */
export function Rich({ text, plain }: { text: string; plain?: boolean }) {
  // A conversation is drawn anew with every word in it; what was said before is not read again.
  return useMemo(() => (plain ? <p class="plain">{text}</p> : <>{blocks(text).map((block) => <Part block={block} />)}</>), [text, plain]);
}

