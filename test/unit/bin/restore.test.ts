import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { askedFor, type BackupFacts, leftOf, restoredOf } from "../../../bin/restoration.ts";
import { postgres } from "../../../systems/stores/postgres.ts";
import { redis } from "../../../systems/stores/redis.ts";

const ROOT = join(import.meta.dirname, "../../..");
const ID = "20261231T180000Z";
const backup = (stores: BackupFacts["stores"]): BackupFacts => ({ id: ID, stack: "prod", ...(stores && { stores }) });
const BOTH = backup({ postgres: { schema: "0007" }, redis: {} });
const plain = postgres({ prefix: "x" });
const migrated = postgres({ prefix: "x", migrations: "make-tables" });

describe("what a restore does", () => {
  const names = (...args: Parameters<typeof restoredOf>) => restoredOf(...args).map(({ name }) => name);

  it("follows the stores: what has its place taken, and what is put over what runs where it is named", () => {
    assert.deepEqual(names("x", [redis(), migrated], BOTH, []), ["postgres"]);
    assert.deepEqual(names("x", [redis(), migrated], BOTH, ["redis"]), ["postgres", "redis"]);
    assert.deepEqual(names("x", [redis()], BOTH, ["redis"]), ["redis"]);
    assert.deepEqual(names("x", [plain], BOTH, []), ["postgres"]);
  });
  it("runs the migrations that the system has, by the name that they have, and asks for a version only then", () => {
    const [own] = restoredOf("x", [migrated], BOTH, []);
    assert.deepEqual(
      [own!.migrations, own!.versions, own!.schema],
      ["make-tables", ["public.alembic_version", "version_num"], "0007"],
    );
    const [none] = restoredOf("x", [plain], BOTH, []);
    assert.deepEqual([none!.migrations, none!.versions], [undefined, undefined]);
  });
  const refused: readonly [string, Parameters<typeof restoredOf>, RegExp][] = [
    ["what the backup does not hold", ["x", [redis()], backup({ postgres: {} }), ["redis"]], /holds nothing of Redis/],
    ["to do nothing", ["x", [redis()], BOTH, []], /holds Redis alone, .* say so with --redis$/],
    [
      "the backup of another system",
      ["x", [plain], backup({ redis: {} }), []],
      /of stack prod holds redis; a stack of x has postgres$/,
    ],
    ["where nothing is backed up", ["x", [], BOTH, []], /a stack of x has nothing that is backed up$/],
    ["a service of a former release", ["x", [plain], backup(undefined), []], /as a former release did: bin\/up prod/],
  ];
  for (const [what, args, words] of refused)
    it(`refuses ${what}`, () => assert.throws(() => restoredOf(...args), words));
  for (const [what, stores, option, words] of [
    ["a store that has its place taken", [migrated, redis()], "--postgres", /unknown option --postgres .* --redis$/],
    ["a store that is not there", [migrated], "--redis", /--redis for a stack of x\. There are --to, .* --yes$/],
    ["a misspelt name", [redis()], "--rediss", /unknown option --rediss .*did you mean --redis\?/],
  ] as const)
    it(`has no option for ${what}`, () => assert.throws(() => askedFor("x", stores, [option]), words));
  it("takes the name of a store that is put over what runs as an option", () =>
    assert.deepEqual(askedFor("x", [migrated, redis()], ["--redis"]), ["redis"]));
  it("says what stays as it is", () => {
    assert.deepEqual(leftOf([plain, redis()], BOTH), []);
    assert.deepEqual(leftOf([plain], BOTH), ["redis of the backup is left out: there is no such store here"]);
    assert.deepEqual(leftOf([plain, redis()], backup({ postgres: {} })), [
      "Redis stays as it is: the backup holds nothing of it",
    ]);
  });
});

/**
 * In the place of the docker client: containers are called after their services; what runs in one of a store runs
 * here, with the programs below. It writes down all that is asked.
 */
