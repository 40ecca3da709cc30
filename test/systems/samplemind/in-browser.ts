/** SampleMind's page as the stack serves it, in Debian's Chromium. */
import { command, good, ROOT } from "../../stack/command.ts";
import type { World } from "../../stack/world.ts";
import { browserTests } from "./browser.ts";
import { PASSWORD, USERS } from "./client.ts";

const PACKAGES = "chromium-headless-shell fonts-dejavu-core";

export const withChromium = (): Promise<unknown> =>
  good(command("bash", ["-c", `. bench/engine/lib.sh && apt_install ${PACKAGES}`], { cwd: ROOT }));

export function inBrowser({ stack }: World): void {
  before(withChromium);
  browserTests(() => ({ url: stack.edge, email: USERS[0], password: PASSWORD }));
}
