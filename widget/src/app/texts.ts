import english from "../i18n/en.json";

declare const __LANGUAGES__: string[];
declare const __TEXTS__: string;

export type Texts = typeof english;
export type Key = keyof Texts;

export const ENGLISH: Texts = english;

const RIGHT_TO_LEFT = ["ar", "he", "fa", "ur"];

export interface Language {
  code: string;
  dir: "ltr" | "rtl";
  texts: Texts;
}

/** The first of these languages that there is, as its code: `pt-BR` is served by `pt`. */
export function choose(wanted: (string | null | undefined)[]): string {
  const known = ["en", ...__LANGUAGES__];
  for (const tag of wanted) {
    const code = tag?.toLowerCase().split(/[-_]/)[0];
    if (code && known.includes(code)) return code;
  }
  return "en";
}

export async function load(code: string, url: string): Promise<Language> {
  const dir = RIGHT_TO_LEFT.includes(code) ? "rtl" : "ltr";
  if (code === "en") return { code, dir, texts: ENGLISH };
  try {
    const response = await fetch(`${url}/widget/v1/lang-${code}.json?v=${__TEXTS__}`);
    // What a translation lacks is said in English.
    if (response.ok) return { code, dir, texts: { ...ENGLISH, ...(await response.json()) } };
  } catch {
    // As below.
  }
  return { code: "en", dir: "ltr", texts: ENGLISH };
}

export function fill(text: string, values: Record<string, unknown>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
