import type { Frame } from "./protocol";

/** The numbered frames of a visitor, each once and in order, whatever order they came in. */
export class History {
  private frames: Frame[] = [];
  /** The highest number here. The server sends frames in order, so none before it is missing. */
  lastSeq = 0;

  all(): readonly Frame[] {
    return this.frames;
  }

  /** The lowest number here; 0 while there is none. */
  get firstSeq(): number {
    return this.frames[0]?.seq ?? 0;
  }

  /** Adds a frame. False if it was there. One that is not the server's leaves the highest number as it is. */
  add(frame: Frame, counts = true): boolean {
    let place = this.frames.length;
    while (place > 0 && this.frames[place - 1]!.seq > frame.seq) place--;
    if (place > 0 && this.frames[place - 1]!.seq === frame.seq) return false;
    this.frames.splice(place, 0, frame);
    if (counts && frame.seq > this.lastSeq) this.lastSeq = frame.seq;
    return true;
  }

  has(clientMsgId: string): boolean {
    return this.frames.some((frame) => frame.client_msg_id === clientMsgId);
  }

  clear(): void {
    this.frames = [];
    this.lastSeq = 0;
  }
}
