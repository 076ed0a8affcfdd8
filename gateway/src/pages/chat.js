// The demo's chat page: a small client of the visitor's socket. What is not acknowledged is sent again after a
// reconnect under the same id, and counts once.

const key = location.pathname.split("/").pop();
const base = `/widget/v1/${encodeURIComponent(key)}`;
const list = document.getElementById("messages");
const state = document.getElementById("state");
const input = document.getElementById("text");
const waiting = new Map(); // client_msg_id → frame
let lastSeq = 0;
let socket;
let delay = 250;

async function secret() {
  const stored = sessionStorage.getItem(base);
  if (stored) return stored;
  const response = await fetch(`${base}/session`, { method: "POST" });
  if (!response.ok) throw new Error((await response.json()).detail);
  const fresh = (await response.json()).secret;
  sessionStorage.setItem(base, fresh);
  return fresh;
}

async function connect() {
  let mine;
  try {
    mine = await secret();
  } catch (error) {
    state.textContent = error.message;
    return again();
  }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}${base}/ws`);
  socket.onopen = () => socket.send(JSON.stringify({ type: "hello", secret: mine, last_seq: lastSeq }));
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = () => {
    state.textContent = "connecting again …";
    again();
  };
}

function again() {
  setTimeout(connect, delay * (0.5 + Math.random()));
  delay = Math.min(delay * 2, 8000);
}

function receive(frame) {
  switch (frame.type) {
    case "ready":
      delay = 250;
      state.textContent = "online";
      for (const unsent of waiting.values()) socket.send(JSON.stringify(unsent));
      if (frame.last_seq === 0 && waiting.size === 0) send({ type: "opened" });
      break;
    case "frame":
      if (frame.seq <= lastSeq) break;
      lastSeq = frame.seq;
      show("bot", frame.content);
      break;
    case "accepted":
      settle(frame.client_msg_id);
      break;
    case "error":
      state.textContent = frame.detail;
      settle(frame.client_msg_id);
      break;
  }
}

function settle(id) {
  waiting.delete(id);
  document.getElementById(id)?.classList.remove("waiting");
}

function send(frame) {
  frame.client_msg_id = crypto.randomUUID();
  waiting.set(frame.client_msg_id, frame);
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  return frame.client_msg_id;
}

function say(frame, text) {
  const id = send(frame);
  const item = show("me", { kind: "text", text });
  item.id = id;
  item.classList.add("waiting");
}

function show(who, content) {
  const item = document.createElement("li");
  item.className = who;
  item.append(content.text ?? content.caption ?? content.name ?? `[${content.kind}]`);
  if (content.kind === "media" && content.url) item.append("\n", content.url);
  if (content.options?.length) {
    const options = document.createElement("div");
    options.className = "options";
    for (const { id, title } of content.options) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.onclick = () => say({ type: "choice", id, title }, title);
      options.append(button);
    }
    item.append(options);
  }
  list.append(item);
  item.scrollIntoView({ block: "end" });
  return item;
}

document.getElementById("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text) return;
  input.value = "";
  say({ type: "message", text }, text);
});

connect();
