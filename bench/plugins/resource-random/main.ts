/** A stand-in for Pulumi's random provider, for networks where the official one cannot be had (bench only). */
import { serveProvider } from "../shared/provider.ts";
import { resources } from "./resources.ts";

serveProvider({ name: "random", version: "4.21.2", resources, configure: () => Promise.resolve() });
