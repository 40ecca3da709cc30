import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { foldersOf, revisionOf, ShallowError, UNCOMMITTED } from "../../../components/revision.ts";

describe("components/revision", () => {
  let folder: string;
  const git = (...args: string[]): string =>
    execFileSync(
      "git",
      ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", ...args],
      {
        cwd: folder,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
      },
    ).trim();
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  const commit = (): string => {
    git("add", "--all");
    git("commit", "-m", "a commit");
    return git("rev-parse", "HEAD").slice(0, 12);
  };
  const context = (): string => revisionOf([join(folder, "context")]);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-revision-"));
    for (const sub of ["context", "other"]) mkdirSync(join(folder, sub));
    write("context/file", "one");
    write("other/file", "one");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is the last commit that touched the folder: a commit elsewhere changes nothing", () => {
    git("init");
    const first = commit();
    assert.equal(context(), first);
    write("other/file", "two");
    const second = commit();
    assert.notEqual(second, first);
    assert.equal(context(), first);
    assert.equal(revisionOf([join(folder, "other")]), second);
    write("context/file", "two");
    assert.equal(context(), `${first}-dirty`, "and says so until it is committed");
    assert.equal(commit(), context());
  });

  it("is the last commit that touched one of the folders, where an image is made of several", () => {
    git("init");
    const first = commit();
    const image = foldersOf({ context: join(folder, "context"), dockerfile: join(folder, "shared/Dockerfile") });
    assert.equal(revisionOf(image), first);
    mkdirSync(join(folder, "shared"));
    write("shared/Dockerfile", "one");
    assert.equal(revisionOf(image), `${first}-dirty`);
    const second = commit();
    assert.equal(revisionOf(image), second);
    assert.equal(context(), first);
    write("context/file", "two");
    assert.equal(revisionOf(image), `${second}-dirty`);
  });

  it("is dirty with a new file, not with one that git ignores", () => {
    git("init");
    write(".gitignore", "*.pyc\n");
    const first = commit();
    write("context/module.pyc", "compiled");
    assert.equal(context(), first);
    write("context/new", "");
    assert.equal(context(), `${first}-dirty`);
  });

  it("is one word outside git, before the first commit, and for a folder that was never committed", () => {
    assert.equal(context(), UNCOMMITTED);
    git("init");
    assert.equal(context(), UNCOMMITTED);
    write(".gitignore", "context\n");
    commit();
    assert.equal(context(), UNCOMMITTED);
  });

  it("is refused in a clone whose history is cut off: its last commit would look like the one", () => {
    git("init");
    commit();
    write("other/file", "two");
    commit();
    execFileSync("git", ["clone", "--quiet", "--depth=1", `file://${folder}`, join(folder, "clone")], {
      stdio: "ignore",
    });
    assert.throws(() => revisionOf([join(folder, "clone/context")]), ShallowError);
  });

  it("looks only: the index is as it was", () => {
    git("init");
    commit();
    const before = execFileSync("stat", ["-c", "%Y %Z %i", join(folder, ".git/index")], { encoding: "utf8" });
    execFileSync("touch", ["-d", "2020-01-01", join(folder, "context/file")]);
    context();
    assert.equal(execFileSync("stat", ["-c", "%Y %Z %i", join(folder, ".git/index")], { encoding: "utf8" }), before);
  });
});
