const FIRST_MS = 300;
const MOST_MS = 30_000;

/** Growing delays with jitter, so that many clients cut off at once do not come back at once. */
export class Backoff {
  private attempt = 0;

  constructor(private random: () => number) {}

  next(): number {
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** this.attempt++);
    return most * (0.5 + this.random() / 2);
  }

  reset(): void {
    this.attempt = 0;
  }
}
