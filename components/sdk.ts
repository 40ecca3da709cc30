/**
 * The SDK, with what it lacks a setting for. Imported by index.ts before anything else, for that alone.
 *
 * Two things that it loads at every start are left out, npm and the TypeScript compiler: they are for functions that
 * become resources, and there are none here. Its debug messages are dropped, because they hold resolved secrets, and
 * `pulumi up --json` or `--debug` prints them.
 */
import { createRequire, Module } from "node:module";

const require = createRequire(import.meta.url);
const sdk = createRequire(require.resolve("@pulumi/pulumi"));
for (const unused of ["@npmcli/arborist", "typescript"]) {
  const path = sdk.resolve(unused);
  require.cache[path] ??= Object.assign(new Module(path), { loaded: true });
}
const pulumi = require("@pulumi/pulumi") as typeof import("@pulumi/pulumi");

(pulumi.log as { debug: unknown }).debug = () => Promise.resolve();
