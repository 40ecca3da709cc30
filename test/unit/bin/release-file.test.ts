import assert from "node:assert/strict";
import { readable } from "../../../bin/release-file.ts";

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
const NOW = {
  encryptionsalt: "v1:now",
  config: { "berth:environment": "prod", "berth:llmApiKey": secure("now"), "berth:tlsKey": secure("now") },
};

describe("the stack file of a release that comes back", () => {
  it("is the release's own, secrets included, as long as they can be read", () => {
    const today = { ...NOW, encryptionsalt: "v1:then" };
    assert.deepEqual(readable(THEN, today), { file: THEN, replaced: [], lost: [] });
  });
  it("after a change of the secrets provider has today's secrets, and no key that the release does not know", () => {
    assert.deepEqual(readable(THEN, NOW), {
      file: {
        encryptionsalt: "v1:now",
        config: { "berth:environment": "prod", "berth:replicas": 3, "berth:llmApiKey": secure("now") },
      },
      replaced: ["berth:llmApiKey"],
      lost: ["berth:alertMail"],
    });
  });
  it("after a move from a passphrase to a key in a cloud names that key alone", () => {
    const today = { config: {}, secretsprovider: "awskms://alias/berth", encryptedkey: "AQ==" };
    const { file } = readable(THEN, today);
    assert.deepEqual(Object.keys(file).sort(), ["config", "encryptedkey", "secretsprovider"]);
  });
});
