/** Carries the images that one stack ran into another's stack file. Pure: bin/promote.ts reads and writes. */
import { isMap, parseDocument } from "yaml";
import { type Problem, setCommand } from "../config/problems.ts";

const DIGEST = /^[^\s@]+@sha256:[0-9a-f]{64}$/;
const PLACE = ["config", "berth:images"] as const;
const BASE = ["config", "berth:baseImages"] as const;

/** A stack, as far as it matters here. */
export interface Origin {
  readonly stack: string;
  readonly system: string;
  /** Image of the system → what the last complete up ran; undefined: it ran none. */
  readonly images: Readonly<Record<string, string | undefined>>;
}

/** What stands against carrying an origin's images to a stack of this system. */
export function refusals(
  { stack, system, images }: Origin,
  to: { readonly stack: string; readonly system: string },
): Problem[] {
  const of = (wrong: (image: string | undefined) => boolean) =>
    Object.entries(images).filter(([, image]) => wrong(image));
  const [absent, local] = [
    of((image) => image === undefined),
    of((image) => image !== undefined && !DIGEST.test(image)),
  ];
  return [
    ...(system === to.system
      ? []
      : [
          {
            key: "berth:system",
            got: `${system} in ${stack}, ${to.system} in ${to.stack}`,
            allowed: "stacks of one system",
            fix: setCommand("berth:system", system, to.stack),
          },
        ]),
    ...(absent.length
      ? [
          {
            key: `stack ${stack}`,
            got: `never ran ${absent.map(([name]) => name).join(", ")}`,
            allowed: "a stack whose last up was complete",
            fix: `bin/up ${stack}`,
          },
        ]
      : []),
    ...(local.length
      ? [
          {
            key: "berth:registry",
            got: `not used: ${stack} ran ${local.map(([name, image]) => `${name} as ${image}`).join(", ")}, which only its engine knows`,
            allowed: "images that were pushed, because another engine must get the same ones",
            fix: `${setCommand("berth:registry", "registry.example.org/team", stack)}, then bin/up ${stack}`,
          },
        ]
      : []),
  ];
}

/** An image that a stack pulls. */
export interface Pulled {
  /** Name that `berth:baseImages` takes. */
  readonly name: string;
  /** As the one stack pulled it, and as the other would. */
  readonly ran: string;
  readonly wanted: string;
  /** What the engine of the first says that it pulled: `<repository>@<digest>` each. */
  readonly digests: readonly string[];
}

export interface Pinned {
  /** Name → reference with the digest that ran. */
  readonly images: Readonly<Record<string, string>>;
  /** Names whose digest is not carried, with the reason. */
  readonly left: readonly string[];
}

const [tagged, digestOf] = [/:[^/@:]+(?=@|$)/, /@(sha256:[0-9a-f]{64})$/];
const repositoryOf = (reference: string): string => reference.split("@", 1)[0]!.replace(tagged, "");

/**
 * The other stack pulls from where it always does, but what ran: a tag is whatever an engine pulled when it first met
 * it. A tag of the other stack's own stays as it is.
 */
export function pinned(pulled: readonly Pulled[]): Pinned {
  const images: Record<string, string> = {};
  const left: string[] = [];
  for (const { name, ran, wanted, digests } of pulled) {
    const own = digests.filter((reference) => repositoryOf(reference) === repositoryOf(ran));
    const known = [
      ...new Set((own.length ? own : digests).flatMap((reference) => digestOf.exec(reference)?.[1] ?? [])),
    ];
    const digest = digestOf.exec(ran)?.[1] ?? (known.length === 1 ? known[0] : undefined);
    if (tagged.exec(ran)?.[0] !== tagged.exec(wanted)?.[0])
      left.push(`${name}: ${wanted} is another version than ${ran}`);
    else if (digest === undefined) left.push(`${name}: ${ran} came from no registry`);
    else images[name] = `${wanted.split("@", 1)[0]}@${digest}`;
  }
  return { images, left };
}

/**
 * A stack file that runs these images and no others, and pulls what it pulls by these references. All else stays as
 * it was written, comments included, so that the difference is what a reviewer has to judge.
 */
export function promoted(
  file: string,
  images: Readonly<Record<string, string>>,
  pulled: Readonly<Record<string, string>> = {},
): string {
  const document = parseDocument(file);
  for (const [name, reference] of Object.entries(pulled))
    if (document.getIn([...BASE, name]) !== reference) document.setIn([...BASE, name], reference);
  const there = document.getIn(PLACE);
  if (isMap(there)) {
    there.flow = false;
    for (const { key } of [...there.items]) if (!(String(key) in images)) there.delete(key);
    for (const [name, image] of Object.entries(images)) if (there.get(name) !== image) there.set(name, image);
  } else document.setIn(PLACE, document.createNode(images));
  return document.toString({ lineWidth: 0 });
}
