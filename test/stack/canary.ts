/** Secrets by which a leak would show: each begins with the same mark, which is looked for in every encoding. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";

/**
 * The part of a base64 text that does not depend on what stands around it, for each place in a group of three bytes.
 */
const shifted = (value: string): string[] =>
  [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)])
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(Math.ceil((shift * 4) / 3), -1);
  });
function encodings(value: string): Map<string, string> {
  const hex = Buffer.from(value).toString("hex");
  return new Map([
    ["raw", value],
    ["URL-encoded", encodeURIComponent(value)],
    ["JSON-escaped", value.replaceAll("/", "\\/")],
    ["hex", hex],
    ["HEX", hex.toUpperCase()],
    ...shifted(value).flatMap((text, n): [string, string][] => [
      [`base64 at ${n}`, text],
      [`base64url at ${n}`, text.replaceAll("+", "-").replaceAll("/", "_")],
    ]),
  ]);
}

export class Canary {
  /** Begins every canary. It has characters that change when encoded for a URL. */
  readonly mark = `birdie/${randomBytes(9).toString("hex")}+=`;
  readonly #needles = new Map<string, string>();
  constructor() {
    this.watch("canary", this.mark);
  }

  /** A value of a secret, another one each time. */
  value(secret: string): string {
    return `${this.mark}${secret}${randomBytes(12).toString("hex")}`;
  }
  /** Looks for this as well: what cannot begin with the mark. */
  watch(what: string, value: string): void {
    for (const [how, text] of encodings(value)) this.#needles.set(`${what}, ${how}`, text);
  }

  found(where: string, data: string | Buffer): string[] {
    return [...this.#needles].filter(([, text]) => data.includes(text)).map(([what]) => `${where}: ${what}`);
  }
  /** @throws {Error} where there is one, with what stands around the first. */
  clean(where: string, data: string): void {
    const hits = this.found(where, data);
    const at = Math.min(...[...this.#needles.values()].map((text) => data.indexOf(text)).filter((place) => place >= 0));
    assert.deepEqual(
      hits,
      [],
      hits.length ? `${hits.join(", ")}: … ${data.slice(Math.max(0, at - 300), at + 200)} …` : "",
    );
  }
  /** Searches what a command writes, without keeping it, by grep: it takes a tenth of the time. */
  async foundInStream(where: string, file: string, args: readonly string[]): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "berth-canary-"));
    try {
      const needles = join(folder, "needles");
      writeFileSync(needles, [...this.#needles.values()].join("\n"), { mode: 0o600 });
      const search = [
        "--text",
        "--null-data",
        "--no-filename",
        "--only-matching",
        "--fixed-strings",
        "--file",
        needles,
      ];
      const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
      const grep = spawn("grep", search, { env: { ...process.env, LC_ALL: "C" }, stdio: ["pipe", "pipe", "inherit"] });
      let bytes = 0;
      child.stdout.on("data", (chunk: Buffer) => (bytes += chunk.length));
      const [found, [code]] = await Promise.all([
        buffer(grep.stdout),
        once(child, "close") as Promise<[number]>,
        pipeline(child.stdout, grep.stdin),
      ]);
      if (code !== 0 || bytes === 0) throw new Error(`${file} ${args.join(" ")}: ${code}, ${bytes} bytes`);
      return this.found(where, found);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}
