// A widget's looks as CSS variables on the host element. Set one by one through the object model, which a page's policy
// on styles does not forbid.

const COLORS: Record<string, string> = {
  primary_color: "--primary",
  text_color: "--text",
  background_color: "--card",
  bubble_color: "--bubble",
};

const SIZES: [string, string, number, number][] = [
  ["font_size", "--font-size", 12, 24],
  ["radius", "--radius", 0, 32],
  ["offset_x", "--x", 0, 400],
  ["offset_y", "--y", 0, 400],
  ["width", "--width", 280, 640],
  ["height", "--height", 320, 900],
];

/** Red, green and blue of a colour, 0 to 255 each. */
function channels(color: string): number[] | undefined {
  const probe = document.createElement("canvas").getContext("2d");
  if (!probe) return undefined;
  probe.fillStyle = "#000";
  probe.fillStyle = color;
  const text = probe.fillStyle;
  const hex = /^#(..)(..)(..)$/.exec(text);
  return hex ? hex.slice(1).map((part) => parseInt(part, 16)) : undefined;
}

/** Relative luminance (WCAG 2). */
export function luminance(rgb: number[]): number {
  const [red, green, blue] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** Black or white, whichever can be read better on that colour. */
export function readableOn(rgb: number[]): string {
  const light = luminance(rgb);
  return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? "#fff" : "#000";
}

export function apply(host: HTMLElement, theme: Record<string, unknown>): void {
  const set = (name: string, value: string) => host.style.setProperty(name, value);
  for (const [key, name] of Object.entries(COLORS)) {
    const color = theme[key];
    if (typeof color !== "string" || !CSS.supports("color", color)) continue;
    set(name, color);
    const rgb = channels(color);
    if (rgb && key === "primary_color") set("--on-primary", readableOn(rgb));
    if (rgb && key === "bubble_color") set("--on-bubble", readableOn(rgb));
  }
  for (const [key, name, least, most] of SIZES) {
    const size = theme[key];
    if (typeof size === "number") set(name, `${Math.min(most, Math.max(least, size))}px`);
  }
  if (typeof theme.z_index === "number") set("--z", String(Math.trunc(theme.z_index)));
  if (typeof theme.font_family === "string" && !/[;{}<>]/.test(theme.font_family)) set("--font", theme.font_family);
  const dark = theme.dark_mode;
  host.dataset.mode = dark === true || dark === "dark" ? "dark" : dark === false || dark === "light" ? "light" : "auto";
  host.dataset.side = /left/.test(String(theme.position)) ? "left" : "right";
}
