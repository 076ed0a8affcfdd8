// Limited Markdown, as a tree that is drawn element by element. It never becomes HTML text, so there is nothing to be
// sanitised: what is not understood stays text.

export type Inline =
  | string
  | { tag: "strong" | "em" | "del"; children: Inline[] }
  | { tag: "code"; text: string }
  | { tag: "br" }
  | { tag: "a"; href: string; children: Inline[] };

export type Block =
  | { tag: "p"; children: Inline[] }
  | { tag: "pre"; text: string }
  | { tag: "ul" | "ol"; start: number; items: Inline[][] }
  | { tag: "quote"; children: Inline[] };

/** An address that may be followed, or none. */
export function safeHref(address: string): string | undefined {
  const text = address.trim();
  // Control characters and spaces inside a scheme are ways around such a list.
  return /^(https?:\/\/|mailto:|tel:)[^\s\u0000-\u001f"<>]+$/i.test(text) ? text : undefined;
}

const DEPTH = 8;

export function inline(text: string, depth = 0): Inline[] {
  const out: Inline[] = [];
  let plain = "";
  const push = (item: Inline) => {
    if (plain) out.push(plain);
    plain = "";
    out.push(item);
  };
  let rest = text;
  while (rest) {
    let match: RegExpMatchArray | null;
    if (rest[0] === "\\" && (match = rest.match(/^\\([\\`*_~[\]()#>.!-])/))) {
      plain += match[1];
    } else if ((match = rest.match(/^\n/))) {
      push({ tag: "br" });
    } else if ((match = rest.match(/^`([^`\n]+)`/))) {
      push({ tag: "code", text: match[1]! });
    } else if (depth < DEPTH && (match = rest.match(/^\*\*(?=\S)([^]{1,2000}?\S)\*\*/))) {
      push({ tag: "strong", children: inline(match[1]!, depth + 1) });
    } else if (depth < DEPTH && (match = rest.match(/^~~(?=\S)([^]{1,2000}?\S)~~/))) {
      push({ tag: "del", children: inline(match[1]!, depth + 1) });
    } else if (
      depth < DEPTH &&
      // An underscore inside a word is part of the word.
      (match = rest.match(/^\*(?=[^\s*])([^*\n]{0,2000}[^\s*]|[^\s*])\*/) ??
        (/\w$/.test(plain) ? null : rest.match(/^_(?=[^\s_])([^_\n]{0,2000}[^\s_]|[^\s_])_(?!\w)/)))
    ) {
      push({ tag: "em", children: inline(match[1]!, depth + 1) });
    } else if (depth < DEPTH && (match = rest.match(/^\[([^\]\n]{1,500})\]\(([^()\s]{1,2000})\)/))) {
      const href = safeHref(match[2]!);
      if (href) push({ tag: "a", href, children: inline(match[1]!, depth + 1) });
      else plain += match[0];
    } else if (!/\w$/.test(plain) && (match = rest.match(/^https?:\/\/[^\s<>"]{1,2000}[^\s<>".,;:!?)\]'*_~]/i))) {
      push({ tag: "a", href: match[0], children: [match[0]] });
    } else {
      // A run of what means nothing is taken at once.
      match = rest.match(/^[^\\\n`*~_[h]+/) ?? [rest[0]!];
      plain += match[0];
    }
    rest = rest.slice(match![0].length);
  }
  if (plain) out.push(plain);
  return out;
}

export function blocks(text: string): Block[] {
  const out: Block[] = [];
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  let paragraph: string[] = [];
  const flush = () => {
    if (paragraph.length) out.push({ tag: "p", children: inline(paragraph.join("\n")) });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    let match: RegExpMatchArray | null;
    if (/^```/.test(line)) {
      flush();
      const code: string[] = [];
      while (++at < lines.length && !/^```/.test(lines[at]!)) code.push(lines[at]!);
      out.push({ tag: "pre", text: code.join("\n") });
    } else if (!line.trim()) {
      flush();
    } else if ((match = line.match(/^#{1,6}\s+(.*)$/))) {
      flush();
      out.push({ tag: "p", children: [{ tag: "strong", children: inline(match[1]!) }] });
    } else if ((match = line.match(/^>\s?(.*)$/))) {
      flush();
      const quote = [match[1]!];
      while (at + 1 < lines.length && (match = lines[at + 1]!.match(/^>\s?(.*)$/))) {
        quote.push(match[1]!);
        at++;
      }
      out.push({ tag: "quote", children: inline(quote.join("\n")) });
    } else if ((match = line.match(/^\s{0,3}([-*•]|(\d{1,9})[.)])\s+(.*)$/))) {
      flush();
      const ordered = match[2] !== undefined;
      const items = [match[3]!];
      const start = Number(match[2] ?? 1);
      const more = ordered ? /^\s{0,3}\d{1,9}[.)]\s+(.*)$/ : /^\s{0,3}[-*•]\s+(.*)$/;
      while (at + 1 < lines.length && (match = lines[at + 1]!.match(more))) {
        items.push(match[1]!);
        at++;
      }
      out.push({ tag: ordered ? "ol" : "ul", start, items: items.map((item) => inline(item)) });
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return out;
}
