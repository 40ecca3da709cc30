import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planOf } from "../../../bin/stack.ts";
import { provenanceOf, version } from "../../../components/provenance.ts";

const ROOT = join(import.meta.dirname, "../../..");

describe("components/provenance", () => {
  let folder: string;
  /** Commits on the day of the given number. */
  const commit = (day: number): void => {
    const at = `2026-01-0${day}T12:00:00+02:00`;
    for (const args of [
      ["add", "--all"],
      ["commit", "--quiet", "-m", "a commit"],
    ])
      execFileSync(
        "git",
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", ...args],
        {
          cwd: folder,
          stdio: "ignore",
          env: {
            ...process.env,
            GIT_CONFIG_GLOBAL: "/dev/null",
            GIT_CONFIG_SYSTEM: "/dev/null",
            GIT_COMMITTER_DATE: at,
            GIT_AUTHOR_DATE: "2001-01-01T00:00:00Z",
          },
        },
      );
  };
  const provenance = () => provenanceOf({ context: join(folder, "context") });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-provenance-"));
    for (const sub of ["context", "other"]) {
      mkdirSync(join(folder, sub));
      writeFileSync(join(folder, sub, "file"), "one");
    }
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const init = (): void => {
    execFileSync("git", ["init", "--quiet"], { cwd: folder });
    commit(1);
  };

  it("is fixed words outside git and before the first commit", () => {
    const words = () => {
      const { VERSION, REVISION, CREATED } = provenance();
      return [VERSION, REVISION, CREATED];
    };
    assert.deepEqual(words(), [version(), "uncommitted", "unknown"]);
    execFileSync("git", ["init", "--quiet"], { cwd: folder });
    assert.deepEqual(words(), [version(), "uncommitted", "unknown"]);
  });

  it("is that of the folder's last commit, with its time in UTC, however often it is asked", () => {
    init();
    const first = provenance();
    assert.match(first.REVISION, /^[0-9a-f]{12}$/);
    assert.equal(first.CREATED, "2026-01-01T10:00:00Z");
    assert.deepEqual(provenance(), first);
    writeFileSync(join(folder, "other/file"), "two");
    commit(2);
    assert.deepEqual(provenance(), first, "a commit elsewhere builds nothing");
    writeFileSync(join(folder, "context/file"), "two");
    assert.deepEqual(provenance(), { ...first, REVISION: `${first.REVISION}-dirty` });
    commit(3);
    assert.equal(provenance().CREATED, "2026-01-03T10:00:00Z");
  });

  it("is not known in a clone whose history is cut off, which is built all the same", () => {
    init();
    writeFileSync(join(folder, "other/file"), "two");
    commit(2);
    execFileSync("git", ["clone", "--quiet", "--depth=1", `file://${folder}`, join(folder, "clone")], {
      stdio: "ignore",
    });
    const { REVISION, CREATED } = provenanceOf({ context: join(folder, "clone/context") });
    assert.deepEqual([REVISION, CREATED], ["unknown", "unknown"]);
  });

  it("is taken by every Dockerfile, after the last layer that costs anything", () => {
    const dockerfiles = new Set(
      ["stage", "prod"]
        .flatMap((stack) => Object.values(planOf(stack).images))
        .map(({ context, dockerfile = `${context}/Dockerfile` }) => dockerfile),
    );
    assert.ok(dockerfiles.size > 0);
    for (const dockerfile of dockerfiles) {
      const lines = readFileSync(join(ROOT, dockerfile), "utf8").split("\n");
      const args = Object.keys(provenance()).map((name) =>
        lines.findLastIndex((line) => line.startsWith(`ARG ${name}=`)),
      );
      assert.ok(
        args.every((at) => at > lines.findLastIndex((line) => /^(FROM|RUN|COPY) /.test(line))),
        `${dockerfile}: ${args.join()}`,
      );
      for (const label of ["source", "revision", "version", "created"])
        assert.match(
          lines.join("\n"),
          new RegExp(`org\\.opencontainers\\.image\\.${label}="\\$\\{${label.toUpperCase()}\\}"`),
        );
    }
  });
});
