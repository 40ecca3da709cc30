/** What is promised of promotion (test/promises/promotion.ts), of each system. */
import assert from "node:assert/strict";
import { Promotion, promotes, pushes, refuses, runs } from "../promises/promotion.ts";
import { docker, good, unchanged } from "../stack/command.ts";
import { duringTests } from "../stack/during-tests.ts";
import { TOOLS } from "../stack/engine.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { kailash } from "../systems/kailash/driver.ts";
import { samplemind } from "../systems/samplemind/driver.ts";

describe("promotion: what ran in one stack is what runs in the next", function () {
  this.timeout(1_800_000);
  const promotion = new Promotion(assistant, "e2e-promote", 14_500);
  const { project, target } = promotion;
  duringTests(promotion);

  pushes(promotion);

  it("a second up changes nothing, nor does one after a commit that touched no image", async () => {
    const ids = await project.containers();
    const tag = await promotion.tagOf("edge");
    project.edit("README.md", (text) => `${text}\nchanged\n`);
    await promotion.git("commit", "--quiet", "--all", "-m", "another file");
    for (const again of [() => project.up(), () => project.refresh(), () => project.up()]) await unchanged(again());
    assert.equal(await promotion.tagOf("edge"), tag);
    assert.deepEqual(await project.containers(), ids);
  });

  it("a moved tag changes nothing", async () => {
    const [ids, tag, ran] = [
      await project.containers(),
      await promotion.tagOf("edge"),
      await promotion.running(project.stack),
    ];
    await docker("tag", TOOLS, tag);
    await docker("push", "--quiet", tag);
    const moved = await promotion.digestAt("edge", tag.split(":").at(-1)!);
    assert.notEqual(moved, ran["edge"]!.split("@")[1], "the tag did not move");
    await good(project.script("drift", project.stack));
    await unchanged(project.up());
    assert.deepEqual(await project.containers(), ids);
    assert.deepEqual(await promotion.running(project.stack), ran);
  });

  promotes(promotion);

  it("the other way round it is refused: nothing ran there", async () => {
    const { code, output } = await project.script("promote", target, project.stack);
    assert.equal(code, 1);
    assert.match(
      output,
      /cannot be promoted to e2e-promote\. Nothing was written\.[\s\S]*never ran assistant, edge[\s\S]*bin\/up e2e-promoted/,
    );
  });

  refuses(promotion, [["up", "--yes", "--skip-preview"]]);
  runs(promotion);
});

for (const [driver, portOffset] of [
  [samplemind, 16_500],
  [kailash, 18_500],
] as const)
  describe(`promotion of ${driver.system}`, function () {
    this.timeout(1_800_000);
    const promotion = new Promotion(driver, `e2e-promote-${driver.system}`, portOffset);
    duringTests(promotion);

    pushes(promotion);
    promotes(promotion);
    refuses(promotion);
    runs(promotion);
  });
