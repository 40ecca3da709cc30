/**
 * Images as they are, held to their contracts (bench/hub/<folder>/contract*.yaml): the real ones where they can be
 * pulled, otherwise what the bench builds in their place. That may differ where the contract says so, and nowhere else.
 */
import assert from "node:assert/strict";
import { built, type Contract, contracts } from "../../bench/contracts.ts";
import { contentsOf, docker } from "../../scan/export.ts";
import { type Config, differences } from "./compare.ts";

/** The engine's word for an image; undefined, where it neither has it nor can pull it. */
async function inspected(image: string): Promise<{ readonly config: Config; readonly recipe?: string } | undefined> {
  for (const get of [() => docker("image", "inspect", image), () => docker("pull", "--quiet", image)])
    try {
      await get();
      const [{ Config: config }] = JSON.parse(await docker("image", "inspect", image)) as [
        { Config: Config & { Labels?: Record<string, string> | null } },
      ];
      const recipe = config.Labels?.["berth.bench.recipe"];
      return { config, ...(recipe === undefined ? {} : { recipe }) };
    } catch {
      /* not here, or nowhere */
    }
  return undefined;
}

/** The image of a contract, or the one that the bench builds of the same folder. */
async function obtained(contract: Contract) {
  const standsIn = built().filter(({ folder }) => contract.main && folder === contract.folder);
  for (const image of [contract.image, ...standsIn.map((row) => row.image)]) {
    const got = await inspected(image);
    if (got) return { image, ...got };
  }
  return undefined;
}

const all = await Promise.all(contracts().map(async (contract) => ({ contract, got: await obtained(contract) })));

describe("contracts", function () {
  this.timeout(300_000);
  after(() => {
    const missing = all.filter(({ got }) => !got).map(({ contract }) => contract.image);
    if (missing.length) console.log(`      not held, because they cannot be had here: ${missing.join(", ")}`);
  });

  it("some of the images can be had", () => assert.ok(all.filter(({ got }) => got).length >= 5));
  for (const { contract, got } of all) {
    if (!got) continue;
    const ours = got.recipe !== undefined;
    it(`${got.image}${ours ? ", built by the bench," : ""} is as ${contract.image} is said to be`, async () => {
      const { entries, files } = await contentsOf(got.image, (path) => /^etc\/(passwd|group)$/.test(path));
      const [passwd, group] = [files.get("etc/passwd"), files.get("etc/group")];
      const found = differences(contract, {
        config: got.config,
        entries,
        ...(passwd === undefined ? {} : { passwd }),
        ...(group === undefined ? {} : { group }),
      });
      const allowed = ours ? contract.bench : {};
      assert.deepEqual(Object.fromEntries([...found].filter(([fact]) => !(fact in allowed))), {});
      assert.deepEqual(
        Object.keys(allowed).filter((fact) => !found.has(fact)),
        [],
        "the contract says that the bench's image differs here, and it does not",
      );
    });
  }
});
