/**
 * Drops the SDK's debug messages: they hold resolved secrets, and `pulumi up --json` or `--debug` prints them. The SDK
 * has no setting for it. Imported by index.ts before anything else, for that alone.
 */
import * as pulumi from "@pulumi/pulumi";

(pulumi.log as { debug: unknown }).debug = () => Promise.resolve();
