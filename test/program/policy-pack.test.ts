/** The pack as Pulumi starts it, with the SDK's own runner: that it loads, and what it hands back to the engine. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import analyzergrpc from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import analyzerpb from "@pulumi/pulumi/proto/analyzer_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import type { AnalyzeResponse, AnalyzerInfo } from "@pulumi/pulumi/proto/analyzer_pb.js";
import type { Resource } from "../../policy/rule.ts";
import { rules } from "../../policy/rules/index.ts";
import { container, labels, volume } from "../unit/policy/support.ts";

const PACK = join(import.meta.dirname, "../../policy");
/** What the engine writes for a text that is not known before the update. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

describe("the policy pack, started by Pulumi's runner", function () {
  this.timeout(60_000);
  let pack: ChildProcess;
  let client: InstanceType<typeof analyzergrpc.AnalyzerClient>;

  before(async () => {
    const runner = createRequire(import.meta.url).resolve("@pulumi/pulumi/cmd/run-policy-pack");
    const started = spawn(process.execPath, [runner, "127.0.0.1:1", PACK], {
      cwd: PACK,
      stdio: ["ignore", "pipe", "inherit"],
    });
    pack = started;
    const [port] = (await Promise.race([
      once(started.stdout, "data"),
      once(started, "exit").then(() => {
        throw new Error("the pack ended");
      }),
    ])) as [Buffer];
    client = new analyzergrpc.AnalyzerClient(`127.0.0.1:${port.toString().trim()}`, grpc.credentials.createInsecure());
  });
  after(() => {
    client?.close();
    pack?.kill();
  });

  const analyze = async ({ type, urn, props, protect, ignoreChanges }: Resource): Promise<AnalyzeResponse> => {
    const request = new analyzerpb.AnalyzeRequest()
      .setType(type)
      .setUrn(urn)
      .setName("one")
      .setProperties(structpb.Struct.fromJavaScript(JSON.parse(JSON.stringify(props)) as never))
      .setOptions(
        new analyzerpb.AnalyzerResourceOptions().setProtect(protect).setIgnorechangesList([...ignoreChanges]),
      );
    return new Promise((resolve, reject) => {
      client.analyze(request, (error, response) => {
        if (error) reject(error);
        else resolve(response);
      });
    });
  };
  const found = (response: AnalyzeResponse) => response.getDiagnosticsList().map((one) => one.getPolicyname());

  it("offers every rule, all of them mandatory", async () => {
    const info = await new Promise<AnalyzerInfo>((resolve, reject) => {
      client.getAnalyzerInfo(new emptypb.Empty(), (error, response) => {
        if (error) reject(error);
        else resolve(response);
      });
    });
    assert.deepEqual(
      info.getPoliciesList().map((policy) => policy.getName()),
      rules.map(({ name }) => name),
    );
    for (const policy of info.getPoliciesList())
      assert.equal(policy.getEnforcementlevel(), analyzerpb.EnforcementLevel.MANDATORY);
  });
  it("passes a good container", async () => assert.deepEqual(found(await analyze(container())), []));
  it("hands back what is wrong, with the text", async () => {
    const response = await analyze(container({ user: "0:0", privileged: true }));
    assert.deepEqual(found(response), ["non-root", "privileged"]);
    assert.match(response.getDiagnosticsList()[0]!.getMessage(), /user is "0:0"\n {2}allowed: .*\n {2}fix: /);
    assert.equal(response.getDiagnosticsList()[0]!.getEnforcementlevel(), analyzerpb.EnforcementLevel.MANDATORY);
  });
  it("sees whether data is protected", async () => {
    const data = { labels: labels({ "berth.environment": "prod", "berth.keep": "data" }) };
    assert.deepEqual(found(await analyze(volume(data, true))), []);
    assert.deepEqual(found(await analyze(volume(data, false))), ["protected-data"]);
  });
  it("sees that the labels of a volume are left alone", async () => {
    assert.deepEqual(found(await analyze(volume({ labels: [] }, true, ["labels"]))), []);
    assert.deepEqual(new Set(found(await analyze(volume({ labels: [] }, true)))), new Set(["labels"]));
  });
  it("passes over what is not known yet, and nothing else", async () => {
    const response = await analyze(container({ image: UNKNOWN, user: "0:0" }));
    assert.deepEqual(found(response), ["non-root"]);
    assert.ok(response.getNotApplicableList().some((one) => one.getPolicyName() === "pinned-image"));
  });
});
