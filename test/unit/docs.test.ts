/**
 * The documentation names only what is there; what it says to run is run, where nothing but this checkout is needed.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseConfig } from "../../config/parse.ts";
import { generatedIn } from "../../config/secrets.ts";
import { systems } from "../../systems/index.ts";
import { requestOf } from "../arguments.ts";
import { addAsSaid, addBilling } from "../billing.ts";
import { copyCheckout } from "../stack/checkout.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const files = (...patterns: string[]): string[] =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...patterns], {
    cwd: ROOT,
    encoding: "utf8",
  })
    .trim()
    .split("\n");
const pages = files("README.md", "docs/*.md");
const stacks = files("Pulumi.*.yaml").map((file) => file.split(".")[1]!);
const scripts = (JSON.parse(read("package.json")) as { scripts: object }).scripts;
const shapes = Object.values(systems).map(({ shape }) => shape);
/** Options of bin/restore. */
const kept = Object.values(systems).flatMap((system) => system.kept.map(({ name }) => `--${name}`));
const generated = shapes.flatMap(({ secrets }) => generatedIn(secrets));

const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1]!);
const anchors = (text: string): string[] =>
  all(text, /^#+ (.+)$/gm).map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .trim()
      .replaceAll(" ", "-"),
  );
const blocks = (text: string, language = ""): string[] =>
  all(text, new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"));
const spans = (text: string): string[] => all(text.replaceAll(/^```[\s\S]*?^```/gm, ""), /`([^`\n]+)`/g);
/** Lines that somebody types. */
const commands = (text: string): string[] =>
  [...blocks(text).flatMap((block) => block.split("\n")), ...spans(text)]
    .flatMap((line) => line.replace(/(^|\s)#\s.*/, "").split(/ (?:&&|\||;|>) /))
    .map((line) => line.trim());

function brokenLinks(page: string, text: string): string[] {
  return all(text, /\]\(([^)\s]+)\)/g).filter((link) => {
    const [path, anchor] = link.split("#") as [string, string?];
    if (/^https?:/.test(link)) return false;
    const target = path ? join(dirname(page), path) : page;
    return !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchors(read(target)).includes(anchor));
  });
}

/** What the text itself says to make, by `npm run new`. */
const made = (text: string, kind: "service" | "system"): string[] =>
  all(text, new RegExp(`^npm run new -- ${kind} ([\\w-]+)`, "gm"));
const isMade = (text: string, path: string): boolean =>
  made(text, "service").some((name) => path === `services/${name}` || path.endsWith(`/services/${name}.ts`)) ||
  made(text, "system").some((name) => path === `systems/${name}`);

function absent(text: string): string[] {
  return [
    ...all(
      // Where links lead, is looked at elsewhere.
      text.replaceAll(/\]\([^)\s]+\)/g, "]"),
      /(?<![\w./-])((?:bin|bench|components|config|data|edge|monitoring|plan|policy|services|systems|test)\/(?:[\w-]+\/)*[\w-]+(?:\.\w+)*)(?![\w*<{])/g,
    ).filter((path) => !existsSync(join(ROOT, path)) && !isMade(text, path)),
    ...all(text, /\bnpm run ([\w-]+)/g)
      .filter((script) => !(script in scripts))
      .map((script) => `npm run ${script}`),
    ...all(text, /\bberth:([a-zA-Z][a-zA-Z0-9]*)/g)
      .filter((key) => !shapes.some(({ settings, secrets }) => key in settings.shape || key in secrets))
      .map((key) => `berth:${key}`),
  ];
}

const isPlaceholder = (word: string): boolean => /[<>[\]…]/.test(word);

/** What is wrong with a command. @param known Stacks that there are. */
function mistakes(command: string, known: readonly string[]): string[] {
  const words = command.split(/\s+/);
  const unknown = (given: readonly string[], allowed: readonly string[]) =>
    given.filter((word) => !isPlaceholder(word) && !allowed.includes(word)).map((word) => `${word} in ${command}`);
  const plan = /^npm run (?:-s )?plan(?: (.*))?$/.exec(command);
  if (plan) return unknown(words.slice(3), [...known, "--", "--json"]);
  const script = /^bin\/([\w-]+)$/.exec(words[0]!)?.[1];
  if (script === "test") return testMistakes(words.slice(1));
  if (script && existsSync(join(ROOT, "bin", script))) {
    const names =
      script === "rotate"
        ? [...known, ...generated]
        : [
            ...known,
            ...(script === "rollback"
              ? words.filter((word) => /^\d+$/.test(word))
              : script === "restore"
                ? words.filter((word) => /^2\d{3}[\d:TZ-]+$|^latest$/.test(word))
                : []),
          ];
    return words
      .slice(1)
      .flatMap((word) =>
        word.startsWith("--")
          ? read(`bin/${script}`).includes(`${word})`) || (script === "restore" && kept.includes(word))
            ? []
            : [`${word} in ${command}`]
          : unknown([word], names),
      );
  }
  if (words[0] !== "pulumi") return [];
  return [...unknown(all(command, /--stack (\S+)/g), known), ...settingMistakes(command)];
}

/** bin/test itself says what it does not take. */
function testMistakes(words: readonly string[]): string[] {
  try {
    requestOf(words.map((word) => (isPlaceholder(word) ? "unit" : word)));
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** A setting must be one that the program takes. */
function settingMistakes(command: string): string[] {
  const [, key, value] = /^pulumi config set (?:--path )?berth:([\w.-]+) (\S+)/.exec(command) ?? [];
  if (!key || isPlaceholder(command)) return [];
  const [top, ...path] = key.split(".") as [string, ...string[]];
  const leaf: unknown = /^(0|[1-9]\d*|true|false)$/.test(value!) ? JSON.parse(value!) : value;
  const whole = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), leaf);
  const values = new Map([
    ["berth:environment", "dev"],
    [`berth:${top}`, typeof whole === "string" ? whole : JSON.stringify(whole)],
  ]);
  // A key of one system is unknown to the others.
  const told = shapes.map((shape) => parseConfig({ stack: "dev", secrets: new Map(), values }, shape).problems);
  const problems = told.reduce((least, one) => (one.length < least.length ? one : least));
  // One key of several that belong together is set at a time.
  return problems
    .filter(({ got }) => got !== "missing")
    .map((problem) => `${problem.key}: ${problem.got} in ${command}`);
}

describe("the documentation", () => {
  for (const page of pages)
    it(`${page}: its links lead somewhere, and what it names is there`, () => {
      const text = read(page);
      assert.deepEqual(brokenLinks(page, text), []);
      assert.deepEqual(absent(text), []);
      const systems = made(text, "system").map((name) => `${name}-dev`);
      const known = [...stacks, ...systems, ...all(text, /> Pulumi\.(\w+)\.yaml/g)];
      assert.deepEqual(
        commands(text).flatMap((command) => mistakes(command, known)),
        [],
      );
    });

  it("numbers decisions from 1 on, each once", () => {
    const decisions = files("docs/decisions").sort();
    const numbers = decisions.map((file) => Number(/\/(\d{4})-[a-z-]+\.md$/.exec(file)?.[1]));
    assert.deepEqual(
      numbers,
      decisions.map((_, n) => n + 1),
    );
  });

  it("docs/configuration.md names every variable that the scripts read", () => {
    const internal = ["BERTH_LOCKED"];
    const named = files("bin", "config").flatMap((file) => all(read(file), /\b(BERTH_[A-Z_]+)\b/g));
    assert.deepEqual(
      [...new Set(named)].filter(
        (name) => !internal.includes(name) && !read("docs/configuration.md").includes(`\`${name}\``),
      ),
      [],
    );
  });

  it("the test itself finds what is not there", () => {
    assert.deepEqual(brokenLinks("docs/x.md", "[a](policy.md) [b](no.md) [c](policy.md#no) [d](../README.md#guides)"), [
      "no.md",
      "policy.md#no",
    ]);
    assert.deepEqual(absent("`bin/up` `bin/no` npm run plan, `npm run no`; berth:ports.edge berth:no plan/no.ts"), [
      "bin/no",
      "plan/no.ts",
      "npm run no",
      "berth:no",
    ]);
    const text = "npm run new -- service x\n services/x systems/y/services/x.ts services/x/no services/xy systems/x";
    assert.deepEqual(absent(text), ["services/x/no", "services/xy", "systems/x"]);
    const wrong = [
      "bin/up nostack",
      "bin/down dev --no",
      "npm run plan nostack",
      "bin/test nosuite",
      "bin/test --since",
      "bin/rotate llmApiKey dev",
      "pulumi up --stack nostack",
      "pulumi config set --path berth:services.api.replicas 0 --stack dev",
    ];
    for (const command of wrong) assert.equal(mistakes(command, stacks).length, 1, command);
    for (const command of [
      "bin/up [stack]",
      "bin/down dev --data --yes",
      "npm run plan",
      "bin/rollback prod 7",
      "bin/test --since <rev>",
      "bin/test rotation healing",
      "pulumi config set berth:portOffset 100 --stack prod",
    ])
      assert.deepEqual(mistakes(command, stacks), [], command);
  });

  const plans = [
    ...new Set(
      pages
        .flatMap((page) => blocks(read(page)).flatMap((block) => block.split("\n")))
        .map((line) => line.replace(/\s+#.*/, ""))
        // Those of stacks that a page makes are run where it made them.
        .filter((line) => /^npm run plan(?: (?!.*-dev)|$)/.test(line)),
    ),
  ];
  for (const command of plans)
    it(`${command} prints a plan`, () => {
      assert.match(
        execFileSync(process.execPath, ["bin/plan.ts", ...command.split(" ").slice(3)], {
          cwd: ROOT,
          encoding: "utf8",
        }),
        /in start order/,
      );
    });

  it("docs/onboarding.md: what it adds is planned: a service with its route, a system with a service", function () {
    this.timeout(240_000);
    const copy = mkdtempSync(join(tmpdir(), "berth-docs-"));
    try {
      copyCheckout(copy);
      // In a copy of the checkout that has it, these tests pass as well (test/proof).
      if (!existsSync(join(ROOT, "services/billing"))) addBilling(copy);
      addAsSaid(copy, "system ");
      addAsSaid(copy, "service orders ");
      const planned = (stack: string): string =>
        execFileSync(process.execPath, ["bin/plan.ts", stack], { cwd: copy, encoding: "utf8" });
      for (const [stack, name] of [
        ["dev", "billing"],
        ["shop-dev", "orders"],
      ] as const) {
        assert.match(planned(stack), new RegExp(`^${name} +app +stateless .* /${name} `, "m"));
        assert.match(planned(stack), new RegExp(`^edge-routes .*${name}`, "m"));
        assert.match(planned(stack), new RegExp(`^postgres-prune .* ${name}`, "m"));
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

describe("docs/requirements.md", () => {
  const rows = read("docs/requirements.md")
    .split("\n")
    .filter((line) => /^\| (?:PA|SM|KD)-/.test(line))
    .map((line) => line.slice(2, -2).split(" | "));

  it("has every id from PA-01 to PA-73, SM-01 to SM-77 and KD-01 to KD-69, once, in order", () =>
    assert.deepEqual(
      rows.map(([id]) => id),
      Object.entries({ PA: 73, SM: 77, KD: 69 }).flatMap(([system, length]) =>
        Array.from({ length }, (_, i) => `${system}-${String(i + 1).padStart(2, "0")}`),
      ),
    ));
  it("says for each what meets it, and which test, or that there is none", () => {
    for (const [id, what, by, test, ...more] of rows) {
      assert.ok(what && by && test && more.length === 0, id);
      if (test !== "–") assert.match(test, /`(?:(?:test|services)\/[\w./-]+\.(?:ts|py)|npm run bench)`/, id);
    }
  });
});

describe("docs/troubleshooting.md", () => {
  const PATTERNS = [
    /\bdie "((?:[^"\\]|\\.)*)"/g,
    /\b(?:die|Refusal|RunError|Error)\(\s*`([^`]*)/g,
    /\b(?:die|Refusal|RunError|Error)\(\s*"([^"]*)/g,
    /\bgot: `([^`]*)/g,
    /\bgot: "([^"]*)/g,
    /catalogueProblem\([^,]+, `([^`]*)/g,
    /catalogueProblem\([^,]+, "([^"]*)/g,
  ];
  /** The words of a message; what is filled in is X. */
  const messages = (text: string) =>
    PATTERNS.flatMap((pattern) => all(text, pattern))
      .map((message) =>
        message.replaceAll(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\$\{.*$|\$\(.*|\$\w+/g, "X").replaceAll("\\", ""),
      )
      .filter((message) => /[a-z]{3}.* /.test(message));
  /** The first column of its tables. */
  const known = spans(all(read("docs/troubleshooting.md"), /^\| (.*?) \| /gm).join("\n")).map(
    (span) =>
      new RegExp(
        span
          .split("…")
          .map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
          .join(".*"),
      ),
  );
  const isKnown = (message: string) => known.some((pattern) => pattern.test(message));

  for (const file of files("bin", "components", "config", "plan")) {
    const found = messages(read(file));
    if (found.length)
      it(`knows what ${file} says`, () =>
        assert.deepEqual(
          found.filter((message) => !isKnown(message)),
          [],
        ));
  }
  it("the test itself finds messages, and one that is unknown", () => {
    assert.ok(files("bin").flatMap((file) => messages(read(file))).length > 25);
    assert.deepEqual(
      messages('[ -x y ] || die "nobody knows \\"$this\\" message"').filter((message) => !isKnown(message)),
      ['nobody knows "X" message'],
    );
  });
});
