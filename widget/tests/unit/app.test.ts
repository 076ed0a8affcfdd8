import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { isOpen } from "../../src/app/hours";
import { type Inline, blocks, inline, safeHref } from "../../src/app/markdown";
import { matches } from "../../src/app/proactive";
import { fill } from "../../src/app/texts";
import { luminance, readableOn } from "../../src/app/theme";
import { timeOf, whenOf } from "../../src/app/when";

const flat = (items: Inline[]): string =>
  items
    .map((item) => {
      if (typeof item === "string") return item;
      if (item.tag === "br") return "⏎";
      if (item.tag === "code") return `<code:${item.text}>`;
      return `<${item.tag}${item.tag === "a" ? ` ${item.href}` : ""}:${flat(item.children)}>`;
    })
    .join("");

test.each([
  ["plain", "plain"],
  ["**bold** and *it* and _it_", "<strong:bold> and <em:it> and <em:it>"],
  ["**a *b* c**", "<strong:a <em:b> c>"],
  ["`a*b*c`", "<code:a*b*c>"],
  ["~~gone~~", "<del:gone>"],
  ["snake_case_name and 2*3*4", "snake_case_name and 2<em:3>4"],
  ["2 * 3 * 4", "2 * 3 * 4"],
  ["\\*not\\*", "*not*"],
  ["[site](https://a.example/x)", "<a https://a.example/x:site>"],
  ["see https://a.example/x?y=1. ok", "see <a https://a.example/x?y=1:https://a.example/x?y=1>. ok"],
  ["[x](javascript:alert(1))", "[x](javascript:alert(1))"],
  ["[x](data:text/html,hi)", "[x](data:text/html,hi)"],
  ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
  ["a\nb", "a⏎b"],
  ["**open", "**open"],
  ["hhh http h", "hhh http h"],
])("%s", (text, expected) => {
  expect(flat(inline(text))).toBe(expected);
});

test("blocks are paragraphs, lists, code and quotes", () => {
  const shapes = blocks("one\ntwo\n\n- a\n- b\n\n3. c\n4) d\n\n```\n*x*\n```\n> q\n# head").map((block) => block.tag);
  expect(shapes).toEqual(["p", "ul", "ol", "pre", "quote", "p"]);
  expect(blocks("3. c")[0]).toMatchObject({ start: 3 });
});

test("no text makes it slow or throw", () => {
  const pieces = ["*", "**", "_", "`", "[", "](", ")", "~~", "\n", "- ", "> ", "```", "h", "https://", "a", " ", "\\", "<b>"];
  let seed = 7;
  const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 200 }, () => pieces[next() % pieces.length]).join("");
    expect(Array.isArray(blocks(text))).toBe(true);
  }
  for (const piece of pieces) expect(Array.isArray(blocks(piece.repeat(4000)))).toBe(true);
});

test.each(["https://a", "http://a/b?c#d", "mailto:a@b", "tel:+49"])("%s may be followed", (address) => {
  expect(safeHref(address)).toBe(address);
});

test.each(["javascript:alert(1)", "JaVaScRiPt:x", " java\nscript:x", "data:x", "vbscript:x", "//a", "/a", "https://a b", "", "https:a"])(
  "%s may not",
  (address) => {
    expect(safeHref(address)).toBeUndefined();
  },
);

test("business hours count in their own time zone", () => {
  const hours = {
    time_zone: "Europe/Berlin",
    weekly: { mon: [["09:00", "17:00"]] as [string, string][], fri: [["22:00", "02:00"]] as [string, string][] },
    holidays: ["2026-11-30"],
  };
  const open = (instant: string) => isOpen(hours, new Date(instant));
  expect(open("2026-11-23T08:00:00Z")).toBe(true);
  expect(open("2026-11-23T07:59:00Z")).toBe(false);
  expect(open("2026-11-23T16:00:00Z")).toBe(false);
  expect(open("2026-11-30T10:00:00Z")).toBe(false);
  expect(open("2026-11-27T21:30:00Z")).toBe(true);
  expect(open("2026-11-28T00:30:00Z")).toBe(true);
  expect(open("2026-11-28T01:30:00Z")).toBe(false);
  expect(open("2026-11-24T10:00:00Z")).toBe(false);
  expect(isOpen(undefined, new Date())).toBe(true);
  expect(isOpen({ weekly: {} }, new Date())).toBe(false);
  expect(isOpen({ ...hours, time_zone: "Nowhere/Else" }, new Date("2026-11-23T09:30:00Z"))).toBe(true);
});

test("paths are matched exactly or by stars", () => {
  expect(matches("/shop", "/shop")).toBe(true);
  expect(matches("/shop", "/shop/a")).toBe(false);
  expect(matches("/shop/*", "/shop/a/b")).toBe(true);
  expect(matches("*/cart", "/x/cart")).toBe(true);
  expect(matches("/a.b*", "/axb")).toBe(false);
});

test("text on a colour can be read", () => {
  expect(readableOn([255, 255, 255])).toBe("#000");
  expect(readableOn([29, 78, 216])).toBe("#fff");
  expect(luminance([0, 0, 0])).toBe(0);
});

test("every language has every text, with its values", () => {
  const folder = "src/i18n/";
  const read = (name: string) => JSON.parse(readFileSync(folder + name, "utf8")) as Record<string, string>;
  const english = read("en.json");
  const names = readdirSync(folder);
  expect(names.length).toBeGreaterThanOrEqual(12);
  for (const name of names) {
    const texts = read(name);
    expect(Object.keys(texts)).toEqual(Object.keys(english));
    for (const [key, text] of Object.entries(texts)) {
      expect(text.match(/\{\w+\}/g)?.sort() ?? [], `${name} ${key}`).toEqual(english[key]!.match(/\{\w+\}/g)?.sort() ?? []);
    }
  }
  expect(fill("{n} of {max} {x}", { n: 1, max: 5 })).toBe("1 of 5 {x}");
});

test("times are written as the browser would write them, in every language", () => {
  const codes = readdirSync(new URL("../../src/i18n", import.meta.url)).map((name) => name.replace(".json", ""));
  expect(codes.length).toBeGreaterThanOrEqual(12);
  const plain = (text: string) => text.replaceAll(/\s/g, " ");
  for (const code of codes) {
    for (let hour = 0; hour < 24; hour++) {
      const when = new Date(2026, 0, 2, hour, 5);
      expect(plain(timeOf(when, code)), code).toBe(plain(when.toLocaleString(code, { hour: "2-digit", minute: "2-digit" })));
    }
  }
  const today = new Date(2026, 0, 2, 12);
  expect(whenOf(new Date(2026, 0, 2, 9, 5), today, "de")).toBe("09:05");
  expect(whenOf(new Date(2026, 0, 1, 9, 5), today, "de")).toMatch(/^1\. Jan\.?,? 09:05$/);
});
