/**
 * The SDK, with what it lacks a setting for. Imported before anything else by index.ts and policy/index.js, for that
 * alone.
 *
 * It is loaded without npm and the TypeScript compiler, most of its start, which it has for functions that become
 * resources: there are none here. For them its runner also has Node's debugger on, which makes every promise slower:
 * it is ended. No resource is told the lines that declared it, because nothing shows them. Debug messages are dropped:
 * they hold resolved secrets, and `pulumi up --json` or `--debug` prints them.
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

interface Debugger {
  readonly getSessionAsync: () => Promise<{ readonly disconnect: () => void }>;
}
// Only a runner loads it before the SDK: asking would begin a session where there is none.
const debugging = require.cache[sdk.resolve("@pulumi/pulumi/runtime/closure/v8Hooks")]?.exports as Debugger | undefined;
void debugging?.getSessionAsync().then((session) => {
  session.disconnect();
});

const pulumi = require("@pulumi/pulumi") as typeof import("@pulumi/pulumi");
(pulumi.log as { debug: unknown }).debug = () => Promise.resolve();
(pulumi.Resource as unknown as { callsites: unknown }).callsites = () => [];
