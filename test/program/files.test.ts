/** Configuration and secrets of the services, which travel on volumes (docs/decisions/0002-files-on-volumes.md). */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { planOf } from "../../bin/stack.ts";
import { FILES, filesOf } from "../../plan/files.ts";
import {
  CONTAINER,
  find,
  labelsOf,
  ofType,
  type Recorded,
  reveal,
  running,
  runProgram,
  type Run,
  VOLUME,
} from "./support.ts";

const SMS = {
  "berth:twilioAuthToken": "0123456789abcdef0123456789abcdef",
  "berth:twilioUserNumbers": '{"+15551234567":"ann@example.org"}',
};

describe("the program's files", function () {
  this.timeout(60_000);

  for (const stack of ["dev", "stage", "prod"])
    it(`in ${stack} are read-only at one folder of their own, each service's on its own volume, or on that of the one whose it shares`, async () => {
      const run = await runProgram({ stack });
      const { services } = planOf(stack);
      for (const { name, inputs } of running(run)) {
        const mounts = reveal(inputs["volumes"]) as { volumeName?: string; containerPath: string; readOnly: boolean }[];
        const files = mounts.filter(({ volumeName }) => /-files-[0-9a-f]{7}$/.test(volumeName ?? ""));
        const own = services.find((service) => name.replace(/-\d$/, "") === `assistant-${stack}-${service.name}`)!;
        assert.deepEqual(
          files.map(({ volumeName, containerPath, readOnly }) => [volumeName, containerPath, readOnly]),
          (own.sharesFilesOf ?? Object.keys(filesOf(own)).length)
            ? [[`assistant-${stack}-${own.sharesFilesOf ?? own.name}-files-0000000`, FILES, true]]
            : [],
        );
        for (const { containerPath } of mounts.filter((mount) => !files.includes(mount)))
          assert.ok(!`${containerPath}/`.startsWith(`${FILES}/`), `${name} has ${containerPath}`);
      }
      for (const { name, inputs } of ofType(run, CONTAINER).filter((one) => one.inputs["start"] === false)) {
        for (const { file } of reveal(inputs["uploads"]) as { file: string }[])
          assert.match(file, /^\/etc\/berth\//, name);
        assert.deepEqual(
          (reveal(inputs["volumes"]) as { containerPath: string }[]).map((one) => one.containerPath),
          [FILES],
        );
      }
    });

  it("PA-40: names files by a version that changes with them alone, and that is a hash under a key", async () => {
    const versions = (run: Run): Record<string, string> =>
      Object.fromEntries(
        ofType(run, VOLUME).flatMap(({ name, inputs }) => {
          const version = labelsOf({ inputs } as Recorded)["berth.version"];
          return version === undefined ? [] : [[name, version]];
        }),
      );
    const run = await runProgram({ stack: "dev" });
    const before = versions(run);
    for (const version of Object.values(before)) assert.match(version, /^[0-9a-f]{8}$/);
    assert.equal(new Set(Object.values(before)).size, Object.keys(before).length);
    const after = versions(
      await runProgram({ stack: "dev", config: { "berth:secretVersions": { jwtSigningKey: 2 } } }),
    );
    const changed = Object.keys(before).filter((name) => before[name] !== after[name]);
    assert.deepEqual(changed, ["assistant-dev-api-files"]);
    // Whoever sees one and guesses the content has nothing to try it with: the key is in no other place.
    const { inputs } = find(run, CONTAINER, "assistant-dev-api-files-seed");
    const uploads = reveal(inputs["uploads"]) as { file: string; content: string }[];
    const files = Object.fromEntries(uploads.map(({ file, content }) => [file.slice(FILES.length + 1), content]));
    const keyed = createHmac("sha256", "password-of-assistant-dev-version-key");
    const hash = keyed.update(`files of api\0${JSON.stringify(files)}`).digest("hex");
    assert.equal(before["assistant-dev-api-files"], hash.slice(0, 8));
  });

  it("the role in the database has the password's version for a name", async () => {
    const of = async (secretVersions: object): Promise<string> => {
      const run = await runProgram({ stack: "dev", config: { "berth:secretVersions": secretVersions } });
      const uploads = reveal(find(run, CONTAINER, "assistant-dev-postgres-roles-files-seed").inputs["uploads"]);
      return (uploads as { file: string; content: string }[]).find(({ file }) => file.endsWith("/postgres-role"))!
        .content;
    };
    const one = await of({});
    assert.match(one, /^app_[0-9a-f]{8}$/);
    assert.equal(await of({ redisPassword: 2 }), one);
    assert.notEqual(await of({ postgresPassword: 2 }), one);
  });

  it("PA-11: hands the api every key that second factors were ever encrypted with, the newest first", async () => {
    const run = await runProgram({ stack: "stage", config: { "berth:secretVersions": { mfaEncryptionKey: 3 } } });
    const { inputs } = find(run, CONTAINER, "assistant-stage-api-files-seed");
    const files = reveal(inputs["uploads"]) as { file: string; content: string }[];
    const keys = [3, 2, 1].map((n) => `password-of-assistant-stage-mfaEncryptionKey-v${n}\n`);
    assert.equal(files.find(({ file }) => file === "/etc/berth/secrets/mfa-keys")!.content, `${keys.join("")}`);
  });

  it("gives optional credentials to the services that use them, and to no other", async () => {
    const without = await runProgram({ stack: "dev" });
    const withSms = await runProgram({ stack: "dev", secrets: SMS });
    const readers = (run: Run) =>
      ofType(run, CONTAINER)
        .filter(({ inputs }) =>
          JSON.stringify(reveal(inputs["uploads"]) ?? "").includes("0123456789abcdef0123456789abcdef"),
        )
        .map(({ name }) => name);
    assert.deepEqual(readers(without), []);
    assert.deepEqual(readers(withSms), ["assistant-dev-sms-router-files-seed"]);
  });
});
