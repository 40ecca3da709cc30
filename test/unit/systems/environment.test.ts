import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makePlan } from "../../../plan/plan.ts";
import { variables } from "../../../systems/assistant/environment.ts";
import { systems } from "../../../systems/index.ts";
import { declared } from "../../../systems/parts/variables.ts";
import { variables as ofKailash } from "../../../systems/kailash/environment.ts";
import { variables as ofSampleMind } from "../../../systems/samplemind/environment.ts";
import { context } from "../support.ts";

const ROOT = join(import.meta.dirname, "../../..");
const SETTINGS = {
  assistant: ["services/assistant/src/personal_assistant/config/settings.py", variables],
  samplemind: ["services/samplemind/src/samplemind/settings.py", ofSampleMind],
  kailash: ["services/kailash/src/knowledge/settings.py", ofKailash],
} as const;
const source = readFileSync(join(ROOT, SETTINGS.assistant[0]), "utf8");

for (const [name, [file, described]] of Object.entries(SETTINGS))
  describe(`systems/${name}/environment`, () => {
    it("PA-45, SM-41: describes what settings.py reads, and nothing else", () => {
      const text = readFileSync(join(ROOT, file), "utf8");
      const read = [...new Set([...text.matchAll(/"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)"/g)].map((match) => match[1]!))];
      const names = declared(text).map((variable) => variable.name);
      // Both bounds of the autoscaling are read by a loop.
      const looped = Object.keys(described).filter((one) => one.startsWith("CELERY_AUTOSCALE_"));
      assert.deepEqual([...new Set([...names, ...looped])].sort(), Object.keys(described).sort());
      // Whatever way it is read, a name in capitals is in the list.
      for (const one of read.filter((word) => !/^(DEBUG|INFO|WARNING|ERROR|GET|POST)$/.test(word)))
        assert.ok(one in described, one);
    });
  });

describe("systems/assistant/environment", () => {
  it("reads kinds, bounds and defaults", () => {
    const of = (name: string) => declared(source).find((variable) => variable.name === name);
    assert.deepEqual(of("DB_POOL_SIZE"), {
      name: "DB_POOL_SIZE",
      kind: "number",
      allowed: "1 to 200",
      fallback: "5",
      needed: [],
    });
    assert.deepEqual(of("JWT_REFRESH_TTL"), {
      name: "JWT_REFRESH_TTL",
      kind: "number",
      allowed: "60 to 31536000",
      fallback: "1209600",
      needed: [],
    });
    assert.deepEqual(of("AGENT_URL"), {
      name: "AGENT_URL",
      kind: "text",
      allowed: "an http or https URL",
      fallback: "",
      needed: ["api", "sms-router"],
    });
    assert.deepEqual(of("LOG_LEVEL"), {
      name: "LOG_LEVEL",
      kind: "choice",
      allowed: "DEBUG, INFO, WARNING, ERROR",
      fallback: "INFO",
      needed: [],
    });
  });

  it("says who sets each", () => {
    const { services } = makePlan(
      systems.assistant.catalogue,
      context(
        {
          "berth:debug": true,
          "berth:imageTarget": "development",
          "berth:sourceMounts": true,
          "berth:seed": true,
          "berth:allowDestructiveMigrations": "0003",
          "berth:schema": "0002",
          "berth:backup": { s3: { bucket: "berth-backups" } },
          "berth:ports": { "edge-tls": 8443 },
        },
        { configured: new Set(Object.keys(systems.assistant.shape.secrets)) },
      ),
    );
    const set = new Set(
      services
        .filter(({ image }) => "build" in image && image.build === "assistant")
        .flatMap(({ environment }) => environment.map((line) => line.split("=", 1)[0]!)),
    );
    const said = Object.entries(variables)
      .filter(([, { by }]) => by !== undefined && !by.startsWith("the image"))
      .map(([name]) => name);
    assert.deepEqual([...set].sort(), said.sort());
  });
});
