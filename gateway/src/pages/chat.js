// The demo's chat page: a small client of the visitor's socket.
//
// The server keeps what the bot said, numbered; after a reload it comes back from there. What the person said is kept
// here, in the tab's storage, each with the number of the last frame before it, so that a reload shows both in order.
// What is not acknowledged is sent again after a reconnect or a reload, under the same id, and counts once.

const MOST_KEPT = 200;
const RETRY_MS = 2000;
const LATE_MS = 1000;

const key = location.pathname.split("/").pop();
const base = `/widget/v1/${encodeURIComponent(key)}`;
const list = document.getElementById("messages");
const state = document.getElementById("state");
const input = document.getElementById("text");

/** What the person sent, oldest first: { id, after, text, frame }; `frame` until it is acknowledged. */
let mine = recall(`${base}/mine`) ?? [];
let lastSeq = 0;
let socket;
let delay = 250;

// A browser may refuse storage; then a reload starts anew.
function recall(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // As above.
  }
}

function keepMine() {
  mine = mine.slice(-MOST_KEPT);
  keep(`${base}/mine`, mine);
}

/** The session's secret. None if the server says that there is nothing to talk with. */
let secret = recall(`${base}/secret`);
async function session() {
  if (secret) return secret;
  const response = await fetch(`${base}/session`, { method: "POST" });
  if (response.status === 403 || response.status === 404) {
    state.textContent = (await response.json()).detail;
    return null;
  }
  if (!response.ok) throw new Error(`status ${response.status}`);
  ({ secret } = await response.json());
  keep(`${base}/secret`, secret);
  return secret;
}

async function connect() {
  let known;
  try {
    known = await session();
  } catch {
    return again();
  }
  if (!known) return;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}${base}/ws`);
  socket.onopen = () => socket.send(JSON.stringify({ type: "hello", secret: known, last_seq: lastSeq }));
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = again;
}

function again() {
  state.textContent = "connecting again …";
  setTimeout(connect, delay * (0.5 + Math.random()));
  delay = Math.min(delay * 2, 8000);
}

function receive(frame) {
  switch (frame.type) {
    case "ready":
      ready(frame.last_seq);
      break;
    case "frame":
      if (frame.seq <= lastSeq) break;
      lastSeq = frame.seq;
      insert(bubble("bot", frame.content), frame.seq);
      break;
    case "accepted":
      accepted(frame.client_msg_id);
      break;
    case "error":
      refused(frame);
      break;
  }
}

function ready(historyEnd) {
  delay = 250;
  state.textContent = "online";
  // The server knows less than was seen here: its data was replaced. What is not acknowledged is said to the new one.
  if (lastSeq > historyEnd || mine.some((said) => said.after > historyEnd)) {
    mine = mine.filter((said) => said.frame).map((said) => ({ ...said, after: 0 }));
    keepMine();
    lastSeq = 0;
    list.replaceChildren();
    mine.forEach(showMine);
    socket.close();
    return;
  }
  for (const { frame } of mine) if (frame) transmit(frame);
  if (historyEnd === 0 && mine.length === 0) say({ type: "opened" }, null);
}

function accepted(id) {
  const said = mine.find((said) => said.id === id);
  if (!said) return;
  delete said.frame;
  keepMine();
  document.getElementById(id)?.classList.remove("waiting", "late");
}

function refused({ client_msg_id: id, code, detail }) {
  const said = mine.find((said) => said.id === id);
  if (!said) {
    state.textContent = detail;
  } else if (code === "unavailable") {
    setTimeout(() => said.frame && transmit(said.frame), RETRY_MS);
  } else {
    mine = mine.filter((other) => other !== said);
    keepMine();
    const item = document.getElementById(id);
    const follow = atEnd();
    item?.classList.remove("waiting", "late");
    item?.classList.add("failed");
    item?.querySelector(".note")?.replaceChildren(`not sent: ${detail}`);
    scrollIf(follow);
  }
}

function transmit(frame) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

/** Not crypto.randomUUID: that is missing where the page is not served over TLS or from this machine. */
function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends a frame and shows its text, if it has one. */
function say(what, text) {
  const id = freshId();
  const said = { id, after: lastSeq, text, frame: { ...what, client_msg_id: id } };
  mine.push(said);
  keepMine();
  showMine(said);
  scrollIf(true);
  transmit(said.frame);
}

function showMine({ id, after, text, frame }) {
  if (text === null) return;
  const item = bubble("me", { kind: "text", text });
  item.id = id;
  item.dataset.after = after;
  if (frame) {
    const note = document.createElement("span");
    note.className = "note";
    note.textContent = "sending …";
    item.append(note);
    item.classList.add("waiting");
    setTimeout(() => {
      const follow = atEnd();
      item.classList.toggle("late", item.classList.contains("waiting"));
      scrollIf(follow);
    }, LATE_MS);
  }
  list.append(item);
}

/** Shows a numbered frame where it belongs: before whatever the person said after it. */
function insert(item, seq) {
  const follow = atEnd();
  const later = [...list.querySelectorAll("[data-after]")].find((other) => Number(other.dataset.after) >= seq);
  list.insertBefore(item, later ?? null);
  scrollIf(follow);
}

/** Whether the newest is in view: somebody who reads further up is not pulled away. */
function atEnd() {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

function scrollIf(follow) {
  if (follow) list.scrollTop = list.scrollHeight;
}

function bubble(who, content) {
  const item = document.createElement("li");
  item.className = who;
  item.append(...parts(content));
  if (content.options?.length) {
    const options = document.createElement("div");
    options.className = "options";
    for (const { id, title, description } of content.options) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      if (description) button.title = description;
      button.onclick = () => say({ type: "choice", id, title }, title);
      options.append(button);
    }
    item.append(options);
  }
  return item;
}

/** What a person reads in a content: nodes and strings. */
function parts(content) {
  switch (content.kind) {
    case "text":
    case "choice":
      return [content.text];
    case "media":
      return [...lines(content.caption), ...link(content.url, content.file_name ?? content.media)];
    case "location": {
      const place = `${content.latitude},${content.longitude}`;
      const map = `https://www.openstreetmap.org/?mlat=${content.latitude}&mlon=${content.longitude}`;
      return [...lines(content.name), ...lines(content.address), ...link(map, place)];
    }
    case "contact":
      return [[content.name, ...content.phones, ...content.emails].filter(Boolean).join("\n")];
    default:
      return [`[${content.kind}]`];
  }
}

function lines(text) {
  return text ? [text, "\n"] : [];
}

function link(address, text) {
  if (!/^https?:/.test(address ?? "")) return [text];
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  anchor.textContent = text;
  return [anchor];
}

document.getElementById("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text) return;
  input.value = "";
  say({ type: "message", text }, text);
});

mine.forEach(showMine);
scrollIf(true);
connect();