const DOCKER = `#!/usr/bin/env bash
case $1 in
  version) echo 20.10;;
  ps) for word; do case $word in label=berth.service=*) [[ " $GONE " == *" \${word##*=} "* ]] || echo "\${word##*=}";; esac; done;;
  restart) echo "restart $2" >> "$LOG";;
  exec)
    case "$3 $4 $5" in
      "backup backup show")
        if [ "$6" = --json ]; then cat manifest; else echo ${ID}; fi;;
      "backup backup fetch") echo "fetch $7" >> "$LOG"; echo "data of $7";;
      "backup backup facts") echo "facts \${*:6}";;
      "backup backup preview") echo "preview \${*:6} of: $(cat)" >> "$LOG"; echo "the preview"; exit "$PREVIEW";;
      "backup backup compare") echo "compare $7 of: $(cat)" >> "$LOG"; exit "$COMPARE";;
      *" sh -c") POSTGRES_DB=pa exec sh -c "\${@:6}";;
      *) echo "docker: what is $*?" >&2; exit 1;;
    esac;;
  *) echo "docker: what is $*?" >&2; exit 1;;
esac
`;
const PSQL = `#!/usr/bin/env bash
sql=$(cat)
printf 'psql %s: %s\\n' "\${@: -1}" "$(tr '\\n' ' ' <<< "$sql")" >> "$LOG"
case $sql in
  *alembic_version*) echo 0009;;
  *RENAME*) exit "$EXCHANGE";;
  facts*) echo "answer";;
esac
`;
const TAKES = (name: string) => `#!/usr/bin/env bash\necho "${name} of: $(tr '\\n' ' ' | tail -c 40)" >> "$LOG"\n`;

