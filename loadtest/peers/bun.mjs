// Sockets of Bun, held with a ping now and then: `bun bun.mjs PORT`.
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("ok\n")),
  websocket: { message() {}, perMessageDeflate: false, maxPayloadLength: 65536, sendPings: true, idleTimeout: 60 },
});
