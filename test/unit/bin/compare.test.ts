import assert from "node:assert/strict";
import { announced, differences, type ContainerFound, type Engine, type Resource } from "../../../bin/compare.ts";

const URN = "urn:pulumi:dev::berth::berth:platform:Platform$docker:index/container:Container::api-1";
const DIGEST = `registry.example.org/team/assistant-assistant@sha256:${"1".repeat(64)}`;

describe("bin/compare", () => {
  it("tells what a preview announces, but for what is explained already", () => {
    const steps = [
      { op: "replace", urn: URN, replaceReasons: ["image"], diffReasons: ["image", "envs"] },
      { op: "update", urn: URN.replace("api-1", "api-2"), diffReasons: ["memory"] },
      { op: "delete", urn: URN.replace("api-1", "old") },
      { op: "same", urn: URN.replace("api-1", "still") },
      { op: "delete-replaced", urn: URN },
    ];
    const explained = [
      { object: "container api-2", what: "memory limit in MiB is 1", up: "sets it back", urn: steps[1]!.urn },
    ];
    assert.deepEqual(
      announced(steps, explained).map(({ object, what, up }) => [object, what, up]),
      [
        ["container api-1", "differs from the program: image", "replaces it"],
        ["container old", "differs from the program", "deletes it"],
      ],
    );
  });

  it("looks for no tag where the image is a digest", () => {
    const inputs = { name: "api-1", image: DIGEST };
    const resource: Resource = { urn: URN, type: "docker:index/container:Container", id: "1", inputs };
    const container: ContainerFound = {
      Id: "1",
      Name: "/api-1",
      Image: "sha256:any",
      State: { Status: "running", ExitCode: 0 },
      HostConfig: { RestartPolicy: { Name: "no" } },
      NetworkSettings: { Networks: { bridge: { Aliases: [] } } },
    };
    const engine: Engine = { containers: [container], networks: [], volumes: [], images: new Map(), files: new Map() };
    assert.deepEqual(differences({ resources: [resource] }, engine), []);
    const tagged = differences({ resources: [{ ...resource, inputs: { ...inputs, image: "redis:8.0" } }] }, engine);
    assert.match(tagged[0]!.what, /nothing is called redis:8\.0 any more/);
  });
});
