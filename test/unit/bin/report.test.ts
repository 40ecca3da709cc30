import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { failure, report } from "../../../bin/report.ts";
import type { Preview, PreviewStep } from "../../../bin/steps.ts";

/** Previews of the real CLI, cut down to some resources and to what the report reads. */
const fixture = (name: string): Preview =>
  JSON.parse(readFileSync(join(import.meta.dirname, `fixtures/${name}.json`), "utf8")) as Preview;
const release = report("stage", fixture("release"));
/** The lines below a heading, or below a line that begins so. */
const below = (text: string, start: string): string[] => {
  const lines = text.split("\n");
  const from = lines.findIndex((line) => line.startsWith(start));
  assert.ok(from >= 0, `no line begins with ${start} in\n${text}`);
  const end = lines.slice(from + 1).findIndex((line) => !line.startsWith("  - "));
  return lines.slice(from + 1, from + 1 + end).map((line) => line.trim());
};

const PLATFORM = "berth:platform:Platform";
const step = (op: string, type: string, name: string, more: Partial<PreviewStep> = {}): PreviewStep => ({
  op,
  urn: `urn:pulumi:dev::berth::${PLATFORM}$${type}::${name}`,
  ...more,
});
const replaced = (old: object, fresh: object, detailedDiff: PreviewStep["detailedDiff"]): string =>
  report("dev", {
    steps: [
      step(
        "replace",
        "berth:tier:AppTier$berth:workload:Workload$docker:index/container:Container",
        "assistant-dev-api-1",
        {
          oldState: { inputs: { name: "assistant-dev-api-1-0a1b2c3", ...old } },
          newState: { inputs: { name: "assistant-dev-api-1-0a1b2c4", ...fresh } },
          ...(detailedDiff ? { detailedDiff } : {}),
        },
      ),
    ],
  });
const forced = (path: string) => ({ [path]: { kind: "update-replace" } });

