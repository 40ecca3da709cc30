import assert from "node:assert/strict";
import { foreignProblems, sharedProblems } from "../../../config/foreign.ts";

describe("config/foreign", () => {
  it("refuses a namespace that is nearly ours, and a key that the docker provider does not have", () =>
    assert.deepEqual(
      foreignProblems(["berht:ports", "Berth:logLevel", "doker:host", "docker:hosts"], "dev").map(
        ({ key, got, fix }) => `${key}: ${got} | ${fix}`,
      ),
      [
        "berht:ports: nothing reads it; did you mean berth:ports? | pulumi config rm berht:ports --stack dev",
        "Berth:logLevel: nothing reads it; did you mean berth:logLevel? | pulumi config rm Berth:logLevel --stack dev",
        "doker:host: nothing reads it; did you mean docker:host? | pulumi config rm doker:host --stack dev",
        "docker:hosts: no such key; did you mean host? | pulumi config rm docker:hosts --stack dev",
      ],
    ));
  it("refuses what the docker provider alone knows of the way to an engine, with what the docker client knows too", () => {
    const keys = ["context", "certPath", "caMaterial", "certMaterial", "keyMaterial", "sshOpts"];
    const problems = foreignProblems(
      keys.map((key) => `docker:${key}`),
      "dev",
    );
    assert.deepEqual(
      problems.map(({ fix }) => fix),
      keys.map((key) => `pulumi config rm docker:${key} --stack dev`),
    );
    for (const { allowed } of problems) assert.match(allowed, /docker:host|DOCKER_CERT_PATH/);
  });
  it("refuses what is set for all stacks, which no script reads, but for other programs' keys", () =>
    assert.deepEqual(
      sharedProblems(["berth:replicas", "aws:region", "docker:host"], "dev").map(({ key }) => key),
      ["berth:replicas", "docker:host"],
    ));
  it("leaves alone what is ours, Pulumi's and other programs'", () =>
    assert.deepEqual(
      foreignProblems(["berth:ports", "docker:registryAuth", "pulumi:tags", "aws:region", "random:version"], "dev"),
      [],
    ));
});
