import * as pulumi from "@pulumi/pulumi";

/** So many at a time; who asks for more waits for its turn, in the order of asking. */
export class Turns {
  readonly #held = new Set<string>();
  readonly #waiting: { readonly who: string; readonly go: () => void }[] = [];
  readonly #atOnce: number;

  /** @param atOnce At least 1. */
  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Resolves when `who` has a turn. */
  take(who: string): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ who, go });
      this.#next();
    });
  }
  /** Ends a turn. Who has none gives nothing back. */
  end(who: string): void {
    if (this.#held.delete(who)) this.#next();
  }

  #next(): void {
    while (this.#held.size < this.#atOnce && this.#waiting.length) {
      const { who, go } = this.#waiting.shift()!;
      this.#held.add(who);
      go();
    }
  }
}

/**
 * Hooks that let so many containers start at a time, from their creation until they are healthy. The start of an
 * application costs seconds of processor time: many at once would take it from the containers that serve meanwhile,
 * on a small machine for so long that requests time out (docs/decisions/0016-starts-in-turns.md).
 */
export function startsInTurns(atOnce: number): pulumi.ResourceHookBinding {
  const turns = new Turns(atOnce);
  return {
    beforeCreate: [new pulumi.ResourceHook("berth-turn", ({ urn }) => turns.take(urn))],
    afterCreate: [new pulumi.ResourceHook("berth-turn-ends", ({ urn }) => turns.end(urn))],
    onError: [
      new pulumi.ErrorHook("berth-turn-fails", ({ urn }) => {
        turns.end(urn);
        return false;
      }),
    ],
  };
}
