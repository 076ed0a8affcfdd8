// Builds dist/ from src/: `node build.mjs`, or `node build.mjs --check`, which only compares.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "vite";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

async function bundle(entry, define) {
  const result = await build({
    root: here,
    configFile: false,
    logLevel: "warn",
    define,
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      target: "es2020",
      write: false,
      minify: true,
      modulePreload: false,
      lib: { entry: join(here, "src", entry), formats: ["iife"], name: "_", fileName: () => "out.js" },
      rollupOptions: { output: { extend: false } },
    },
  });
  const [{ output }] = Array.isArray(result) ? result : [result];
  return output[0].code;
}

async function languages() {
  const texts = {};
  const folder = join(here, "src/i18n");
  for (const name of (await readdir(folder)).sort()) {
    const language = name.replace(".json", "");
    // English is inside the application.
    if (name.endsWith(".json") && language !== "en") texts[language] = JSON.parse(await readFile(join(folder, name)));
  }
  return JSON.stringify(texts);
}

const version = (text) => createHash("sha256").update(text).digest("hex").slice(0, 12);
const pack = (text) => gzipSync(text, { level: 9 });

const texts = await languages();
const app = await bundle("app/index.tsx", {
  __LANGUAGES__: JSON.stringify(Object.keys(JSON.parse(texts))),
  __TEXTS__: JSON.stringify(version(texts)),
});
const loader = await bundle("loader.ts", { __APP__: JSON.stringify(version(app)) });
const files = { "loader.js": loader, "app.js": app, "languages.json": texts };

let stale = 0;
if (process.argv.includes("--check")) {
  for (const [name, text] of Object.entries(files)) {
    const kept = await readFile(join(dist, name), "utf8").catch(() => "");
    // Packed forms may differ from one version of zlib to the next; what is in them may not.
    const packed = name.endsWith(".js")
      ? await readFile(join(dist, `${name}.gz`)).then((bytes) => gunzipSync(bytes).toString(), () => "")
      : text;
    if (kept !== text || packed !== text) {
      console.error(`dist/${name} is not what the sources give: run npm ci && npm run build`);
      stale++;
    }
  }
} else {
  await mkdir(dist, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dist, name), text);
    if (name.endsWith(".js")) await writeFile(join(dist, `${name}.gz`), pack(text));
  }
}
for (const [name, text] of Object.entries(files)) {
  console.log(`${name}: ${text.length} bytes, ${pack(text).length} packed`);
}
process.exit(stale ? 1 : 0);
