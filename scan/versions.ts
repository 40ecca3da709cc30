/** Order of versions, each ecosystem by its own rules. */
import * as pep440 from "@renovatebot/pep440";
import semver from "semver";
import { compareDebian } from "./dpkg.ts";
import type { Ecosystem } from "./types.ts";

/** @returns undefined where one of them is no version of this ecosystem: then nothing can be said of it. */
export function compare(ecosystem: Ecosystem, a: string, b: string): number | undefined {
  switch (ecosystem) {
    case "Debian":
      return compareDebian(a, b);
    case "PyPI":
      return pep440.valid(a) && pep440.valid(b) ? pep440.compare(a, b) : undefined;
    case "npm":
      return semver.valid(a) && semver.valid(b) ? semver.compare(a, b) : undefined;
  }
}
