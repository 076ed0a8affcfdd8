import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Client, type Item } from "../../src/client";
import type { Store } from "../../src/client/storage";
import { FakeServer } from "./server";

class MapStore implements Store {
  constructor(public values = new Map<string, string>()) {}
  get(name: string): unknown {
    const text = this.values.get(name);
    return text === undefined ? undefined : JSON.parse(text);
  }
  set(name: string, value: unknown): void {
    this.values.set(name, JSON.stringify(value));
  }
  remove(name: string): void {
    this.values.delete(name);
  }
  names(prefix: string): string[] {
    return [...this.values.keys()].filter((name) => name.startsWith(prefix));
  }
}

let server: FakeServer;
let store: MapStore;
let clients: Client[];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.install();
  store = new MapStore();
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.destroy();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A client as a page would make it; a second one on the same store is a reload, or another tab. */
function client(): Client {
  const made = new Client({ url: "https://chat.example", widget: "shop", store, random: () => 0.5 });
  clients.push(made);
  return made;
}

async function online(of: Client): Promise<void> {
  of.connect();
  await vi.waitFor(() => expect(of.state).toBe("online"));
}

/** Lets some time pass, and everything that was due in it happen. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

const texts = (of: Client) => of.items().map((item) => text(item));
function text(item: Item): string {
  const content = item.frame?.content;
  if (content && "text" in content) return content.text;
  return item.saying?.type === "message" ? item.saying.text : "";
}

test("what is said is sent, numbered and answered, in order", async () => {
  const one = client();
  await online(one);
  one.say("hello");
  expect(one.items()[0]).toMatchObject({ role: "visitor", state: "sending" });
  await pass(0);
  expect(one.items()[0]).toMatchObject({ state: "sent", frame: { seq: 1 } });
  server.add("bot", "hi");
  expect(texts(one)).toEqual(["hello", "hi"]);
  expect(one.items()[0]!.state).toBe("seen");
  expect(store.names("bb:shop:out:")).toEqual([]);
});

test("an item keeps its key when it gets its number", async () => {
  const one = client();
  await online(one);
  one.say("hello");
  const before = one.items()[0]!.key;
  await pass(0);
  expect(one.items()[0]!.key).toBe(before);
});

test("what was said without a connection is sent after a reload, once and in order", async () => {
  server.up = false;
  const one = client();
  one.say("first");
  one.say("second");
  await pass(5000);
  expect(one.items().map((item) => item.state)).toEqual(["sending", "sending"]);
  one.destroy();
  server.up = true;
  const two = client();
  expect(texts(two)).toEqual(["first", "second"]);
  await online(two);
  await pass(0);
  expect(server.history.map((kept) => (kept.content as { text: string }).text)).toEqual(["first", "second"]);
  expect(two.items().every((item) => item.frame)).toBe(true);
});

test("what was taken but never acknowledged is sent again and counts once", async () => {
  const one = client();
  await online(one);
  server.silent = true;
  one.say("hello");
  await pass(0);
  server.add("visitor", "hello", String(server.socket.sent.at(-1)!.client_msg_id));
  server.socket.end(1006);
  server.silent = false;
  await pass(2000);
  expect(one.state).toBe("online");
  expect(server.history).toHaveLength(1);
  expect(texts(one)).toEqual(["hello"]);
});

test("what is numbered but not acknowledged is said again after a reload", async () => {
  const one = client();
  await online(one);
  server.silent = true;
  one.say("hello");
  await pass(0);
  server.add("visitor", "hello", String(server.socket.sent.at(-1)!.client_msg_id));
  expect(one.items()).toMatchObject([{ state: "sending", frame: { seq: 1 } }]);
  one.destroy();
  server.silent = false;
  const two = client();
  await online(two);
  await pass(0);
  expect(server.socket.sent.filter((frame) => frame.type === "message")).toHaveLength(1);
  expect(two.items()).toMatchObject([{ state: "sent", frame: { seq: 1 } }]);
  expect(store.names("bb:shop:out:")).toEqual([]);
});

test("a lost acknowledgement alone makes a new connection", async () => {
  const one = client();
  await online(one);
  server.silent = true;
  one.say("hello");
  await pass(9000);
  expect(server.sockets).toHaveLength(1);
  await pass(1500);
  expect(server.sockets.length).toBeGreaterThan(1);
  server.silent = false;
  await pass(12_000);
  expect(server.history).toHaveLength(1);
});

test("what others said while the connection was lost comes when it is back", async () => {
  const one = client();
  await online(one);
  server.add("bot", "one");
  server.socket.end(1006);
  expect(one.state).toBe("waiting");
  server.history.push({ seq: 2, role: "bot", content: { kind: "text", text: "two" } });
  await pass(1000);
  expect(one.state).toBe("online");
  expect(texts(one)).toEqual(["one", "two"]);
  expect(server.socket.sent[0]).toMatchObject({ type: "hello", last_seq: 1 });
});

test("delays grow, with a bound", async () => {
  const one = client();
  await online(one);
  server.up = false;
  server.socket.end(1006);
  const before = server.requests.length;
  await pass(10 * 60_000);
  // A session is still valid, so each try is a socket or a poll; 10 minutes at 22.5 s each and the first few.
  const tries = server.sockets.length + server.requests.length - before;
  expect(tries).toBeLessThan(40);
  server.up = true;
  await pass(31_000);
  expect(one.state).toBe("online");
});

test("the server's hint is the shortest wait", async () => {
  const one = client();
  await online(one);
  server.socket.say({ type: "reconnect", after_ms: 7000 });
  server.socket.end(1012);
  await pass(6900);
  expect(server.sockets).toHaveLength(1);
  await pass(200);
  expect(server.sockets).toHaveLength(2);
});

test("blocked sockets lead to plain requests, which do the same", async () => {
  server.socketsWork = false;
  const one = client();
  one.connect();
  await pass(3000);
  expect(one.state).toBe("online");
  expect(one.polling).toBe(true);
  one.say("hello");
  await pass(0);
  expect(texts(one)).toEqual(["hello"]);
  server.add("bot", "hi");
  await pass(0);
  expect(texts(one)).toEqual(["hello", "hi"]);
  expect(one.items()[0]!.state).toBe("seen");
});

test("a socket is tried again after a while on plain requests", async () => {
  server.socketsWork = false;
  const one = client();
  one.connect();
  await pass(3000);
  expect(one.polling).toBe(true);
  server.socketsWork = true;
  await pass(11 * 60_000);
  server.up = false;
  server.add("bot", "wakes the poll");
  await pass(100);
  server.up = true;
  await pass(31_000);
  expect(one.state).toBe("online");
  expect(one.polling).toBe(false);
});

test("a refusal that lasts is shown, and what follows is sent", async () => {
  const one = client();
  await online(one);
  server.refusals = [{ code: "bad_request" }];
  one.say("bad");
  one.say("good");
  await pass(0);
  expect(one.items().map((item) => [text(item), item.state])).toEqual([
    ["good", "sent"],
    ["bad", "failed"],
  ]);
  const failed = one.items()[1]!;
  one.retry(failed.key);
  await pass(0);
  expect(texts(one)).toEqual(["good", "bad"]);
});

test("a refusal that passes is waited for, and nothing overtakes it", async () => {
  const one = client();
  await online(one);
  server.refusals = [{ code: "rate_limited", retry_after_ms: 4000 }];
  one.say("first");
  one.say("second");
  await pass(3900);
  expect(server.history).toHaveLength(0);
  await pass(200);
  expect(texts(one)).toEqual(["first", "second"]);
});

test("a token that is not accepted any more is replaced", async () => {
  const one = client();
  await online(one);
  expect(server.sessions).toBe(1);
  server.socket.end(4401);
  await pass(1000);
  expect(one.state).toBe("online");
  expect(server.sessions).toBe(2);
  expect(server.socket.sent[0]).toMatchObject({ token: "t2" });
});

test("a refused site does not come back", async () => {
  const one = client();
  await online(one);
  server.socket.end(4403);
  await pass(60_000);
  expect(one.state).toBe("refused");
  expect(server.sockets).toHaveLength(1);
});

test("one of too many tabs waits until it is looked at", async () => {
  const one = client();
  await online(one);
  server.socket.end(4409);
  await pass(60_000);
  expect(one.state).toBe("parked");
  expect(server.sockets).toHaveLength(1);
});

test("two tabs are one visitor and see the same", async () => {
  const one = client();
  const two = client();
  await online(one);
  await online(two);
  one.say("hello");
  await pass(0);
  server.add("bot", "hi");
  expect(texts(two)).toEqual(texts(one));
});

test("a history that was replaced is shown instead of the old one", async () => {
  const one = client();
  await online(one);
  server.add("bot", "old one");
  server.add("bot", "old two");
  server.history = [{ seq: 1, role: "bot", content: { kind: "text", text: "new" } }];
  server.socket.end(1006);
  await pass(1000);
  expect(texts(one)).toEqual(["new"]);
});

test("a long history comes in pieces", async () => {
  for (let n = 1; n <= 120; n++) server.add("bot", `${n}`);
  const one = client();
  await online(one);
  expect(texts(one)).toHaveLength(50);
  expect(one.hasEarlier).toBe(true);
  await one.earlier();
  await one.earlier();
  expect(texts(one)).toHaveLength(120);
  expect(texts(one)[0]).toBe("1");
  expect(one.hasEarlier).toBe(false);
});

test("what was read is told once, and not counted as unread after a reload", async () => {
  server.add("bot", "one");
  server.add("bot", "two");
  const one = client();
  await online(one);
  expect(one.unread).toBe(2);
  one.read();
  one.read();
  expect(one.unread).toBe(0);
  expect(server.socket.sent.filter((frame) => frame.type === "read")).toEqual([{ type: "read", seq: 2 }]);
  const two = client();
  await online(two);
  expect(two.unread).toBe(0);
});

test("frames are acknowledged together, after a moment", async () => {
  const one = client();
  await online(one);
  for (let n = 0; n < 10; n++) server.add("bot", `${n}`);
  await pass(300);
  expect(server.socket.sent.filter((frame) => frame.type === "ack")).toEqual([{ type: "ack", seq: 10 }]);
});

test("news are told, what was missed before is not", async () => {
  server.add("bot", "old");
  const one = client();
  const news: number[] = [];
  one.on("message", (frame) => news.push(frame.seq));
  await online(one);
  server.add("bot", "new");
  expect(news).toEqual([2]);
});

test("a listener that throws does not stop the others", async () => {
  const quiet = vi.spyOn(console, "error").mockImplementation(() => {});
  const one = client();
  const heard: string[] = [];
  one.on("state", () => {
    throw new Error("mine");
  });
  one.on("state", (state) => heard.push(state));
  await online(one);
  expect(heard).toEqual(["connecting", "online"]);
  expect(quiet).toHaveBeenCalled();
  quiet.mockRestore();
});

test("an answer grows, and ends with its frame", async () => {
  const one = client();
  await online(one);
  const piece = (from: number, text: string) => server.socket.say({ type: "partial", id: "p", role: "bot", from, text });
  const growing = () => one.items().map((item) => item.partial ?? text(item));
  piece(0, "Good 👍");
  piece(6, " mor");
  expect(growing()).toEqual(["Good 👍 mor"]);
  // One that is lost on the way leaves a hole, which nothing is put behind.
  piece(30, "never");
  piece(6, " day");
  expect(growing()).toEqual(["Good 👍 day"]);
  server.add("bot", "Good 👍 day to you");
  expect(growing()).toEqual(["Good 👍 day to you"]);
  piece(0, "Next");
  server.socket.end(1006);
  expect(growing()).toEqual(["Good 👍 day to you"]);
});

test("a file goes up, is told how far it is, and is said once it is there", async () => {
  const requests = fakeRequests();
  const one = client();
  await online(one);
  one.upload(new File(["12345"], "bill é.pdf", { type: "application/pdf" }));
  const [first] = requests;
  expect(first!.url).toBe("https://chat.example/widget/v1/shop/uploads?name=bill%20%C3%A9.pdf");
  expect(first!.headers).toEqual({ authorization: "Bearer t1", "content-type": "application/pdf" });
  first!.upload.onprogress!({ loaded: 2, total: 4 });
  expect(one.items().map(({ state, upload }) => [state, upload?.share])).toEqual([["sending", 0.5]]);
  first!.end(201, { id: "upload-1" });
  await vi.waitFor(() => expect(server.socket.sent.at(-1)).toMatchObject({ type: "file", upload: "upload-1" }));
  await vi.waitFor(() => expect(one.items().map((item) => item.frame?.seq)).toEqual([1]));
});

test("a file that is refused stays in view, one that broke off goes up again, and one can be taken back", async () => {
  const requests = fakeRequests();
  const one = client();
  await online(one);
  one.upload(new File(["1"], "a.exe"));
  requests[0]!.end(415, { detail: "this is a program" });
  expect(one.items().map(({ state, problem }) => [state, problem])).toEqual([["failed", "this is a program"]]);
  one.upload(new File(["1"], "b.png"));
  requests[1]!.end(0);
  await pass(3000);
  expect(requests.length).toBe(3);
  const key = one.items().at(-1)!.key;
  one.cancel(key);
  expect(requests[2]!.aborted).toBe(true);
  expect(one.items().length).toBe(1);
  one.retry(one.items()[0]!.key);
  expect(requests.length).toBe(4);
  requests[3]!.end(201, { id: "upload-2" });
  await vi.waitFor(() => expect(server.history.length).toBe(1));
});

interface FakeRequest {
  url: string;
  headers: Record<string, string>;
  upload: { onprogress?: (event: { loaded: number; total: number }) => void };
  aborted: boolean;
  end: (status: number, body?: object) => void;
}

/** Requests that are answered by the test. */
function fakeRequests(): FakeRequest[] {
  const all: FakeRequest[] = [];
  class Request {
    headers: Record<string, string> = {};
    upload: FakeRequest["upload"] = {};
    url = "";
    status = 0;
    responseText = "";
    aborted = false;
    onloadend?: () => void;
    open(_: string, url: string): void {
      this.url = url;
    }
    setRequestHeader(name: string, value: string): void {
      this.headers[name] = value;
    }
    getResponseHeader(): null {
      return null;
    }
    send(): void {
      all.push(this);
    }
    abort(): void {
      this.aborted = true;
    }
    end(status: number, body: object = {}): void {
      this.status = status;
      this.responseText = JSON.stringify(body);
      this.onloadend?.();
    }
  }
  vi.stubGlobal("XMLHttpRequest", Request);
  return all;
}

test("an old unsent message is not sent any more", async () => {
  server.up = false;
  client().say("old");
  await pass(25 * 3600 * 1000);
  server.up = true;
  const two = client();
  expect(texts(two)).toEqual([]);
});
