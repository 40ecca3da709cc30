/**
 * One stack of the third system, born with everything, goes through what depends on the system: what a promise is, its
 * file says (test/promises), and how Kailash looks, its driver (test/systems/kailash). What no system differs in is
 * proven with the first one (test/e2e). The order counts: each chapter leaves a healthy stack, and the last one
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
import { steady } from "../promises/steady.ts";
import { chapters } from "../stack/chapters.ts";
import { duringTests } from "../stack/during-tests.ts";
import { World } from "../stack/world.ts";
import { application } from "../systems/kailash/application.ts";
import { kailash } from "../systems/kailash/driver.ts";

describe("kailash", function () {
  this.timeout(900_000);
  const world = new World(kailash, "e2e-kailash", 13_000);
  duringTests(world, ["kailash"]);

  chapters({
    application: () => application(world),
    monitoring: () => monitoring(world),
    releases: () => {
      // The good release after the one that fails needs nothing but itself: it is the one that changes everything.
      failsClosed(world, false);
      releases(world, newSecrets(world));
    },
    healing: () => healing(world),
    steady: () => steady(world, "KD-31"),
    drift: () => drift(world.stack),
    backups: () => backups(world),
    secrets: () => secrets(world),
  });
  settled(world);
});
