/** What stands in a tar archive of the engine's. Pure. */
import { createHash } from "node:crypto";

export interface FileFound {
  readonly path: string;
  readonly sha256: string;
  readonly mode: string;
  readonly owner: string;
}

export const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

/**
 * What a tar archive has in a folder, but for folders. Names there are short: no extension of the format is needed.
 *
 * @param within The folder's name in the archive. @param folder What the paths begin with instead.
 */
export function filesOfTar(tar: Buffer, within: string, folder: string): FileFound[] {
  const files: FileFound[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const text = (from: number, length: number) =>
      tar
        .toString("utf8", at + from, at + from + length)
        .replace(/\0.*$/s, "")
        .trim();
    const number = (from: number, length: number) => Number.parseInt(text(from, length), 8);
    const size = number(124, 12);
    const kind = text(156, 1);
    const name = text(0, 100);
    if (!["5", "x", "g"].includes(kind) && name.startsWith(`${within}/`))
      files.push({
        path: folder + name.slice(within.length),
        sha256: sha256(kind === "2" ? text(157, 100) : tar.subarray(at + 512, at + 512 + size)),
        mode: `0${(number(100, 8) & 0o7777).toString(8)}`,
        owner: `${number(108, 8)}:${number(116, 8)}`,
      });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
