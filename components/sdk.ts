/**
 * The SDK, with what it lacks a setting for. Imported before anything else by index.ts and
 * policy/index.js, for that alone.
 *
 * It is loaded without npm and the TypeScript compiler, most of its start, which it has for functions that become
 * resources: there are none here. Its debug messages are dropped: they hold resolved secrets, and `pulumi up --json`
 * or `--debug` prints them.
 */
import { createRequire, Module } from "node:module";

const require = createRequire(import.meta.url);
const sdk = createRequire(require.resolve("@pulumi/pulumi"));

for (const unused of ["@npmcli/arborist", "typescript"])
  try {
    const path = sdk.resolve(unused);
    // Where it is there already, whoever started this process has a use for it.
    require.cache[path] ??= Object.assign(new Module(path), { loaded: true });
  } catch {
    // It is not installed.
  }

const pulumi = require("@pulumi/pulumi") as typeof import("@pulumi/pulumi");
(pulumi.log as { debug: unknown }).debug = () => Promise.resolve();
