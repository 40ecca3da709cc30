import assert from "node:assert/strict";
import { abandoned, leaving } from "../../../bin/leaving.ts";
import { planner } from "../systems/planned.ts";

const { planned } = planner("samplemind");

/** What a state holds that the CLI refuses to delete. */
const resource = (type: string, name: string, more: object = {}) => ({
  type,
  urn: `urn:pulumi:samplemind-prod::berth::berth:platform:Platform$${type}::samplemind-prod-${name}`,
  protect: true,
  ...more,
});
const VOLUME = "docker:index/volume:Volume";
const PASSWORD = "random:index/randomPassword:RandomPassword";
const STATE = {
  resources: [
    resource(VOLUME, "mongo-data"),
    resource(VOLUME, "samples"),
    resource(VOLUME, "loki-data"),
    resource(VOLUME, "backup-data"),
    resource(VOLUME, "edge-live", { protect: false }),
    resource(VOLUME, "gone", { delete: true }),
    resource(PASSWORD, "mongoAdminPassword-v1"),
    resource(PASSWORD, "backupKey-v1"),
    resource(PASSWORD, "backupKey-v2"),
  ],
};
const names = (more: object, versions: Readonly<Record<string, number>> = { backupKey: 2 }): string[] =>
  leaving(planned("prod", more as Record<string, unknown>), versions, STATE).map(({ key }) =>
    key.replace("samplemind-prod-", ""),
  );

describe("what would leave the state with data, or with what opens it", () => {
  it("is nothing as long as all of it is used", () => assert.deepEqual(names({}), []));
  for (const [what, more, left] of [
    ["lines are kept elsewhere", { "berth:logs": "victorialogs" }, ["loki-data"]],
    ["lines are not kept", { "berth:off": ["loki"] }, ["loki-data"]],
    ["documents are served by another engine", { "berth:mongo": { engine: "ferretdb" } }, ["mongo-data"]],
  ] as const)
    it(`is what held data before ${what}`, () => assert.deepEqual(names(more), left));
  it("is the key of backups too, where there are none any more, and a version that the stack file forgot", () => {
    assert.deepEqual(names({ "berth:backup": undefined }), ["backup-data", "backupKey-v1", "backupKey-v2"]);
    assert.deepEqual(names({}, {}), ["backupKey-v2"]);
  });
  it("is said where nobody protects it, and stays on the engine all the same", () => {
    const volume = resource(VOLUME, "mongo-data", { protect: false, retainOnDelete: true });
    const former = (engine: string) =>
      abandoned(planned("prod", { "berth:mongo": { engine } }), { resources: [volume] });
    assert.deepEqual(former("ferretdb"), ["samplemind-prod-mongo-data"]);
    assert.deepEqual(former("mongodb"), []);
  });
  it("is told with what becomes of it, and the command that lets it go", () => {
    const [volume] = leaving(planned("prod", { "berth:logs": "victorialogs" }), { backupKey: 2 }, STATE);
    assert.match(volume!.allowed, /berth:logs.*stays on the engine/);
    assert.match(
      volume!.fix,
      /^pulumi state unprotect 'urn:.*samplemind-prod-loki-data' --stack samplemind-prod --yes/,
    );
    const [key] = leaving(planned("prod"), {}, STATE);
    assert.match(key!.allowed, /for ever.*copy it first/);
  });
});
