/** A system as whoever works on it has it: what is typed shows at once. */
import { duringTests } from "../stack/during-tests.ts";
import { Stack } from "../stack/stack.ts";
import type { Driver, Session } from "../systems/driver.ts";
import { development as ofKailash } from "../systems/kailash/development.ts";
import { kailash } from "../systems/kailash/driver.ts";
import { development as ofSamplemind } from "../systems/samplemind/development.ts";
import { samplemind } from "../systems/samplemind/driver.ts";

inDevelopment(samplemind, ofSamplemind);
inDevelopment(kailash, ofKailash);

function inDevelopment<S extends Session>(driver: Driver<S>, tests: (stack: Stack<S>) => void): void {
  describe(`development: ${driver.system}`, function () {
    this.timeout(900_000);
    const stack = new Stack(driver, {
      stack: "e2e-development",
      from: `${driver.system}-dev`,
      portOffset: 15_000,
      config: {
        "berth:imageTarget": "development",
        "berth:sourceMounts": true,
        "berth:debug": true,
        "berth:services": {},
      },
    });
    const open = async () => {
      await stack.create();
      await stack.project.setSecrets(driver.secrets(""));
      await stack.start();
    };
    duringTests({ open, close: () => stack.remove() }, [driver.system]);
    tests(stack);
  });
}
