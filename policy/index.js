// JavaScript, because the SDK puts a TypeScript compiler of its own (ts-node 7) in front of an entry that ends with .ts.
// What this imports, Node reads as it is.
import { flushCompileCache } from "node:module";
import "../components/sdk.ts";
import "./pack.ts";

// Pulumi ends a pack by a signal, before Node has kept what it compiled: that compiler most of all. Without
// NODE_COMPILE_CACHE it is nothing.
flushCompileCache();
