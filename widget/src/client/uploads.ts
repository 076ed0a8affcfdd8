import { freshId } from "./id";
import { delayOf } from "./transport";

/** A file on its way up. It does not survive a reload: a page may not keep files. */
export interface Upload {
  key: string;
  file: File;
  at: number;
  /** How much of it is there, 0 to 1. */
  share: number;
  /** Why it never will be. */
  problem?: string;
}

/** After a refusal for now, and after a connection that broke. */
const AGAIN_MS = 3000;

/** Sends files up, one at a time. */
export class Uploads {
  private all: Upload[] = [];
  private request: XMLHttpRequest | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private base: string,
    private token: () => string | undefined,
    private changed: () => void,
    /** It is there, under the id that the server gave it. */
    private done: (upload: Upload, id: string) => void,
  ) {}

  items(): readonly Upload[] {
    return this.all;
  }

  add(file: File): void {
    this.all.push({ key: freshId(), file, at: Date.now(), share: 0 });
    this.changed();
    this.go();
  }

  remove(key: string): boolean {
    const before = this.all.length;
    if (this.all.find((upload) => !upload.problem)?.key === key) this.stop();
    this.all = this.all.filter((upload) => upload.key !== key);
    if (this.all.length === before) return false;
    this.changed();
    this.go();
    return true;
  }

  retry(key: string): boolean {
    const upload = this.all.find((upload) => upload.key === key);
    if (!upload) return false;
    upload.problem = undefined;
    this.changed();
    this.go();
    return true;
  }

  clear(): void {
    this.stop();
    this.all = [];
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const request = this.request;
    this.request = undefined;
    request?.abort();
  }

  /** Goes on with the next one, where there is a session. */
  go(): void {
    const upload = this.all.find((upload) => !upload.problem);
    const token = this.token();
    if (!upload || !token || this.request || this.timer) return;
    // Not fetch: that cannot tell how far it is.
    const request = new XMLHttpRequest();
    this.request = request;
    request.open("POST", `${this.base}/uploads?name=${encodeURIComponent(upload.file.name)}`);
    request.setRequestHeader("authorization", `Bearer ${token}`);
    request.setRequestHeader("content-type", upload.file.type || "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => {
      upload.share = total ? loaded / total : 0;
      this.changed();
    };
    request.onloadend = () => {
      if (this.request !== request) return;
      this.request = undefined;
      const { status } = request;
      let body: { id?: string; detail?: string } = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // An answer of something between here and the server.
      }
      if (status === 201 && body.id) {
        this.all = this.all.filter((other) => other !== upload);
        this.done(upload, body.id);
      } else if (status === 0 || status === 401 || status === 429 || status >= 500) {
        upload.share = 0;
        const wait = delayOf(request.getResponseHeader("retry-after")) ?? AGAIN_MS;
        this.timer = setTimeout(() => {
          this.timer = undefined;
          this.go();
        }, wait);
      } else upload.problem = body.detail || `${status}`;
      this.changed();
      this.go();
    };
    request.send(upload.file);
  }
}
