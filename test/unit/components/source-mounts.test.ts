import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sourceProblems, unreadable } from "../../../components/source-mounts.ts";
import { makePlan } from "../../../plan/plan.ts";
import { catalogue, context, service } from "../support.ts";

describe("components/source-mounts", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-sources-"));
  const file = join(folder, "app/main.py");
  const USER = 10001;
  before(() => {
    mkdirSync(join(folder, "app"));
    writeFileSync(file, "");
  });
  after(() => rmSync(folder, { recursive: true }));
  const plan = (source: string) =>
    makePlan(
      catalogue([service("a", { uid: USER, sources: { [source]: "/app" } })]),
      context({ "berth:sourceMounts": true, "berth:imageTarget": "development" }),
    );
  /** Rights of the folders, and of the file. */
  const found = (folders: number, files: number, user = USER) => {
    for (const path of [folder, join(folder, "app")]) chmodSync(path, folders);
    chmodSync(file, files);
    return unreadable(folder, user);
  };

  it("takes what everybody may read, and what the process owns", () => {
    assert.equal(found(0o755, 0o644), undefined);
    assert.equal(found(0o700, 0o600, statSync(folder).uid), undefined);
  });
  it("finds what a umask of 077 made, a folder or a file", () => {
    assert.equal(found(0o700, 0o600), folder);
    assert.equal(found(0o755, 0o600), file);
    assert.equal(found(0o744, 0o644), folder);
  });
  it("refuses it with the command that mends it, and what is not there", () => {
    const problems = (source: string) =>
      sourceProblems(plan(source), undefined).map(({ got, fix }) => `${got} | ${fix}`);
    found(0o755, 0o600);
    assert.deepEqual(problems(folder), [`${file}, which a (uid ${USER}) may not read | chmod -R go+rX ${folder}`]);
    assert.match(
      problems(`${folder}/none`)[0]!,
      /none, which is not there, for a \| pulumi config set berth:sourceMounts false/,
    );
    found(0o755, 0o644);
    assert.deepEqual(problems(folder), []);
  });
  it("refuses to mount what the engine's machine has not, and takes an engine of this one by any address", () => {
    found(0o755, 0o644);
    for (const engine of ["ssh://deploy@elsewhere", "tcp://10.0.0.7:2376", "ssh://localhost.example.org"]) {
      const [problem, ...more] = sourceProblems(plan(folder), engine);
      assert.deepEqual([problem!.key, more], ["berth:sourceMounts", []]);
      assert.match(problem!.fix, /sourceMounts false --stack dev && pulumi config set berth:imageTarget runtime/);
    }
    for (const engine of [undefined, "unix:///run/user/1000/docker.sock", "tcp://127.0.0.1:2375", "ssh://me@localhost"])
      assert.deepEqual(sourceProblems(plan(folder), engine), []);
  });
});
