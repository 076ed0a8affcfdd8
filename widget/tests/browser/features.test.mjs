// Files, forms, ratings, answers that grow, people, notifications: in a real browser against the whole program.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Program, WIDGET, accessible, chat, demo, eventually, launch, picture, visitor } from "./harness.mjs";

let program, browser, context;

before(async () => {
  program = await Program.start();
  program.sql("UPDATE widget_configs SET uploads_enabled = true, max_upload_bytes = 2097152, rate_per_minute = 600");
  browser = await launch();
  await eventually("files are taken", async () => {
    const config = await (await fetch(`${program.url}/widget/v1/${WIDGET}/config`)).json();
    return config.uploads && config.upload_max_bytes === 2097152;
  });
});
after(async () => {
  await browser?.close();
  await program?.stop();
});
beforeEach(async () => {
  context = await visitor(browser);
});
afterEach(async () => {
  const { problems } = context;
  await context.close();
  assert.deepEqual(problems, []);
});

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** Stands between the page and the server, so that the test can say what a server might. */
async function between(page) {
  const way = { say: () => assert.fail("nobody is connected") };
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => server.send(message));
    server.onMessage((message) => socket.send(message));
    way.say = (frame) => socket.send(JSON.stringify(frame));
  });
  return way;
}

async function demoBetween() {
  const page = await context.newPage();
  const way = await between(page);
  await page.goto(`${program.url}/demo/${WIDGET}`);
  const talk = chat(page);
  await talk.open();
  await talk.said("What can I do").waitFor();
  return { page, talk, way };
}

test("a file goes up, is shown, and is there after a reload; another device gets it too", async () => {
  const { page, talk } = await demo(context, program);
  await talk.said("What can I do").waitFor();
  await talk.root.locator("input[type=file]").setInputFiles({ name: "shoe.png", mimeType: "image/png", buffer: PNG });
  const image = talk.root.locator(".mine img");
  await image.waitFor();
  await eventually("the picture is shown", () => image.evaluate((image) => image.complete && image.naturalWidth === 1));
  await accessible(page, "a picture of one's own");
  await picture(page, "upload");
  await eventually("it is kept", () => program.sql("SELECT count(*) FROM widget_messages WHERE frame = 'file'") === "1");
  await page.reload();
  await talk.open();
  await talk.root.locator(".mine img").waitFor();
});

test("a file on its way shows how far it is and can be taken back", async () => {
  const { page, talk } = await demo(context, program);
  await page.route("**/uploads*", () => {});
  await talk.root.locator("input[type=file]").setInputFiles({ name: "slow.png", mimeType: "image/png", buffer: PNG });
  await talk.root.getByRole("progressbar", { name: "slow.png" }).waitFor();
  await accessible(page, "a file on its way");
  await picture(page, "upload-progress");
  await talk.root.getByRole("button", { name: "Cancel" }).click();
  await talk.said("slow.png").waitFor({ state: "detached" });
});

test("what is no file to send is refused, with the reason", async () => {
  const { page, talk } = await demo(context, program);
  const input = talk.root.locator("input[type=file]");
  await input.setInputFiles({ name: "page.png", mimeType: "image/png", buffer: Buffer.from("<html><script>1</script></html>") });
  await talk.root.locator(".message.failed", { hasText: "not taken" }).waitFor();
  await accessible(page, "a refused file");
  await picture(page, "upload-refused");
  await input.setInputFiles({ name: "large.png", mimeType: "image/png", buffer: Buffer.alloc(3 << 20) });
  await talk.root.getByRole("alert").filter({ hasText: "at most 2 MB" }).waitFor();
});

test("a form is checked, sent, and gone", async () => {
  const { page, talk, way } = await demoBetween();
  const fields = [
    { name: "number", label: "Number", required: true },
    { name: "email", label: "E-mail", type: "email" },
    { name: "size", label: "Size", type: "select", options: [{ id: "m", title: "Medium" }] },
    { name: "note", label: "Note", type: "textarea" },
    { name: "gift", label: "A gift", type: "checkbox" },
  ];
  const payload = { type: "form", id: "order", text: "Your order, please.", fields };
  way.say({ type: "frame", seq: 900, role: "bot", at: new Date().toISOString(), content: { kind: "structured", payload } });
  const form = talk.root.locator("form.form");
  await form.waitFor();
  await accessible(page, "a form");
  await picture(page, "form");
  const send = form.getByRole("button", { name: "Send" });
  await send.click();
  await form.getByRole("alert").waitFor();
  await accessible(page, "a form that lacks something");
  await form.getByLabel("Number").fill("1001");
  await form.getByLabel("Size").selectOption("m");
  await form.getByLabel("A gift").check();
  await send.click();
  await talk.root.locator(".mine", { hasText: "Number: 1001" }).waitFor();
  await form.waitFor({ state: "detached" });
  const kept = JSON.parse(program.sql("SELECT payload FROM widget_messages WHERE frame = 'form'"));
  assert.equal(kept.form, "order");
  assert.match(kept.text, /Size: Medium/);
});

