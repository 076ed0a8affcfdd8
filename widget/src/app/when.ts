// When something was said, as its reader writes it.

/** What follows the hour in the languages that count to twelve. The others count to twenty-four. */
const HALVES: Record<string, [before: string, after: string]> = { en: ["AM", "PM"], hi: ["am", "pm"], ar: ["ص", "م"] };

const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The time of day. `Intl` says the same, but its first use stops the page for a tenth of a second on a slow phone, just
 * when the first answer comes.
 */
export function timeOf(when: Date, code: string): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const hour = when.getHours();
  const halves = HALVES[code];
  const minutes = two(when.getMinutes());
  if (!halves) return `${two(hour)}:${minutes}`;
  return `${two(hour % 12 || 12)}:${minutes}\u202f${halves[hour < 12 ? 0 : 1]}`;
}

/** The time of day, with the date if that is another one than today's. */
export function whenOf(when: Date, today: Date, code: string): string {
  if (when.toDateString() === today.toDateString()) return timeOf(when, code);
  let format = formats.get(code);
  if (!format) {
    format = new Intl.DateTimeFormat(code, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    formats.set(code, format);
  }
  return format.format(when);
}
