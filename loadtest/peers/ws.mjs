// Sockets of node's `ws`, held with a ping now and then: `node ws.mjs PORT`.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const server = createServer((_, response) => response.end("ok\n"));
const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 65536 });
setInterval(() => {
  for (const socket of sockets.clients) socket.ping();
}, 25_000);
server.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
