/** What bin/test removes before a run; a docker client of sh is the engine, and a process of Node is another run. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../support.ts";

describe("what a former run left", function () {
  this.timeout(30_000);
  const folder = mkdtempSync(join(tmpdir(), "berth-hold-"));
  const env = {
    HOME: folder,
    TMPDIR: folder,
    PATH: [folder, dirname(process.execPath), process.env["PATH"]].join(":"),
  };
  after(() => rmSync(folder, { recursive: true }));
  before(() => {
    for (const part of ["bin/lib.sh", "bin/test", "bench", "Pulumi.dev.yaml", "package-lock.json"])
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    const program = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o755 });
    program("pulumi", "#!/bin/sh\n");
    program("npm", "#!/bin/sh\nmkdir -p node_modules\n");
    program(
      "docker",
      `#!/bin/sh
case "$*" in
  version*) echo 27.0;;
  "container ls"*) printf '%s\\n' "e2e-one a" "e2e-two b" "dev c" "e2e-two d";;
  "volume ls"*) printf '%s\\n' "e2e-one v" "e2e-two w";;
  *" rm "*) echo "$*" >> ${folder}/removed;;
esac
`,
    );
    // In the place of the suites.
    mkdirSync(join(folder, "test"));
    program("test/run.ts", 'if (process.argv[2] === "--needs-engine") console.log("engine");\n');
  });
  const hold = (stack: string) => {
    const script = `await (await import("${ROOT}/test/stack/hold.ts")).hold("${stack}"); console.log("held"); setInterval(() => {}, 1000);`;
    return spawn(process.execPath, ["--input-type=module", "--eval", script], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
  };
  const removed = (): string[] => {
    writeFileSync(join(folder, "removed"), "");
    const { status, stderr } = spawnSync(join(folder, "bin/test"), [], { encoding: "utf8", env });
    assert.equal(status, 0, stderr);
    return readFileSync(join(folder, "removed"), "utf8").split("\n").filter(Boolean);
  };

  it("is removed, but nothing of a stack that a run is at work on, until that one has ended, however it did", async () => {
    const other = hold("e2e-two");
    await once(other.stdout, "data");
    assert.deepEqual(removed(), ["container rm --force --volumes a", "volume rm v"]);

    const third = hold("e2e-two");
    const [words] = (await once(third.stderr, "data")) as [Buffer];
    assert.match(words.toString(), /another run is at work on stack e2e-two: wait for it to end/);

    other.kill("SIGKILL");
    await once(other, "close");
    assert.deepEqual(removed(), ["container rm --force --volumes a b d", "volume rm v w"]);
  });
});
