/** The docker client as it is called; a script stands for it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerBytes, dockerClient } from "../../../config/docker-client.ts";

describe("config/docker-client", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-docker-client-"));
  const [log, { PATH }] = [join(folder, "log"), process.env];
  before(() => {
    process.env["PATH"] = `${folder}:${PATH}`;
    writeFileSync(join(folder, "docker"), `#!/bin/sh\necho + >> ${log}; sleep 0.1; echo - >> ${log}; exit 1\n`, {
      mode: 0o755,
    });
  });
  after(() => {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true });
  });
  /** How many of twelve calls were at work at the same time. */
  const most = async (host: string): Promise<number> => {
    writeFileSync(log, "");
    const [text, bytes] = [dockerClient(host), dockerBytes(host)];
    await Promise.allSettled(Array.from({ length: 12 }, (_, n) => (n % 2 ? text("info") : bytes("cp"))));
    const lines = readFileSync(log, "utf8").trim().split("\n");
    assert.equal(lines.length, 24);
    return Math.max(...lines.map((_, n) => lines.slice(0, n + 1).reduce((sum, line) => sum + Number(`${line}1`), 0)));
  };

  it("logs in over ssh no more than five times at once, whatever becomes of the calls", async () =>
    assert.equal(await most("ssh://deploy@elsewhere"), 5));
  it("calls an engine of this machine without waiting", async () =>
    assert.ok((await most("unix:///var/run/docker.sock")) > 5));
});
