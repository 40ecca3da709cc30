/** berth: settings → system → plan → platform → outputs. */
import "./components/sdk.ts";
import { announce, load, refusing } from "./config/load.ts";
import { contextProblems } from "./components/build-contexts.ts";
import { imageSources } from "./components/image-sources.ts";
import { Platform } from "./components/platform.ts";
import { sourceProblems } from "./components/source-mounts.ts";
import { addressOf } from "./config/engine.ts";
import { ProblemsError } from "./config/problems.ts";
import { prefix } from "./plan/names.ts";
import { makePlan } from "./plan/plan.ts";
import { systems } from "./systems/index.ts";

const { system, stack, settings, secrets, address, ...given } = await load(systems);
const plan = await refusing(() =>
  makePlan(system.catalogue, { stack, settings, ...given, configured: new Set(secrets.keys()) }),
);
await announce(stack, plan.notices);
const unusable = [...sourceProblems(plan, addressOf(address)), ...contextProblems(plan)];
await refusing(() => {
  if (unusable.length) throw new ProblemsError(stack, unusable);
});
const sources = await refusing(() => imageSources(plan));
const platform = new Platform(prefix(plan.system, stack), {
  plan,
  sources,
  secrets,
  secretVersions: settings.secretVersions,
  engine: address,
});

/** Where users of the system go. */
export const edgeUrl = plan.publicUrl;
/** Every published endpoint and public route: name → URL. */
export const urls = plan.urls;
/** Service → names of its containers. */
export const containers = platform.containers;
/** Service → digest or local id of its image. */
export const images = platform.images;
/** Version of the database's schema, as the database says. */
export const schemaVersion = platform.schemaVersion;
/** What a person logs in with, by service; secret. */
export const credentials = platform.credentials;
/** Services of the catalogue that do not run here. */
const { off: switchedOff } = plan;
export { switchedOff };
