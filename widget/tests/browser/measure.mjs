// `npm run measure`: what the chat costs a page, and how soon an answer is on the screen. Figures, not tests: a machine
// with other work to do shows others.

import { Program, WIDGET, demo, eventually, launch, visitor } from "./harness.mjs";

const EXCHANGES = Number(process.env.EXCHANGES ?? 200);
/** The processor is slowed down so many times. */
const SLOWER = 4;

const program = await Program.start();
const browser = await launch();
try {
  program.sql("UPDATE widget_configs SET rate_per_minute = 600");
  // A socket keeps the rate that it was opened with.
  await program.kill();
  await program.run();
  await cost();
  await answers();
} finally {
  await browser.close();
  await program.stop();
}

/** Layout shift, long tasks, and what is loaded, from the page's beginning until the bot has spoken. */
async function cost() {
  const context = await visitor(browser);
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  await page.addInitScript(() => {
    window.cost = { shift: 0, tasks: [] };
    const watch = (type, take) =>
      new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
    watch("layout-shift", (entry) => (window.cost.shift += entry.value));
    watch("longtask", (entry) => window.cost.tasks.push([Math.round(entry.startTime), Math.round(entry.duration)]));
  });
  await page.goto(`${program.url}/demo/${WIDGET}`);
  // Only with what the page itself runs: a locator brings a script along that takes longer than the chat.
  await until(page, "!!window.BotBuilder?.open");
  await page.evaluate("BotBuilder.open()");
  await until(page, `document.getElementById("botbuilder-widget")?.shadowRoot.textContent.includes("What can I do")`);
  const { shift, tasks, loaded, bytes } = await page.evaluate(() => {
    const ours = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/widget/v1/"));
    const [page] = performance.getEntriesByType("navigation");
    const app = ours.find((entry) => entry.name.includes("app.js"));
    return {
      ...window.cost,
      loaded: Math.round(app.startTime - page.loadEventEnd),
      bytes: Object.fromEntries(ours.filter(({ name }) => name.includes(".js")).map(({ name, encodedBodySize }) => [name.split("/").pop().split("?")[0], encodedBodySize])),
    };
  });
  console.log(`layout shift ${shift}; long tasks at 1/${SLOWER} speed (start, duration in ms): ${JSON.stringify(tasks)}`);
  console.log(`the application is asked for ${loaded} ms after the page's load; bytes packed: ${JSON.stringify(bytes)}`);
  await context.close();
}

/** Asks a page until something is true there. */
async function until(page, expression) {
  await eventually(expression, () => page.evaluate(expression));
}

/** From the message until its answer is on the screen. */
async function answers() {
  const context = await visitor(browser);
  const { page, talk } = await demo(context, program);
  await talk.said("What can I do").waitFor();
  const times = await page.evaluate(async (exchanges) => {
    const root = document.getElementById("botbuilder-widget").shadowRoot;
    const answers = () => root.querySelectorAll(".message.other:not(.typing)").length;
    const times = [];
    for (let n = 0; n < exchanges; n++) {
      const before = answers();
      const began = performance.now();
      BotBuilder.say("menu");
      await new Promise((resolve) => {
        const observer = new MutationObserver(() => {
          if (answers() === before) return;
          observer.disconnect();
          // In the frame in which it is painted.
          requestAnimationFrame(() => resolve(undefined));
        });
        observer.observe(root, { childList: true, subtree: true });
      });
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    return times.sort((one, other) => one - other);
  }, EXCHANGES);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(1);
  console.log(`${times.length} messages until the answer is on the screen: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`);
  await context.close();
}
