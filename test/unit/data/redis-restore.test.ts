/** What data/redis/restore.sh sends to Redis, without a Redis: its client is replaced by cat. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPT = readFileSync(join(import.meta.dirname, "../../../data/redis/restore.sh"), "utf8");
const COMMANDS = "*1\r\n$4\r\nPING\r\n";

describe("data/redis/restore.sh", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-redis-restore-"));
  after(() => rmSync(folder, { recursive: true }));
  /** The words of a command in Redis's protocol, each with its length in bytes, and what follows. */
  function words(sent: Buffer): { readonly words: string[]; readonly rest: string } {
    let at = 0;
    const line = (): string => {
      const end = sent.indexOf("\r\n", at);
      const text = sent.subarray(at, end).toString();
      at = end + 2;
      return text;
    };
    const count = Number(line().slice(1));
    const found = Array.from({ length: count }, () => {
      const length = Number(line().slice(1));
      const word = sent.subarray(at, at + length).toString();
      assert.equal(sent.subarray(at + length, at + length + 2).toString(), "\r\n");
      at += length + 2;
      return word;
    });
    return { words: found, rest: sent.subarray(at).toString() };
  }

  for (const password of ["0123456789abcdef", `it's "mine" \\ $HOME %d`, "пароль 密码"])
    it(`logs in with the password ${password}, then sends what it is given`, () => {
      const [script, secret] = [join(folder, "restore.sh"), join(folder, "password")];
      writeFileSync(secret, password);
      const changed = SCRIPT.replace(/^( *password=).*$/m, `$1${secret}`).replace(
        "redis-cli -h redis --pipe >&2",
        "cat",
      );
      assert.notEqual(changed, SCRIPT);
      writeFileSync(script, changed);
      const sent = execFileSync("sh", [script, "load"], { input: COMMANDS });
      assert.deepEqual(words(sent), { words: ["AUTH", "admin", password], rest: COMMANDS });
    });
});
