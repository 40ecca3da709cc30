/** What is told of a stack whose containers are well, ill, or not there; a docker client of sh is the engine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../support.ts";

describe("bin/culprits and bin/backup", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-culprits-"));
  after(() => rmSync(folder, { recursive: true }));
  before(() => {
    mkdirSync(join(folder, "bin"));
    for (const script of ["lib.sh", "culprits", "backup"])
      cpSync(join(ROOT, "bin", script), join(folder, "bin", script));
    cpSync(join(ROOT, "bench"), join(folder, "bench"), { recursive: true });
  });
  /** @param containers `name state health code` of each. @param file What the stack file says. */
  const run = (script: string, containers: readonly string[], file = "berth:environment: dev", home = folder) => {
    writeFileSync(join(folder, "Pulumi.dev.yaml"), `config:\n  ${file}\n`);
    const docker = `#!/bin/sh
case "$*" in
  version*) echo 27.0;;
  "ps -aq "*) seq 1 ${containers.length};;
  *ExitCode*) eval "id=\\\${$#}"; sed -n "\${id}p" <<EOF
${containers.join("\n")}
EOF
;;
  logs*) echo "last words";;
esac
`;
    writeFileSync(join(folder, "docker"), docker, { mode: 0o755 });
    writeFileSync(join(folder, "pulumi"), "#!/bin/sh\n", { mode: 0o755 });
    const env = { HOME: home, PATH: [folder, dirname(process.execPath), process.env["PATH"]].join(":") };
    return spawnSync(join(folder, "bin", script), ["dev"], { encoding: "utf8", env });
  };

  it("all are well", () =>
    assert.equal(run("culprits", ["/a running healthy 0"]).stderr, "every container of stack dev is healthy\n"));
  it("none is there", () =>
    assert.match(run("culprits", []).stderr, /^stack dev has no containers on this engine: bin\/up/));
  it("one is ill, whose last words are shown, and no other", () => {
    const { stderr } = run("culprits", ["/a running healthy 0", "/b exited - 3"]);
    assert.match(stderr, /^---- b: exited, health -, last exit code 3\. Its last words:\nlast words\n$/);
  });
  it("backups that do not run are told from those that nobody asked for", () => {
    assert.match(
      run("backup", [], "berth:backup: { every: 6h }").stderr,
      /^error: backup of stack dev does not run: bin\/up/,
    );
    assert.match(run("backup", []).stderr, /^error: stack dev makes no backups: pulumi config set/);
  });
});
