/**
 * One stack of the second system, born with everything, goes through what depends on the system: what a promise is, its
 * file says (test/promises), and how SampleMind looks, its driver (test/systems/samplemind). What no system differs in
 * is proven with the first one (test/e2e). The order counts: each chapter leaves a healthy stack, and the last one
 * searches everything that happened.
 */
import { backups } from "../promises/backups.ts";
import { drift } from "../promises/drift.ts";
import { failsClosed } from "../promises/fail-closed.ts";
import { healing } from "../promises/healing.ts";
import { monitoring } from "../promises/monitoring.ts";
import { releases } from "../promises/releases.ts";
import { newSecrets } from "../promises/rotation.ts";
import { secrets } from "../promises/secrets.ts";
import { settled } from "../promises/settled.ts";
import { chapters } from "../stack/chapters.ts";
import { duringTests } from "../stack/during-tests.ts";
import { World } from "../stack/world.ts";
import { application } from "../systems/samplemind/application.ts";
import { samplemind } from "../systems/samplemind/driver.ts";
import { inBrowser } from "../systems/samplemind/in-browser.ts";

describe("samplemind", function () {
  this.timeout(900_000);
  const world = new World(samplemind, "e2e-samplemind", 14_000);
  duringTests(world, ["samplemind"]);

  chapters({
    application: () => application(world),
    page: () => inBrowser(world),
    monitoring: () => monitoring(world),
    releases: () => {
      // The good release after the one that fails needs nothing but itself: it is the one that changes everything.
      failsClosed(world, false);
      releases(world, newSecrets(world));
    },
    healing: () => healing(world),
    drift: () => drift(world.stack),
    backups: () => backups(world),
    secrets: () => secrets(world),
  });
  settled(world);
});
