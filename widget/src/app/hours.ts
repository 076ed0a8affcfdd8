import type { BusinessHours } from "../client";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The day and the time of an instant at a place. */
function at(instant: Date, timeZone: string | undefined): { day: string; date: string; time: string } {
  const options: Intl.DateTimeFormatOptions = {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  };
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", options);
  } catch {
    // A time zone that this browser does not know.
    format = new Intl.DateTimeFormat("en-US", { ...options, timeZone: "UTC" });
  }
  const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
  const date = `${parts.year}-${parts.month}-${parts.day}`;
  return { day: DAYS[new Date(date + "T00:00:00Z").getUTCDay()]!, date, time: `${parts.hour}:${parts.minute}` };
}

/** Whether somebody is there. Without hours, always. */
export function isOpen(hours: BusinessHours | null | undefined, instant: Date): boolean {
  if (!hours?.weekly) return true;
  const { day, date, time } = at(instant, hours.time_zone);
  if (hours.holidays?.includes(date)) return false;
  const inside = (spans: [string, string][] | undefined, time: string) =>
    (spans ?? []).some(([from, to]) => time >= from && time < to);
  if (inside(hours.weekly[day], time)) return true;
  // A span may go past midnight, as 22:00 to 02:00.
  const yesterday = DAYS[(DAYS.indexOf(day) + 6) % 7]!;
  return (
    (hours.weekly[day] ?? []).some(([from, to]) => to < from && time >= from) ||
    (hours.weekly[yesterday] ?? []).some(([from, to]) => to < from && time < to)
  );
}
