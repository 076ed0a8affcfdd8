import { Program, WIDGET, demo, launch, visitor } from "/var/tmp/w/mine/widget/tests/browser/harness.mjs";
const N = Number(process.env.EXCHANGES ?? 60);
const program = await Program.start();
const browser = await launch();
try {
  program.sql("UPDATE widget_configs SET rate_per_minute = 600");
  await program.kill(); await program.run();
  const context = await visitor(browser);
  await context.addInitScript(() => {
    window.wire = [];
    const Real = WebSocket;
    window.WebSocket = class extends Real {
      constructor(...a) { super(...a); this.addEventListener("message", (e) => window.wire.push([performance.now(), "in", JSON.parse(e.data).type])); }
      send(d) { window.wire.push([performance.now(), "out", JSON.parse(d).type]); super.send(d); }
    };
  });
  const { page, talk } = await demo(context, program);
  await talk.said("What can I do").waitFor();
  const rows = await page.evaluate(async (n) => {
    const root = document.getElementById("botbuilder-widget").shadowRoot;
    const answers = () => root.querySelectorAll(".message.other:not(.typing)").length;
    const rows = [];
    for (let i = 0; i < n; i++) {
      const before = answers(); window.wire.length = 0;
      const began = performance.now(); let mutated, painted;
      BotBuilder.say("menu");
      await new Promise((r) => { const o = new MutationObserver(() => { if (answers() === before) return; o.disconnect(); mutated = performance.now(); requestAnimationFrame(() => { painted = performance.now(); r(); }); }); o.observe(root, { childList: true, subtree: true }); });
      const at = (t) => (t === undefined ? -1 : t - began);
      const find = (d, t) => at(window.wire.find((w) => w[1] === d && w[2] === t)?.[0]);
      rows.push([find("out", "message"), find("in", "accepted"), find("in", "typing"), find("in", "frame") , at(mutated), at(painted), window.wire.map(w=>w[1]+":"+w[2]).join(" ")]);
      await new Promise((r) => setTimeout(r, 150));
    }
    return rows;
  }, N);
  const med = (k) => rows.map((r) => r[k]).sort((a, b) => a - b)[rows.length >> 1].toFixed(1);
  console.log("p50 out", med(0), "accepted", med(1), "typing", med(2), "frame", med(3), "mutated", med(4), "painted", med(5));
  console.log(rows[rows.length-1][6]);
} finally { await browser.close(); await program.stop(); }