describe("bin/report", () => {
  it("counts creations, updates, replacements and deletions by tier; components count for nothing", () => {
    for (const row of [
      "| data | 0 | 1 | 1 | 0 |",
      "| app | 1 | 0 | 4 | 0 |",
      "| edge | 0 | 0 | 0 | 0 |",
      "| monitoring | 0 | 0 | 0 | 1 |",
      "| the rest: networks, volumes, images, secrets | 1 | 0 | 0 | 1 |",
      "| **all** | 2 | 1 | 5 | 2 |",
    ])
      assert.ok(release.includes(`${row}\n`), `${row} is not in\n${release}`);
  });

  it("shows what the program warns of, even where nothing changes, and not what the CLI says about itself", () => {
    const diagnostics = [
      { severity: "warning", message: "warning: using pulumi-resource-docker from $PATH\n" },
      {
        severity: "warning",
        message:
          'warning: Stack "prod" goes ahead, but …\n\n  berth:postgres.device: missing\n    allowed: a folder\n    fix:     pulumi config set\n',
      },
      {
        severity: "info",
        message: 'Stack "prod" …\n\n  berth:ports: edge\n    allowed: others\n    fix:     pulumi config set\n',
      },
    ];
    assert.equal(
      report("prod", { diagnostics }),
      [
        "## Stack `prod`",
        "",
        "> [!WARNING]",
        "> ~~~text",
        '> Stack "prod" goes ahead, but …',
        "> ",
        ">   berth:postgres.device: missing",
        ">     allowed: a folder",
        ">     fix:     pulumi config set",
        "> ~~~",
        "",
        "Nothing changes.",
        "",
      ].join("\n"),
    );
    assert.doesNotMatch(report("prod", {}), /WARNING/);
  });

  it("says why each is replaced: what forces it, with the values", () => {
    assert.deepEqual(below(release, "- data: container `assistant-stage-postgres`"), [
      "- image: `pgvector/pgvector:pg17` → `pgvector/pgvector:pg18`",
    ]);
    assert.deepEqual(below(release, "- app: container `assistant-stage-agent-1`"), [
      "- envs: + `API_TOKEN=[secret]`, + `NOTE=second`",
      "- volumes[/etc/berth].volumeName: another `assistant-stage-agent-files`",
    ]);
    assert.deepEqual(below(release, "- data: container `assistant-stage-redis`"), [
      "- memory: `512` → `768`",
      "- memorySwap: `512` → `768`",
    ]);
  });

  it("shows a set of files as one, whose content nobody sees", () => {
    assert.deepEqual(below(release, "- app: files `assistant-stage-agent-files`"), ["- other content"]);
    assert.doesNotMatch(release, /-files-seed/);
  });

  it("masks what looks like a secret, wherever it stands", () => {
    assert.doesNotMatch(release, /not-for-reviewers/);
    for (const line of [
      "DB_PASSWORD=hunter2",
      "STRIPE_API_KEY=hunter2",
      "URL=postgres://me:hunter2@host/db",
      "GITHUB_TOKEN: hunter2",
    ])
      assert.doesNotMatch(replaced({ envs: [] }, { envs: [line] }, forced("envs")), /hunter2/, line);
    const wrapped = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", plaintext: '"hunter2"' };
    assert.match(
      replaced({ uploads: wrapped }, { uploads: wrapped }, forced("uploads")),
      /uploads: \[secret\] changes/,
    );
    assert.match(
      replaced({ uploads: "[secret]" }, { uploads: "[secret]" }, forced("uploads")),
      /uploads: \[secret\] changes/,
    );
    assert.doesNotMatch(
      replaced(
        { labels: [{ label: "a", value: wrapped }] },
        { labels: [{ label: "a", value: "b" }] },
        forced("labels"),
      ),
      /hunter2/,
    );
    // A path to a secret is none.
    assert.match(
      replaced({ envs: [] }, { envs: ["INTERNAL_TOKEN_FILE=/etc/berth/secrets/internal-token"] }, forced("envs")),
      /INTERNAL_TOKEN_FILE=\/etc\/berth\/secrets\/internal-token/,
    );
  });

  it("warns of a data container that stops, and of no other replacement", () => {
    assert.match(release, /> \[!WARNING\]\n> - \*\*`assistant-stage-postgres` stops\*\*, until the new one is healthy/);
    assert.equal(release.match(/stops/g)?.length, 1);
    // Redis is updated where it runs; jobs of the data tier and applications have automatic names.
    assert.doesNotMatch(replaced({ image: "a:1" }, { image: "a:2" }, forced("image")), /WARNING|NOTE/);
  });

  it("warns of a data volume that goes, and says whether the data goes with it", () => {
    const kept = fixture("volume");
    assert.match(
      report("dev", kept),
      /Data volume `assistant-dev-postgres-data` is \*\*let go of\*\*: it stays on the engine/,
    );
    const lost = {
      steps: kept.steps!.map((one) => ({
        ...one,
        ...(one.oldState ? { oldState: { ...one.oldState, retainOnDelete: false } } : {}),
      })),
    };
    assert.match(report("dev", lost), /\*\*Data volume `assistant-dev-postgres-data` is deleted\*\*/);
    assert.doesNotMatch(release, /[Dd]ata volume/, "that of Alertmanager is scratch");
  });

  it("notes that the edge stops, and that a database goes for good", () => {
    const stateful = (tier: string, op: string, name: string) =>
      report("dev", {
        steps: [
          step(op, `berth:tier:${tier}Tier$berth:workload:Workload$docker:index/container:Container`, name, {
            oldState: { inputs: { name } },
          }),
        ],
      });
    assert.match(
      stateful("Edge", "replace", "assistant-dev-edge"),
      /> \[!NOTE\]\n> - `assistant-dev-edge` stops, until the new one is healthy/,
    );
    assert.match(
      stateful("Data", "delete", "assistant-dev-redis"),
      /> \[!WARNING\]\n> - \*\*`assistant-dev-redis` stops\*\*, for good/,
    );
    assert.doesNotMatch(stateful("Monitoring", "replace", "assistant-dev-prometheus"), /WARNING|NOTE/);
  });

  it("compares lists by their elements, whatever position the provider names", () => {
    const [old, fresh] = [{ envs: ["A=1", "B=2", "C=3"] }, { envs: ["A=1", "C=4", "D=5"] }];
    assert.deepEqual(below(replaced(old, fresh, { ...forced("envs[1]"), ...forced("envs[2]") }), "- app: container"), [
      "- envs: − `B=2`, − `C=3`, + `C=4`, + `D=5`",
    ]);
  });

  it("goes by what the engine had, where the inputs agree; by names, where there are no details", () => {
    const found = report("dev", {
      steps: [
        step("update", "docker:index/container:Container", "x", {
          oldState: { inputs: { memory: 512 }, outputs: { memory: 256 } },
          newState: { inputs: { memory: 512 } },
          detailedDiff: { memory: { kind: "update" } },
        }),
      ],
    });
    assert.deepEqual(below(found, "- the rest: container `x`"), ["- memory: `256` → `512`"]);
    const bare = report("dev", {
      steps: [step("replace", "docker:index/container:Container", "x", { replaceReasons: ["#initerror"] })],
    });
    assert.deepEqual(below(bare, "- the rest: container `x`"), ["- the last attempt did not get healthy"]);
    assert.deepEqual(
      below(
        report("dev", { steps: [step("replace", "docker:index/container:Container", "x")] }),
        "- the rest: container `x`",
      ),
      ["- no reason was given"],
    );
  });

  it("puts those with the same reasons together, and says what only the update can tell", () => {
    const of = (name: string) =>
      step("replace", "berth:tier:AppTier$berth:workload:Workload$docker:index/container:Container", name, {
        oldState: { inputs: { image: "sha256:old" } },
        newState: { inputs: { image: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" } },
        detailedDiff: forced("image"),
      });
    const text = report("dev", { steps: [of("worker-1"), of("api-1")] });
    assert.deepEqual(below(text, "- app: container `api-1`, `worker-1`"), [
      "- image: `sha256:old` → `known when applied`",
    ]);
  });

  it("tells long values apart, and masked ones", () => {
    const long = (end: string) => ({ envs: [`A=${"x".repeat(200)}${end}`, `DB_PASSWORD=${end}`] });
    assert.equal(below(replaced(long("1"), long("2"), forced("envs")), "- app: container")[0]!.split(", ").length, 4);
  });

  it("stays readable with long values and with Markdown in them", () => {
    const text = replaced({ command: ["a"] }, { command: [`\`x\`\n${"y".repeat(500)}`] }, forced("command"));
    assert.ok(
      text.split("\n").every((line) => line.length < 300),
      text,
    );
    assert.doesNotMatch(text, /``/);
  });

  it("says that nothing changes, and shows the error of a preview that failed", () => {
    assert.equal(
      report("dev", { steps: [step("same", "docker:index/container:Container", "x")] }),
      "## Stack `dev`\n\nNothing changes.\n",
    );
    assert.equal(report("dev", {}), report("dev", { steps: [] }));
    assert.match(
      failure("prod", "error: incorrect passphrase\n~~~"),
      /^## Stack `prod`\n\n> \[!CAUTION\][\s\S]*\n~~~text\nerror: incorrect passphrase\n---\n~~~\n$/,
    );
  });
});
