// JavaScript, because the SDK puts a TypeScript compiler of its own (ts-node 7) in front of an entry that ends with .ts.
// What this imports, Node reads as it is.
import "./pack.ts";
