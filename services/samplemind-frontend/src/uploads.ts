/** Files on their way to the library. */
import type { ApiError } from "./api.ts";
import { size } from "./format.ts";

export interface Upload {
  /** Also the idempotency key: the same however often it is sent. */
  readonly id: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly state: "queued" | "sending" | "stored" | "failed" | "cancelled";
  /** Bytes that have left. */
  readonly sent: number;
  /** Why it failed. */
  readonly error?: string;
  /** Whether the same file may do better another time. */
  readonly retry?: boolean;
}

export type UploadAction =
  | { readonly type: "added"; readonly files: readonly Pick<Upload, "id" | "name" | "size">[]; readonly limit: Limit }
  | { readonly type: "started" | "stored" | "cancelled" | "again"; readonly id: string }
  | { readonly type: "progress"; readonly id: string; readonly sent: number }
  | { readonly type: "failed"; readonly id: string; readonly error: ApiError; readonly limit: Limit }
  | { readonly type: "cleared" };

/** Megabytes that the backend takes; undefined: it has not said so yet. */
type Limit = number | undefined;

/** So many are sent at a time. */
const AT_A_TIME = 2;

export function uploads(all: readonly Upload[], action: UploadAction): readonly Upload[] {
  const change = (id: string, to: Partial<Upload>): readonly Upload[] =>
    all.map((upload) => (upload.id === id ? { ...upload, ...to } : upload));
  switch (action.type) {
    case "added":
      return [...all, ...action.files.map((file) => admitted(file, action.limit))];
    case "started":
      return change(action.id, { state: "sending", sent: 0 });
    case "progress":
      return change(action.id, { sent: action.sent });
    case "stored":
      return change(action.id, { state: "stored" });
    case "cancelled":
      return change(action.id, { state: "cancelled" });
    case "again":
      return change(action.id, { state: "queued", sent: 0 });
    case "failed":
      return change(action.id, {
        state: "failed",
        error: explain(action.error, action.limit),
        retry: [0, 408, 429].includes(action.error.status) || action.error.status >= 500,
      });
    case "cleared":
      return all.filter(isGoing);
  }
}

export const isGoing = ({ state }: Upload): boolean => state === "queued" || state === "sending";

/** Those that may start now. */
export const startable = (all: readonly Upload[]): readonly Upload[] =>
  all
    .filter(({ state }) => state === "queued")
    .slice(0, Math.max(0, AT_A_TIME - all.filter(({ state }) => state === "sending").length));

/** What the backend would refuse is not sent: a refusal amid a body reaches a browser as a broken connection. */
function admitted(file: Pick<Upload, "id" | "name" | "size">, limit: Limit): Upload {
  const error =
    file.size === 0
      ? "The file is empty."
      : limit !== undefined && file.size > limit * 1_000_000
        ? `The file has ${size(file.size)}. At most ${limit} MB are taken.`
        : undefined;
  return {
    ...file,
    sent: 0,
    ...(error === undefined ? { state: "queued" } : { state: "failed", error, retry: false }),
  };
}

/** What became of a file, for who sent it. */
export function explain(error: ApiError, limit: Limit): string {
  const later = error.retryAfter === undefined ? "later" : `in ${error.retryAfter} s`;
  switch (error.status) {
    case 413:
      return limit === undefined ? "The file is too large." : `The file is too large: at most ${limit} MB are taken.`;
    case 415:
      return "This is no WAV, FLAC or MP3 file, whatever its name says.";
    case 422:
      return error.code === "empty"
        ? "The file is empty."
        : error.code === "bad_name"
          ? "The file's name cannot be taken: rename the file."
          : error.message;
    case 503:
      return `The server is busy or being updated. Try again ${later}.`;
    case 507:
      return "The server has no space left for this file. Try again after samples were deleted.";
    default:
      return error.message;
  }
}

/** @param bytes 16 random ones. crypto.randomUUID exists on HTTPS only, and a stack may run without. */
export function uuid(bytes: Uint8Array): string {
  const hex = [...bytes]
    .map((byte, index) => (index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte))
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
