// What outlives a reload. A browser may refuse storage, and a site may not want any: then nothing does.

export type Mode = "local" | "session" | "none";

/** The little of `Storage` that is needed here. */
export interface Store {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  remove(name: string): void;
  /** The names that begin so. */
  names(prefix: string): string[];
}

class Memory implements Store {
  private values = new Map<string, unknown>();

  get(name: string): unknown {
    return this.values.get(name);
  }
  set(name: string, value: unknown): void {
    this.values.set(name, value);
  }
  remove(name: string): void {
    this.values.delete(name);
  }
  names(prefix: string): string[] {
    return [...this.values.keys()].filter((name) => name.startsWith(prefix));
  }
}

class Browser implements Store {
  /** Where a write was refused: at least this page goes on as if it had been kept. */
  private memory = new Memory();

  constructor(private storage: Storage) {}

  get(name: string): unknown {
    try {
      const text = this.storage.getItem(name);
      if (text !== null) return JSON.parse(text);
    } catch {
      // Damaged or refused: as if it were not there.
    }
    return this.memory.get(name);
  }
  set(name: string, value: unknown): void {
    try {
      this.storage.setItem(name, JSON.stringify(value));
    } catch {
      this.memory.set(name, value);
    }
  }
  remove(name: string): void {
    this.memory.remove(name);
    try {
      this.storage.removeItem(name);
    } catch {
      // It could not be written either.
    }
  }
  names(prefix: string): string[] {
    let names: string[] = [];
    try {
      names = Object.keys(this.storage).filter((name) => name.startsWith(prefix));
    } catch {
      // As above.
    }
    return names.concat(this.memory.names(prefix));
  }
}

export function openStore(mode: Mode): Store {
  try {
    if (mode !== "none") return new Browser(mode === "local" ? localStorage : sessionStorage);
  } catch {
    // Reading the property alone may be refused.
  }
  return new Memory();
}
