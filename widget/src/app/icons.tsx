const PATHS = {
  chat: "M4 4h16a3 3 0 0 1 3 3v8a3 3 0 0 1-3 3h-6l-5 4v-4H4a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3z",
  close: "M5 5l14 14M19 5L5 19",
  send: "M3 11.5L21 3l-6 18-3.5-7.5z",
  down: "M6 9l6 6 6-6",
  back: "M15 5l-7 7 7 7",
  forth: "M9 5l7 7-7 7",
  attach: "M8 12l6-6a3.5 3.5 0 0 1 5 5l-8 8a5.5 5.5 0 0 1-8-8l7-7",
  file: "M6 2h8l4 4v16H6z",
  star: "M12 2.5l2.9 6.2 6.8.8-5 4.6 1.3 6.7L12 17.5l-6 3.3 1.3-6.7-5-4.6 6.8-.8z",
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class={`i-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
