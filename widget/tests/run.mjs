// `npm run test:browser`: the browser's tests, one after the other. harness.mjs says what they need.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const ran = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...["conversation", "features"].map((name) => join(here, `browser/${name}.test.mjs`)), ...process.argv.slice(2)], {
  stdio: "inherit",
  cwd: here,
});
process.exit(ran.status ?? 1);
