// What the browser's tests stand on: the program, run as `botbuilder dev` on a database of its own, and Chromium.
//
// BOTBUILDER_BIN names the program, BOTBUILDER_TEST_DATABASE_URL the superuser's URL of a PostgreSQL server, PSQL its
// client. BROWSER=firefox takes Firefox instead of Chromium; FIREFOX and CHROMIUM name the browsers, Debian's by default.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, firefox } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const schemas = join(here, "../../../docs/schemas/widget");
const { default: Ajv } = await import("ajv");
const ajv = new Ajv({ strict: false });
const load = (name) => ajv.compile(JSON.parse(readFileSync(join(schemas, name), "utf8")));
const toServer = load("to-server.json");
const toVisitor = load("to-visitor.json");

/** Far more than anything takes, because machines are slow at times. */
export const PATIENCE = 60_000;
export const WIDGET = "demo-web";

async function freePort() {
  const server = createSocket();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function eventually(what, probe) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; see tests/browser/harness.mjs`);
  return value;
}

/** The program with everything in one process. It can be killed and started again on the same data. */
export class Program {
  static async start() {
    const program = new Program();
    program.port = await freePort();
    program.internal = await freePort();
    program.url = `http://127.0.0.1:${program.port}`;
    program.data = mkdtempSync(join(tmpdir(), "botbuilder-widget-"));
    program.name = `widget_browser_${process.pid}`;
    program.database = needed("BOTBUILDER_TEST_DATABASE_URL");
    program.psql(program.database, `CREATE DATABASE ${program.name}`);
    await program.run();
    return program;
  }

  psql(url, statement) {
    return execFileSync(needed("PSQL"), ["-qtA", url, "-c", statement], { encoding: "utf8" }).trim();
  }

  /** Runs a statement on the program's database. */
  sql(statement) {
    return this.psql(this.own, statement);
  }

  get own() {
    const url = new URL(this.database);
    url.pathname = `/${this.name}`;
    return url.href;
  }

  async run() {
    let said = "";
    this.child = spawn(needed("BOTBUILDER_BIN"), ["dev"], {
      env: {
        ...process.env,
        BOTBUILDER__DATA_DIR: this.data,
        BOTBUILDER__DATABASE__URL: this.own,
        BOTBUILDER__LISTEN__PUBLIC: `127.0.0.1:${this.port}`,
        BOTBUILDER__LISTEN__INTERNAL: `127.0.0.1:${this.internal}`,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on("data", (bytes) => (said = (said + bytes).slice(-4000)));
    }
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    await eventually("the program answers", async () => {
      if (this.child.exitCode !== null) throw new Error(`the program ended:\n${said}`);
      const answer = await fetch(`${this.url}/widget/v1/${WIDGET}/config`).catch(() => undefined);
      return answer?.ok;
    });
  }

  /** Ends it without a word. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.ended;
    this.psql(this.database, `DROP DATABASE ${this.name} WITH (FORCE)`);
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** A site of somebody else, on an origin of its own. */
export async function site(html, headers = {}) {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...headers });
    response.end(html);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Another host name, so that it is another site, not only another port.
  const url = `http://localhost:${server.address().port}`;
  return { url, close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))) };
}

/** Whether the tests run in Firefox instead of Chromium: `BROWSER=firefox`. */
export const FIREFOX = process.env.BROWSER === "firefox";

/** Starts the browser; what a person has set in it is for Firefox alone. */
export function launch(firefoxUserPrefs = {}) {
  if (FIREFOX) {
    // The released browser, driven by WebDriver BiDi.
    return firefox.launch({ channel: "moz-firefox", executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr", firefoxUserPrefs });
  }
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A browser of a visitor's own. Frames that are not in the protocol, errors and refusals of policies are collected. */
export async function visitor(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 760 }, locale: "en", ...options });
  context.setDefaultTimeout(PATIENCE);
  context.problems = [];
  context.on("page", (page) => watch(page, context.problems));
  return context;
}

function watch(page, problems) {
  page.on("pageerror", ({ message }) => {
    // Firefox says as errors of the page what it notices itself: that a server is away, and that the policy of a page
    // without an icon does not let it ask for one.
    const noise = FIREFOX && /can’t establish a connection|connection to \S+ was interrupted|\/favicon\.ico/.test(message);
    if (!noise) problems.push(`error: ${message}`);
  });
  page.on("console", (message) => {
    const text = message.text();
    if (/Content Security Policy|Trusted|BotBuilder:/.test(text)) problems.push(text);
  });
  page.on("websocket", (socket) => {
    const check = (validate, whose) => ({ payload }) => {
      const frame = JSON.parse(payload);
      if (!validate(frame)) problems.push(`${whose}: ${payload}: ${ajv.errorsText(validate.errors)}`);
    };
    socket.on("framesent", check(toServer, "sent"));
    socket.on("framereceived", check(toVisitor, "received"));
  });
}

/** What a person finds on a page with the chat. Playwright looks into open shadow roots. */
export function chat(page) {
  const root = page.locator("#botbuilder-widget");
  return {
    root,
    launcher: root.locator(".launcher"),
    panel: root.getByRole("dialog"),
    text: root.getByRole("textbox", { name: "Your message" }),
    messages: root.locator(".message:not(.typing)"),
    said: (text) => root.locator(".message", { hasText: text }),
    async open() {
      await this.launcher.waitFor();
      // Not a click: on the demo page it opens by itself, and a click may come just after that and close it.
      await page.evaluate(() => BotBuilder.open());
      await this.panel.waitFor();
    },
    async say(text) {
      await this.text.fill(text);
      await this.text.press("Enter");
    },
    /** The lines of the conversation, in order. */
    async lines() {
      return this.messages.locator(".bubble").allInnerTexts();
    },
  };
}

/** Opens the demo page and waits for the bot's first words. */
export async function demo(context, program, path = `/demo/${WIDGET}`) {
  const page = await context.newPage();
  await page.goto(program.url + path);
  const talk = chat(page);
  await talk.open();
  await talk.said("Hello there").waitFor();
  return { page, talk };
}

/** No rule of axe is broken. */
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  assert.deepEqual(found, [], what);
}

const pictures = process.env.SCREENSHOTS;

/** Keeps a picture for somebody to look at, where SCREENSHOTS names a folder. */
export async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