describe("bin/restore", function () {
  this.timeout(20_000);
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-restore-"));
    for (const part of ["bin", "config", "plan", "systems", "monitoring", "data", "package.json"])
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    mkdirSync(join(folder, "path"));
    const programs = { docker: DOCKER, psql: PSQL, pg_restore: TAKES("pg_restore"), "redis-cli": TAKES("redis-cli") };
    for (const [name, text] of Object.entries({ ...programs, pulumi: "#!/bin/sh\n" })) {
      writeFileSync(join(folder, "path", name), text);
      chmodSync(join(folder, "path", name), 0o755);
    }
    writeFileSync(join(folder, "Pulumi.prod.yaml"), "config: { berth:environment: prod }\n");
    writeFileSync(join(folder, "log"), "");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function restore(args: readonly string[], given: Readonly<Record<string, string>> = {}, manifest: object = BOTH) {
    writeFileSync(join(folder, "manifest"), JSON.stringify(manifest));
    const { status, stdout, stderr } = spawnSync(join(folder, "bin/restore"), ["prod", ...args], {
      encoding: "utf8",
      input: "",
      env: {
        HOME: folder,
        PATH: [join(folder, "path"), dirname(process.execPath), process.env["PATH"]].join(":"),
        LOG: join(folder, "log"),
        GONE: "",
        PREVIEW: "0",
        COMPARE: "0",
        EXCHANGE: "0",
        ...given,
      },
    });
    const log = readFileSync(join(folder, "log"), "utf8").split("\n").slice(0, -1);
    return { status, said: stdout + stderr, log: fetchedFirst(log) };
  }
  /** Fetching comes first: whoever loads, at the other end of a pipe, may begin before it. */
  function fetchedFirst(log: readonly string[]): string[] {
    const ordered: string[] = [];
    for (const line of log) {
      const isLate = /^fetch/.test(line) && /CREATE DATABASE|^redis-cli/.test(ordered.at(-1) ?? "");
      ordered.splice(isLate ? -1 : ordered.length, 0, line);
    }
    return ordered;
  }
  /** Steps that change something. */
  const CHANGES = /^fetch|CREATE DATABASE|RENAME|DROP DATABASE "pa_former" |restart|redis-cli/;
  const changes = (log: readonly string[]) => log.filter((line) => CHANGES.test(line));

  it("restores beside, compares, changes names, and runs the migrations of another schema", () => {
    const { status, said, log } = restore(["--yes"]);
    assert.equal(status, 0, said);
    assert.match(said, /the preview\n[\s\S]*into the database pa; it is left without connections .*as pa_former\n/);
    assert.match(said, /stack prod has the data of backup 20261231T180000Z/);
    const steps = [
      /^psql postgres: ALTER DATABASE "pa" ALLOW_CONNECTIONS true/,
      /^psql pa: SELECT to_regclass\('public\.alembic_version'\).* SELECT version_num FROM public\.alembic_version;/,
      /^psql pa: facts --now \S+Z postgres $/,
      /^preview --schema 0009 \S+Z postgres of: answer$/,
      /^fetch postgres$/,
      /^psql postgres: .* CREATE DATABASE "pa_restored" OWNER app_owner TEMPLATE template0;/,
      /^pg_restore of: data of postgres $/,
      /^psql pa_restored: facts \S+Z postgres $/,
      /^compare postgres of: answer$/,
      /^psql pa_restored: ANALYZE $/,
      /^psql postgres: .* RENAME TO "pa_former";.* RENAME TO "pa";/,
      /^restart migrate$/,
    ];
    assert.equal(log.length, steps.length, log.join("\n"));
    for (const [n, step] of steps.entries()) assert.match(log[n]!, step);
  });
  it("leaves alone the schema that is the same, Redis that nobody named, and what it replaced", () => {
    const same = backup({ postgres: { schema: "0009" }, redis: {} });
    const { status, said, log } = restore(["--yes"], {}, same);
    assert.equal(status, 0, said);
    assert.doesNotMatch(log.join("\n"), /restart|redis|DROP DATABASE "pa_former" /);
  });
  it("puts Redis over what runs where it is named, after the database, and drops what it replaced where it is told", () => {
    const { status, said, log } = restore(["--redis", "--drop-former", "--yes"]);
    assert.equal(status, 0, said);
    assert.match(said, /as pa_former until all is well\nRedis: keys of the snapshot replace/);
    assert.deepEqual(
      changes(log).map((line) => /^(fetch \w+|restart|redis-cli)|CREATE|RENAME|DROP/.exec(line)![0]),
      ["fetch postgres", "DROP", "DROP", "fetch redis", "redis-cli", "restart", "DROP"],
    );
  });

  for (const [what, args, given, words] of [
    [
      "newer data",
      ["--yes"],
      { PREVIEW: "3" },
      /error: stack prod has newer data than backup \S+ \(PostgreSQL\): nothing/,
    ],
    ["a comparison that fails", ["--yes"], { PREVIEW: "1" }, /could not be compared with PostgreSQL of stack prod/],
    ["nobody's consent", [], {}, /nothing was changed \(without a terminal: bin\/restore prod \S+ --to prod --yes\)/],
    ["an option that no store has", ["--rediss", "--yes"], {}, /unknown option --rediss .*did you mean --redis\?/],
    [
      "a server that does not run",
      ["--yes"],
      { GONE: "postgres" },
      /error: postgres of stack prod does not run: bin\/up prod/,
    ],
    ["a stack without backups", ["--yes"], { GONE: "backup" }, /error: stack prod makes no backups/],
  ] as const)
    it(`touches nothing for ${what}`, () => {
      const { status, said, log } = restore(args, given);
      assert.notEqual(status, 0);
      assert.match(said, words);
      assert.deepEqual(changes(log), []);
    });
  it("loses newer data where it is told to", () =>
    assert.equal(restore(["--discard-newer", "--yes"], { PREVIEW: "3" }).status, 0));
  it("changes no name where the copy is not what was backed up", () => {
    const { status, said, log } = restore(["--yes"], { COMPARE: "1" });
    assert.equal(status, 1);
    assert.match(said, /is not what was backed up: nothing was changed/);
    assert.doesNotMatch(log.join("\n"), /RENAME/);
  });
  it("opens the door again where names cannot be changed", () => {
    const { status, said, log } = restore(["--yes"], { EXCHANGE: "1" });
    assert.equal(status, 1);
    assert.match(said, /the copy could not take its place: PostgreSQL of stack prod is what it was/);
    assert.match(log.at(-1)!, /^psql postgres: ALTER DATABASE "pa" ALLOW_CONNECTIONS true/);
  });
});