test("a rating is kept with the conversation", async () => {
  const { page, talk, way } = await demoBetween();
  await talk.say("menu");
  const payload = { type: "rating", text: "How was it?" };
  way.say({ type: "frame", seq: 900, role: "bot", at: new Date().toISOString(), content: { kind: "structured", payload } });
  await talk.root.getByRole("button", { name: "4 of 5" }).click();
  await talk.said("How was it?").filter({ hasText: "Thank you for rating" }).waitFor();
  await accessible(page, "rated");
  await eventually("it is kept", () => program.sql("SELECT count(*) FROM conversations WHERE csat = 4") === "1");
});

test("an answer grows while it is written, and names where it is from", async () => {
  const { page, talk, way } = await demoBetween();
  const words = "Shoes can be sent back within **30 days**.".split(" ");
  let from = 0;
  for (const word of words) {
    way.say({ type: "partial", id: "p1", role: "bot", from, text: `${word} ` });
    from += word.length + 1;
  }
  await talk.said("within 30 days").waitFor();
  assert.equal(await talk.said("within 30 days").count(), 1);
  await picture(page, "growing");
  const citations = [{ title: "Returns", url: "https://example.org/returns" }, { title: "Handbook, page 4" }];
  const payload = { type: "answer", text: words.join(" "), citations };
  way.say({ type: "frame", seq: 900, role: "bot", at: new Date().toISOString(), content: { kind: "structured", payload } });
  await talk.root.getByRole("list", { name: "Sources" }).waitFor();
  assert.equal(await talk.said("within 30 days").count(), 1);
  await accessible(page, "sources");
  await picture(page, "sources");
});

test("a person takes over, with a name", async () => {
  const { page, talk } = await demo(context, program);
  await talk.say("menu");
  const token = readFileSync(join(program.data, "demo-token"), "utf8").trim();
  const secret = await page.evaluate((name) => JSON.parse(localStorage.getItem(name)), `bb:${WIDGET}:secret`);
  assert.match(secret, /^[0-9a-f]{64}$/);
  const id = await eventually("the conversation is there", () =>
    program.sql("SELECT c.id FROM conversations c JOIN channels k ON k.id = c.channel_id WHERE k.type = 'web' ORDER BY c.created_at DESC LIMIT 1"),
  );
  const answer = await fetch(`${program.url}/v1/conversations/${id}/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ content: { kind: "text", text: "I am a person." } }),
  });
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
  const said = talk.said("I am a person.");
  await said.waitFor();
  await eventually("it is of the team", async () => (await said.locator(".who").innerText()).includes("Team"));
  await accessible(page, "a person");
  await picture(page, "person");
});

test("the browser is asked about notifications when a person is awaited, and tells what comes unseen", async () => {
  await context.addInitScript(() => {
    window.notes = [];
    window.Notification = class {
      static permission = "default";
      static async requestPermission() {
        return (this.permission = "granted");
      }
      constructor(title, { body }) {
        window.notes.push(`${title}: ${body}`);
      }
      close() {}
    };
  });
  const { page, talk, way } = await demoBetween();
  const frame = (seq, text) => ({
    type: "frame", seq, role: "agent", at: new Date().toISOString(), content: { kind: "text", text }, author: { name: "Ada" },
  });
  assert.equal(await talk.root.locator(".notify").count(), 0);
  way.say(frame(900, "I am looking it up."));
  await talk.root.locator(".notify").waitFor();
  await accessible(page, "may we tell");
  await picture(page, "notify");
  await talk.root.locator(".notify").getByRole("button", { name: "Yes" }).click();
  await talk.root.locator(".notify").waitFor({ state: "detached" });
  await page.evaluate(() => Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true }));
  way.say(frame(901, "Here it is."));
  await eventually("it is told", async () => (await page.evaluate(() => window.notes.join())) === "Ada: Here it is.");
});

test("while nobody is there, an address and a message go together", async () => {
  program.sql(`UPDATE widget_configs SET behaviour = '{"business_hours": {"weekly": {}}, "offline_form": true}'`);
  try {
    await eventually("the change is seen", async () => {
      const config = await (await fetch(`${program.url}/widget/v1/${WIDGET}/config`)).json();
      return config.behaviour.offline_form;
    });
    const page = await context.newPage();
    await page.goto(`${program.url}/demo/${WIDGET}`);
    const talk = chat(page);
    await talk.open();
    await talk.root.getByLabel("Your e-mail address").fill("grace@example.org");
    await talk.text.fill("Call me back, please.");
    await accessible(page, "offline form");
    await picture(page, "offline-form");
    await talk.root.locator(".email").getByRole("button", { name: "Send" }).click();
    await talk.root.locator(".mine", { hasText: "Call me back" }).waitFor();
    await eventually("the address is kept", () =>
      program.sql("SELECT count(*) FROM channel_contacts WHERE email = 'grace@example.org'") === "1",
    );
  } finally {
    program.sql("UPDATE widget_configs SET behaviour = '{}'");
  }
});
