/** What would make two environments meet is refused, or warned of, at the preview. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { command, good, type Result } from "../../stack/command.ts";
import type { Three } from "./three.ts";

const CLASH = "e2e-clash";

export function refused({ prod, serving }: Three): void {
  let passphrase = "e2e";
  const pulumi = (...args: string[]): Promise<Result> =>
    command("pulumi", [...args, "--stack", CLASH, "--non-interactive", "--color", "never"], {
      cwd: prod.dir,
      env: { ...prod.env, PULUMI_CONFIG_PASSPHRASE: passphrase },
    });
  /** Another stack of prod's checkout, with prod's settings but for these. */
  const make = async (config: Record<string, unknown>): Promise<void> => {
    prod.write(`Pulumi.${CLASH}.yaml`, stringify({ config: { ...prod.config, ...config } }));
    await good(pulumi("stack", "init", "--no-select"));
  };
  afterEach(async () => {
    await pulumi("stack", "rm", "--yes", "--preserve-config");
    rmSync(join(prod.dir, `Pulumi.${CLASH}.yaml`), { force: true });
    passphrase = "e2e";
  });

  it("PA-21: a host port that another stack has is refused, with the key that moves it; moved, it is taken", async () => {
    const objects = await prod.objects();
    await make({});
    const { code, output } = await pulumi("preview");
    assert.notEqual(code, 0, output);
    const { port } = new URL(serving.edge);
    const problem = `berth:ports\\.edge: port ${port}, which stack ${prod.stack} has on the same engine`;
    const way = `pulumi config set berth:portOffset \\d+ --stack ${CLASH}`;
    assert.match(output, new RegExp(`${problem}[\\s\\S]*${way}`));
    assert.doesNotMatch(output, /\bat .*\.ts:\d+/);
    const [, offset] = /berth:portOffset (\d+) --stack e2e-clash/.exec(output)!;
    await good(pulumi("config", "set", "berth:portOffset", offset!));
    await good(pulumi("preview"));
    assert.deepEqual(await prod.objects(), objects);
  });

  it("PA-39: dev's public passphrase, settings and published databases are refused together in prod", async () => {
    passphrase = "berth-dev";
    await make({ "berth:portOffset": 12500, "berth:debug": true, "berth:ports": { edge: 80, postgres: 5432 } });
    const { code, output } = await pulumi("preview");
    assert.notEqual(code, 0, output);
    for (const words of [
      /PULUMI_CONFIG_PASSPHRASE: the public passphrase of dev in prod/,
      /berth:debug: switched on in prod/,
      /berth:ports\.postgres: a database published on 127\.0\.0\.1:17932 in prod/,
    ])
      assert.match(output, words);
  });

  it("N-03: a database that nothing encrypts is warned of", async () =>
    assert.match((await prod.preview()).output, /warning: [\s\S]*berth:postgres\.device: missing/));
}
