/**
 * The JSON side of Pulumi's property protocol: conversions between protobuf structs and plain values, and the two
 * marks that travel inside them (a value not known yet, a value that is secret).
 */
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Props = { [key: string]: Json };

/**
 * How the engine writes "not known until the update runs". The other three kinds
 * (bool, number, …) are never sent to providers.
 */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The key that marks a wrapped value, and the value it has for a secret. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** Marks an output as secret: the engine then encrypts it in the state and masks it on the screen. */
export const secret = (value: Json): Json => ({ [SIGNATURE]: SECRET, value });

export const isObject = (value: Json | undefined): value is Props =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Takes the secret marks off, at any depth: the docker engine must get the value itself. */
export function reveal(value: Json): Json {
  if (Array.isArray(value)) return value.map(reveal);
  if (!isObject(value)) return value;
  if (value[SIGNATURE] === SECRET) return reveal(value["value"] ?? null);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

/** A value as text; an object, which should not be there, as JSON. */
export const str = (value: unknown): string =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

export function hasUnknown(value: Json | undefined): boolean {
  if (value === UNKNOWN) return true;
  if (Array.isArray(value)) return value.some(hasUnknown);
  return isObject(value) && Object.values(value).some(hasUnknown);
}

/**
 * Reads a struct; an absent one is an empty bag. Secret marks are taken off
 * (see `serveProvider` on who puts them back).
 */
export function fromStruct(struct: Struct | undefined): Props {
  return struct === undefined ? {} : (reveal(struct.toJavaScript()) as Props);
}

/** Writes a struct. Undefined values are left out, because protobuf has no word for them. */
export function toStruct(props: { readonly [key: string]: Json | undefined }): Struct {
  return structpb.Struct.fromJavaScript(JSON.parse(JSON.stringify(props)) as Record<string, never>);
}
