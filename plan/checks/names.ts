/** Names that the stack file uses, and the stack's own. */
import { didYouMean, nearest } from "../../config/nearest.ts";
import { type Problem, setCommand } from "../../config/problems.ts";
import { generatedIn } from "../../config/secrets.ts";
import { longestName, prefix } from "../names.ts";
import type { Draft } from "./draft.ts";

/** Maps of the stack file whose keys are names of something, with the names that there are. */
const maps = ({ system, context: { shape } }: Draft) =>
  ({
    services: system.services.map(({ name }) => name),
    ports: system.services.flatMap(({ publish = {} }) => Object.keys(publish)),
    images: Object.keys(system.images),
    baseImages: system.baseImages,
    secretVersions: generatedIn(shape.secrets),
  }) as const;

export function unknownNames(draft: Draft): Problem[] {
  const { settings, stack } = draft.context;
  return [
    ...Object.entries(maps(draft)).flatMap(([map, known]) =>
      Object.keys(settings[map as keyof ReturnType<typeof maps>]).flatMap((name) =>
        unknown(map, name, known, `pulumi config rm --path berth:${map}.${name} --stack ${stack}`),
      ),
    ),
    ...unknownOff(draft),
  ];
}

const unknown = (key: string, name: string, known: readonly string[], fix: string): Problem[] =>
  known.includes(name)
    ? []
    : [
        {
          key: `berth:${key}`,
          got: `"${name}" is not known${didYouMean(name, known)}`,
          allowed: known.join(", ") || "none",
          fix,
        },
      ];

function unknownOff({ system, context: { settings, stack } }: Draft): Problem[] {
  const known = system.services.filter(({ optional }) => optional).map(({ name }) => name);
  const meant = settings.off.flatMap((name) => (known.includes(name) ? name : (nearest(name, known) ?? [])));
  const fix = setCommand("berth:off", [...new Set(meant)], stack);
  return settings.off.flatMap((name) => unknown("off", name, known, fix));
}

/** Longest label of a name in DNS. */
const LONGEST = 63;
const STACK = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** It is part of the tags of images and of the names by which containers find each other. */
export function stackNameProblems({ system, services, context: { stack, neighbours = [] } }: Draft): Problem[] {
  const longest = longestName(system.name, stack, services);
  const over = longest.length - LONGEST;
  const rename = (name: string): string => `pulumi stack rename ${name} --stack ${stack}`;
  const own = prefix(system.name, stack);
  const twin = neighbours.find((other) => prefix(other.system ?? system.name, other.stack) === own);
  return [
    ...(twin === undefined
      ? []
      : [
          {
            key: "stack",
            got: `the name "${stack}": its containers and its data would have the names of those of stack ${twin.stack}`,
            allowed: `a name that makes another than ${own}`,
            fix: rename(`${stack}-2`),
          },
        ]),
    ...(STACK.test(stack)
      ? []
      : [
          {
            key: "stack",
            got: `the name "${stack}"`,
            allowed: "lower case letters, digits and hyphens; a hyphen neither first nor last",
            fix: rename(
              stack
                .toLowerCase()
                .replaceAll(/[^a-z0-9]+/g, "-")
                .replaceAll(/^-+|-+$/g, "") || "<name>",
            ),
          },
        ]),
    ...(over <= 0
      ? []
      : [
          {
            key: "stack",
            got: `a name of ${stack.length} characters: ${longest} is one of ${longest.length}`,
            allowed: `at most ${stack.length - over}: no name in DNS has more than ${LONGEST}`,
            fix: rename(
              stack
                .slice(0, Math.max(1, stack.length - over))
                .toLowerCase()
                .replace(/-+$/, ""),
            ),
          },
        ]),
  ];
}
