/** Promise 5, first half: canaries in place of every secret are found nowhere in all that happened to the stack. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inGate } from "../length.ts";
import { TOOLS } from "../stack/engine.ts";
import { command, docker } from "../stack/command.ts";
import type { World } from "../stack/world.ts";

/** Command line and environment of every process in these containers, as root of the machine sees them. */
async function processes(of: readonly string[]): Promise<string> {
  const tops = await Promise.all(of.map((id) => docker("top", id, "-eo", "pid").catch(() => "")));
  const pids = tops.flatMap((text) => text.split("\n").slice(1)).map((pid) => pid.trim());
  const root = ["--pid", "host", "--network", "none", "--user", "0:0", "--cap-add", "SYS_PTRACE"];
  const each = "for file in cmdline environ; do echo \"== $pid $file\"; tr '\\0' '\\n' < /proc/$pid/$file; echo; done";
  const line = `for pid in ${pids.filter(Boolean).join(" ")}; do ${each}; done 2>/dev/null`;
  const open = ["--security-opt", "apparmor=unconfined", "--entrypoint", "sh"];
  return docker("run", "--rm", ...root, ...open, TOOLS, "-c", line);
}

export function secrets(world: World): void {
  const { stack, canary, said } = world;
  const { project } = stack;
  const ids = async (kind: string, ...args: string[]): Promise<string[]> => {
    const filter = ["--filter", `label=berth.stack=${project.stack}`];
    return (await docker(kind, "ls", "--quiet", ...args, ...filter)).split("\n").filter(Boolean);
  };
  const keep = async (what: string, ...args: string[]): Promise<void> =>
    world.say(what, await project.pulumi(...args, "--stack", project.stack));

  it("promise 5: every secret that something reads is set, to a canary", () => {
    for (const key of new Set([...world.secretKeys, ...project.known.plan.secretKeys]))
      assert.ok((project.config[`berth:${key}`] as { secure?: string }).secure, key);
  });

  it("promise 5: no canary in what the engine tells of containers, images, volumes and networks", async () => {
    const all = await ids("container", "--all");
    assert.ok(all.length > 30, String(all.length));
    canary.clean("containers", await docker("container", "inspect", ...all));
    canary.clean("volumes", await docker("volume", "inspect", ...(await ids("volume"))));
    canary.clean("networks", await docker("network", "inspect", ...(await ids("network"))));
    const images = [...new Set((await docker("container", "inspect", "--format", "{{.Image}}", ...all)).split("\n"))];
    canary.clean("images", await docker("image", "inspect", ...images));
    for (const image of images) canary.clean(`history of ${image}`, await docker("history", "--no-trunc", image));
  });

  inGate("promise 5: no canary in a layer of an image that was built", async () => {
    const { plan } = project.known;
    const names = Object.keys(plan.images).map((name) => `localhost/berth/${plan.system}-${name}:${project.stack}`);
    // Of an image whose every service is switched off there is none.
    const isThere = async (name: string) => (await command("docker", ["image", "inspect", name])).code === 0;
    const built = (await Promise.all(names.map(isThere))).flatMap((there, n) => (there ? [names[n]!] : []));
    assert.ok(built.length >= 3, built.join(", "));
    // All at once: a layer that they share is read once.
    assert.deepEqual(await canary.foundInStream("layers", "docker", ["save", ...built]), []);
  });

  it("promise 5: no canary in a process's command line or environment", async () => {
    // Health checks live for a moment: several looks see some of them.
    for (let look = 0; look < 3; look++) {
      const seen = await processes(await ids("container"));
      assert.ok(seen.split("== ").length > 40, seen.slice(0, 500));
      const sections = seen.split(/^== /m).slice(1);
      const name = (section: string, n: number): string =>
        // A process is named by its command line, which comes right before its environment.
        section.includes(" environ\n") ? `${sections[n - 1]!.slice(0, 200)} environment` : section.slice(0, 200);
      assert.deepEqual(
        sections.flatMap((section, n) => canary.found(name(section, n), section)),
        [],
      );
    }
  });

  it("promise 5: no canary in the engine's events since the stack was begun, or in a container's log", async () => {
    const lines = await world.events();
    assert.ok(lines.length > 256, String(lines.length));
    canary.clean("events", lines.join("\n"));
    for (const id of await ids("container", "--all")) {
      const { output } = await command("docker", ["logs", id]);
      canary.clean(`log of ${await docker("inspect", "--format", "{{.Name}}", id)}`, output);
    }
  });

  it("promise 5: no canary in what the CLI says, in the exported state, in the state's files, or in the stack file", async () => {
    said.set("culprits", (await project.script("culprits", project.stack)).output || "nothing failed");
    said.set("drift", (await project.script("drift", project.stack)).output || "nothing differs");
    await keep("outputs", "stack", "output", "--json");
    await keep("configuration", "config");
    await keep("exported state", "stack", "export");
    for (const [what, output] of said) {
      assert.ok(output.length > 0, what);
      canary.clean(what, output);
    }
    const entries = readdirSync(join(project.dir, ".state"), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    assert.ok(files.length > 3, String(files.length));
    for (const { name, parentPath } of files) canary.clean(name, readFileSync(join(parentPath, name), "latin1"));
    canary.clean("stack file", project.read(`Pulumi.${project.stack}.yaml`));
  });

  it("promise 5: files are 0440 and root's; another user with another group reads none, the service's group does", async () => {
    const volumes = await ids("volume", "--filter", "label=berth.version");
    assert.ok(volumes.length >= 15, volumes.join(", "));
    const mounts = volumes.flatMap((volume) => ["--volume", `${volume}:/v/${volume}:ro`]);
    const look = (user: string, line: string): Promise<string> => {
      const as = ["--network", "none", "--user", user, "--cap-drop", "ALL"];
      return docker("run", "--rm", ...as, ...mounts, "--entrypoint", "sh", TOOLS, "-c", line);
    };
    const modes = (await look("0:0", "find /v -type f -exec stat -c '%a %u:%g %n' {} +")).split("\n");
    assert.ok(modes.length >= 30, modes.join("\n"));
    for (const line of modes) assert.match(line, /^440 0:0 /);
    const read = "for file in $(find /v -type f); do if cat $file > /dev/null 2>&1; then echo $file; fi; done";
    assert.equal(await look("12345:12345", read), "");
    assert.equal((await look("10001:0", read)).split("\n").length, modes.length);
  });

  it("promise 5: only the service that a secret is for has its files mounted", async () => {
    const prefix = `${project.known.plan.system}-${project.stack}`;
    const volumes = '{{range .Mounts}}{{if eq .Type "volume"}} {{.Name}}{{end}}{{end}}';
    for (const id of await ids("container")) {
      const format = `{{index .Config.Labels "berth.service"}}${volumes}`;
      const [service, ...mounted] = (await docker("inspect", "--format", format, id)).split(" ");
      // Two jobs with the same rights in a store may share theirs.
      const { sharesFilesOf } = project.known.plan.services.find(({ name }) => name === service)!;
      for (const volume of mounted.filter((name) => /-files-[0-9a-f]{7}$/.test(name)))
        assert.ok(volume.startsWith(`${prefix}-${sharesFilesOf ?? service!}-files-`), `${service!} has ${volume}`);
    }
  });

  it("a container with a canary in environment, label, command line and log is found by every search (negative control)", async () => {
    const [name, { mark }] = ["canary-control", canary];
    const leaks = ["--env", `LEAK=${mark}`, "--label", `leak=${Buffer.from(`x${mark}`).toString("base64")}`];
    const line = `echo ${Buffer.from(mark).toString("hex")}; sleep 600; : ${encodeURIComponent(mark)}`;
    const run = ["--detach", "--name", name, "--network", "none", ...leaks, "--entrypoint", "sh"];
    await docker("run", ...run, TOOLS, "-c", line);
    try {
      const inspected = canary.found("inspect", await docker("inspect", name)).join("\n");
      for (const how of ["raw", "base64 at 1", "hex", "URL-encoded"])
        assert.ok(inspected.includes(how), `${how} is not among\n${inspected}`);
      const running = canary.found("processes", await processes([name])).join("\n");
      assert.match(running, /raw/);
      assert.match(running, /URL-encoded/);
      assert.match(canary.found("log", (await command("docker", ["logs", name])).output).join("\n"), /hex/);
      assert.match((await canary.foundInStream("stream", "docker", ["inspect", name])).join("\n"), /raw/);
    } finally {
      await docker("rm", "--force", name);
    }
  });
}
