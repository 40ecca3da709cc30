/**
 * Promise 6, first half: what a preview announces is what an up does, by the CLI's own account and by the engine's
 * events.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inAll } from "../length.ts";
import { TOOLS } from "../stack/engine.ts";
import { docker, good } from "../stack/command.ts";
import type { Project } from "../stack/project.ts";
import { provisioned } from "../stack/provisioned.ts";
import { type Roles, rolesOf } from "../stack/roles.ts";
import { Stack } from "../stack/stack.ts";
import { agrees, announced, applied, type Done, happened, seen, sorted, type Steps, union } from "../stack/steps.ts";
import { type Change, groups, nothing } from "./preview-changes.ts";

/** Does something to the files of a copy, and takes it back. */
async function undone<T>({ dir }: Project, work: () => Promise<T>): Promise<T> {
  const ours = readdirSync(dir).filter((file) => !["node_modules", ".state"].includes(file));
  const saved = mkdtempSync(join(tmpdir(), "berth-preview-"));
  for (const file of ours) cpSync(join(dir, file), join(saved, file), { recursive: true });
  try {
    return await work();
  } finally {
    for (const file of ours) {
      rmSync(join(dir, file), { recursive: true });
      cpSync(join(saved, file), join(dir, file), { recursive: true });
    }
    rmSync(saved, { recursive: true });
  }
}

export function preview(stack: Stack): void {
  const { project } = stack;
  // As it was before the changes: they switch one of its services off.
  let roles: Roles;
  before(async () => {
    await provisioned(stack);
    roles = rolesOf(stack);
  });

  /** What the preview announces of one change alone, which is taken back. */
  const alone = (change: Pick<Change, "make">): Promise<Steps> =>
    undone(project, async () => {
      await change.make(stack, roles);
      return announced(project);
    });

  for (const change of nothing)
    inAll(`promise 6: ${change.name}: nothing is announced`, async () => {
      assert.deepEqual(sorted(await alone(change)), []);
    });

  it(`promise 6: ${nothing.map(({ name }) => name).join(", ")}: nothing is announced, and nothing is done`, async () => {
    for (const change of nothing) await change.make(stack, roles);
    const told = await announced(project);
    assert.deepEqual(sorted(told), []);
    agrees(told, await applied(project));
  });

  for (const changes of groups)
    describe(`promise 6: ${changes.length} changes at once`, () => {
      const told: Steps[] = [];
      const assertAmong = (steps: Steps, { among }: Change): void => {
        const step = among(roles, stack);
        assert.ok(steps.has(step), `${step} is not in\n${sorted(steps).join("\n")}`);
      };
      // Promise 7: what one service's change is about.
      const assertOnly = (steps: Steps, { only }: Change): void => {
        const may = only?.(stack, roles).map((name) => `${roles.named(name)}-`) ?? [""];
        const containers = sorted(steps).filter((step) => step.split(" ")[1] === "container");
        const others = containers.filter((step) => !may.some((name) => `${step.split(" ")[2]}-`.startsWith(name)));
        assert.deepEqual(others, []);
      };

      for (const change of changes)
        inAll(`${change.name}, alone: the preview announces it`, async () => {
          const steps = await alone(change);
          told.push(steps);
          assertAmong(steps, change);
          assertOnly(steps, change);
        });

      it(`${changes.map(({ name }) => name).join(", ")}: the preview announces them and touches nothing; one up does what was announced`, async () => {
        for (const change of changes) await change.make(stack, roles);
        let all: Steps = new Set();
        const events = await happened(project, async () => {
          all = await announced(project);
        });
        assert.deepEqual(events, [], "the preview touched something");
        for (const change of changes) assertAmong(all, change);
        if (told.length === changes.length) assert.deepEqual(sorted(all), sorted(union(told)));
        agrees(all, await applied(project));
      });
    });

  describe("what would show a preview that lies (negative controls)", () => {
    const none: Done = { steps: new Set(), engine: new Set() };

    it("an announcement with one step more or less is refused", () => {
      assert.doesNotThrow(() => agrees(new Set(), none));
      const told = new Set([`replace container ${roles.named(roles.front, 1)}`]);
      assert.throws(() => agrees(told, none), /is not what the preview announced/);
      const engine = new Set([`made container ${roles.named(roles.front, 1)}`]);
      assert.throws(() => agrees(new Set(), { ...none, engine }), /the engine saw is not/);
    });

    it("what the engine makes and removes is seen, whoever asks for it", async () => {
      const name = roles.named("somebodys");
      const make = async (): Promise<void> => {
        await docker("create", "--name", name, TOOLS);
        await docker("rm", name);
      };
      assert.ok((await happened(project, make)).length > 0);
      const engine = await seen(project, make);
      assert.deepEqual(sorted(engine), [`made container ${name}`, `removed container ${name}`]);
      assert.throws(() => agrees(new Set(), { ...none, engine }), /the engine saw is not/);
    });

    inAll("what somebody removes between preview and up shows as a difference", async () => {
      project.environment(roles.inner, { RELEASE_NOTE: "third" });
      const told = await announced(project);
      const [victim] = await project.running("postgres-exporter");
      let done = none;
      const engine = await seen(project, async () => {
        await docker("rm", "--force", victim!);
        done = await applied(project);
      });
      assert.throws(() => agrees(told, { ...done, engine }), /the engine saw is not/);
      // It is missing now, which plain pulumi does not see.
      await good(project.script("up", project.stack));
    });
  });

  inAll("promise 6: from nothing: everything is announced, and made", async () => {
    const offset = Number(project.config["berth:portOffset"]);
    const fresh = new Stack(stack.driver, { stack: `${project.stack}-new`, portOffset: offset + 1000 });
    try {
      await fresh.create();
      const told = await announced(fresh.project);
      assert.ok(told.size > project.known.plan.services.length, `${told.size} steps`);
      agrees(told, await applied(fresh.project));
    } finally {
      await fresh.remove();
    }
  });
}
