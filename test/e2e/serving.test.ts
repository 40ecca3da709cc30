/**
 * One stack of the assistant, born with everything, goes through all that a serving system goes through: what a promise
 * is, its file says (test/promises), and how the assistant looks, its driver (test/systems/assistant). The order
 * counts: each chapter leaves a healthy stack, and the last one searches everything that happened.
 */
import { backups } from "../promises/backups.ts";
import { clients } from "../promises/clients.ts";
import { failsClosed } from "../promises/fail-closed.ts";
import { faults } from "../promises/faults.ts";
import { healing } from "../promises/healing.ts";
import { monitoring } from "../promises/monitoring.ts";
import { overload } from "../promises/overload.ts";
import { releases } from "../promises/releases.ts";
import { rotation } from "../promises/rotation.ts";
import { secrets } from "../promises/secrets.ts";
import { settled } from "../promises/settled.ts";
import { addBilling } from "../billing.ts";
import { chapters } from "../stack/chapters.ts";
import { World } from "../stack/world.ts";
import { application } from "../systems/assistant/application.ts";
import { assistant } from "../systems/assistant/driver.ts";

describe("serving", function () {
  this.timeout(1_200_000);
  const world = new World(assistant, "e2e-serving", 20_000);
  // The proof that an entry and a folder are all that a service needs: billing lives through all of this.
  before(() => world.open(addBilling));
  after(() => world.close());

  chapters({
    application: () => application(world),
    monitoring: () => monitoring(world),
    releases: () => releases(world),
    rotation: () => rotation(world),
    "fail-closed": () => failsClosed(world),
    healing: () => healing(world),
    clients: () => clients(world),
    overload: () => overload(world),
    faults: () => faults(world),
    backups: () => backups(world),
    secrets: () => secrets(world),
  });
  settled(world);
});
