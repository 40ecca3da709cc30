/** Reads files out of an image without running anything of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { Parser, type ReadEntry } from "tar";
import { dockerClient } from "../config/docker-client.ts";

const client = dockerClient(undefined, { timeout: 0 });
export const docker = async (...args: string[]): Promise<string> => (await client(...args)).stdout.trim();

export interface Entry {
  /** Without a leading slash. */
  readonly path: string;
  readonly kind: string;
  readonly mode: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  /** Where a link leads, as it is written; of a hard link, without a leading slash. */
  readonly link?: string;
}

export interface Contents {
  readonly entries: readonly Entry[];
  readonly files: ReadonlyMap<string, string>;
}

/**
 * The whole file system passes by as a stream; only the files that are wanted are kept. It comes from a container that
 * is never started, which shows the image as it would run: files that a later layer deletes are not in it.
 */
export async function contentsOf(image: string, wanted: (path: string) => boolean): Promise<Contents> {
  // An image without a command cannot be made into a container. The label says
  // whose it is, should this process be killed.
  const container = await docker("create", "--label", "berth.scan=true", "--network", "none", image, "nothing");
  try {
    const child = spawn("docker", ["export", container], { stdio: ["ignore", "pipe", "pipe"] });
    const [contents] = await Promise.all([parse(child.stdout, wanted), ended(child, `docker export of ${image}`)]);
    return contents;
  } finally {
    await docker("rm", "--force", container);
  }
}

/** @throws {Error} with what the command said. */
async function ended(child: ChildProcess, what: string): Promise<void> {
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise((resolve, reject) => {
    child.once("close", resolve).once("error", reject);
  });
  if (code !== 0) throw new Error(`${what}: ${said.trim() || `ended with status ${String(code)}`}`);
}

/**
 * Reads an archive. @throws {Error} if it is cut off or broken: half of its files would look like all.
 */
export async function parse(archive: NodeJS.ReadableStream, wanted: (path: string) => boolean): Promise<Contents> {
  const [entries, files] = [[] as Entry[], new Map<string, string>()];
  const { promise, resolve, reject } = Promise.withResolvers<Contents>();
  const parser = new Parser({
    strict: true,
    maxDecompressionRatio: Infinity,
    onReadEntry: (entry: ReadEntry) => {
      const path = clean(entry.path);
      entries.push({
        path,
        kind: entry.type,
        mode: entry.mode ?? 0,
        size: entry.size,
        uid: entry.uid ?? -1,
        gid: entry.gid ?? -1,
        ...(entry.linkpath ? { link: entry.type === "Link" ? clean(entry.linkpath) : entry.linkpath } : {}),
      });
      if (entry.type === "Link" && wanted(path)) {
        const text = files.get(clean(entry.linkpath ?? ""));
        if (text === undefined)
          reject(new Error(`/${path} is a hard link to a file that is not read: /${entry.linkpath}`));
        else files.set(path, text);
      }
      if (entry.type !== "File" || !wanted(path)) {
        entry.resume();
        return;
      }
      const chunks: Buffer[] = [];
      entry
        .on("data", (chunk: Buffer) => chunks.push(chunk))
        .on("end", () => files.set(path, Buffer.concat(chunks).toString("utf8")));
    },
  });
  parser.on("error", reject).on("end", () => resolve({ entries, files }));
  archive.on("error", reject);
  archive.pipe(parser);
  return promise;
}

const clean = (path: string): string => path.replace(/^\.?\/+/, "").replace(/\/$/, "");
