/** The service that makes backups, as an operator sees it: its scripts, its list, and what Prometheus tells of it. */
import assert from "node:assert/strict";
import { command, docker, eventually, type Result } from "../stack/command.ts";
import type { World } from "../stack/world.ts";

interface Listed {
  readonly id: string;
  readonly verified: boolean;
  readonly problem: string;
}
const ID = /^\d{8}T\d{6}Z$/m;

export class Backups {
  readonly #world: World;
  constructor(world: World) {
    this.#world = world;
  }
  get #project() {
    return this.#world.stack.project;
  }

  /** Runs a shell line in the service. */
  async inside(line: string): Promise<Result> {
    return command("docker", ["exec", await this.#project.container("backup"), "sh", "-c", line]);
  }
  async list(): Promise<Listed[]> {
    const container = await this.#project.container("backup");
    return JSON.parse(await docker("exec", container, "backup", "list", "--json")) as Listed[];
  }
  /** Ids of those that count, newest first. */
  async verified(): Promise<string[]> {
    return (await this.list()).filter(({ verified }) => verified).map(({ id }) => id);
  }

  /** @returns the id of a new one that counts */
  async make(): Promise<string> {
    const { code, output } = await this.#project.script("backup", this.#project.stack);
    assert.equal(code, 0, output);
    return ID.exec(output)![0];
  }
  /** A run that must fail: it says why, Prometheus tells, and the good ones stay. */
  async cannotMake(words: RegExp): Promise<void> {
    const before = await this.verified();
    await fails(this.#project.script("backup", this.#project.stack), words);
    await this.told("BackupUnverified");
    assert.deepEqual(await this.verified(), before);
  }
  restore(...args: string[]): Promise<Result> {
    return this.#project.script("restore", this.#project.stack, ...args);
  }
  /** Makes one, does something to its files, and verifies it. `$id` is its id. */
  async verifyAfter(line: string): Promise<Result> {
    const result = await this.inside(`id=$(backup take) && ${line} && echo damaged $id && backup verify $id`);
    assert.match(result.output, /damaged \d{8}T/);
    return result;
  }
  /** One that was damaged before its verification never counts, and somebody is told. */
  async refusesAfter(line: string): Promise<void> {
    const before = await this.verified();
    await fails(this.verifyAfter(line), /error: backup: (download|compare)/);
    assert.deepEqual(await this.verified(), before);
    await this.told("BackupUnverified");
  }

  told(alert: string): Promise<void> {
    return eventually(async () => assert.ok((await this.#firing()).includes(alert), `${alert} is not told`), 90);
  }
  silent(alert: string): Promise<void> {
    return eventually(async () => assert.ok(!(await this.#firing()).includes(alert), `${alert} is still told`), 90);
  }
  #firing(): Promise<string[]> {
    return this.#world.prometheus.firing();
  }
}

/** @throws {Error} where a command succeeds, or fails without these words. */
export async function fails(result: Promise<Result>, words: RegExp): Promise<void> {
  const { code, output } = await result;
  assert.notEqual(code, 0, output);
  assert.match(output, words);
}
