/** Secrets by which a leak would show: each begins with the same mark, which is looked for in every encoding. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";

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
  /** @throws {Error} where there is one. */
  clean(where: string, data: string | Buffer): void {
    assert.deepEqual(this.found(where, data), []);
  }
  /** Searches what a command writes, without keeping it. */
  async foundInStream(where: string, file: string, args: readonly string[]): Promise<string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<string[]>();
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
    const hits = new Set<string>();
    let [bytes, rest] = [0, Buffer.alloc(0)];
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      const data = Buffer.concat([rest, chunk]);
      for (const hit of this.found(where, data)) hits.add(hit);
      rest = data.subarray(Math.max(0, data.length - 512));
    });
    child.once("error", reject).once("close", (code) => {
      if (code === 0 && bytes > 0) resolve([...hits]);
      else reject(new Error(`${file} ${args.join(" ")}: ${code}, ${bytes} bytes`));
    });
    return promise;
  }
}
