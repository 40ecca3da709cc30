import assert from "node:assert/strict";
import { readable } from "../../../bin/release-file.ts";
import { systems } from "../../../systems/index.ts";

const secure = (text: string): object => ({ secure: text });
const THEN = {
  encryptionsalt: "v1:then",
  config: {
    "berth:environment": "prod",
    "berth:replicas": 3,
    "berth:llmApiKey": secure("then"),
    "berth:alertMail": secure("then"),
  },
};
const LEAVES = systems.assistant.shape.secrets;
const NOW = {
  encryptionsalt: "v1:now",
  config: { "berth:environment": "prod", "berth:llmApiKey": secure("now"), "berth:tlsKey": secure("now") },
};

describe("the stack file of a release that comes back", () => {
  it("is the release's own, secrets included, as long as they can be read", () => {
    const today = { ...NOW, encryptionsalt: "v1:then" };
    assert.deepEqual(readable(THEN, today, LEAVES), { file: THEN, replaced: [], lost: [], kept: [] });
  });
  it("after a change of the secrets provider has today's secrets, and no key that the release does not know", () => {
    assert.deepEqual(readable(THEN, NOW, LEAVES), {
      file: {
        encryptionsalt: "v1:now",
        config: { "berth:environment": "prod", "berth:replicas": 3, "berth:llmApiKey": secure("now") },
      },
      replaced: ["berth:llmApiKey"],
      lost: ["berth:alertMail"],
      kept: [],
    });
  });
  it("after a move from a passphrase to a key in a cloud names that key alone", () => {
    const today = { config: {}, secretsprovider: "awskms://alias/berth", encryptedkey: "AQ==" };
    const { file } = readable(THEN, today, LEAVES);
    assert.deepEqual(Object.keys(file).sort(), ["config", "encryptedkey", "secretsprovider"]);
  });
  it("keeps the keys of today that open data: data is not taken back with a release", () => {
    const rotated = {
      "berth:secretVersions": { mfaEncryptionKey: 2, postgresPassword: 5 },
      "berth:backupKey": secure("now"),
      "berth:backupPreviousKey": secure("then"),
    };
    const then = { ...THEN, config: { ...THEN.config, "berth:backupKey": secure("then") } };
    const today = { encryptionsalt: "v1:then", config: { ...then.config, ...rotated } };
    const { file, kept } = readable(then, today, LEAVES);
    assert.deepEqual(file.config, {
      ...then.config,
      "berth:backupKey": secure("now"),
      "berth:backupPreviousKey": secure("then"),
      // The log-in of the applications is the release's own.
      "berth:secretVersions": { mfaEncryptionKey: 2 },
    });
    assert.deepEqual([...kept].sort(), [
      "berth:backupKey",
      "berth:backupPreviousKey",
      "berth:secretVersions.mfaEncryptionKey",
    ]);
  });
});
