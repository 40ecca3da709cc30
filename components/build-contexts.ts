/** What images are built from, as far as it would only be noticed when a container starts. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../config/problems.ts";
import type { Plan } from "../plan/types.ts";
import { foldersOf } from "./revision.ts";

/** Scripts with lines that end as on Windows, or that begin with a byte order mark: no Linux starts them. */
export function unstartable(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const text = readFileSync(path, "latin1");
      const isScript = /^(?:\u00EF\u00BB\u00BF)?#!/.test(text) || /\.(?:sh|awk)$/.test(path);
      return isScript && (text.startsWith("\u00EF\u00BB\u00BF") || text.includes("\r\n"));
    })
    .sort();
}

export const contextProblems = ({ images, stack }: Plan): Problem[] =>
  Object.entries(images)
    .filter(([, { existing }]) => existing === undefined)
    .flatMap(([image, spec]) => {
      const paths = [...new Set(foldersOf(spec).flatMap(unstartable))];
      return paths.length === 0
        ? []
        : [
            {
              key: `image ${image} of stack ${stack}`,
              got: `${paths.join(", ")}: lines end with a carriage return, or the first has a byte order mark before it`,
              allowed: "lines that end as on Linux: no container starts such a script",
              fix: `sed -i 's/\\r$//; 1s/^\\xEF\\xBB\\xBF//' ${paths.join(" ")}   (a whole checkout: git add --renormalize .)`,
            },
          ];
    });
