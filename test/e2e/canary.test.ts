/** Secrets stay secret: canaries in place of every secret, looked for wherever somebody without the passphrase can look. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setDefaultCACertificates, getCACertificates } from "node:tls";
import { type SecretKey, secretKeys } from "../../config/secrets.ts";
import { Client } from "./client.ts";
import { Events, TOOLS } from "./engine.ts";
import { command, docker, eventually, Project, SMS } from "./support.ts";

const STACK = "e2e-canary";
const OFFSET = 17000;
const EDGE = `https://127.0.0.1:${8443 + OFFSET}`;
/** Begins every canary: one search finds them all. It has characters that change when encoded for a URL. */
const MARK = `birdie/${randomBytes(9).toString("hex")}+=`;

/** The part of a base64 text that does not depend on what stands around it, for each place in a group of three bytes. */
const shifted = (value: string): string[] =>
  [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)])
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(Math.ceil((shift * 4) / 3), -1);
  });
function encodings(value: string): Map<string, string> {
  const hex = Buffer.from(value).toString("hex");
  return new Map([
    ["raw", value],
    ["URL-encoded", encodeURIComponent(value)],
    ["JSON-escaped", value.replaceAll("/", "\\/")],
    ["hex", hex],
    ["HEX", hex.toUpperCase()],
    ...shifted(value).flatMap((text, n): [string, string][] => [
      [`base64 at ${n}`, text],
      [`base64url at ${n}`, text.replaceAll("+", "-").replaceAll("/", "_")],
    ]),
  ]);
}

/** What a search is for: the canaries' common beginning, and what could not begin with it. */
const needles = new Map<string, string>();
const watch = (what: string, value: string): void => {
  for (const [how, text] of encodings(value)) needles.set(`${what}, ${how}`, text);
};
const found = (where: string, data: string | Buffer): string[] =>
  [...needles].filter(([, text]) => data.includes(text)).map(([what]) => `${where}: ${what}`);
const clean = (where: string, data: string | Buffer): void => assert.deepEqual(found(where, data), []);

/** Searches what a command writes, without keeping it. */
async function foundInStream(where: string, file: string, args: readonly string[]): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  const hits = new Set<string>();
  let [bytes, rest] = [0, Buffer.alloc(0)];
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    const data = Buffer.concat([rest, chunk]);
    for (const hit of found(where, data)) hits.add(hit);
    rest = data.subarray(Math.max(0, data.length - 512));
  });
  child
    .once("error", reject)
    .once("close", (code) =>
      code === 0 && bytes > 0
        ? resolve([...hits])
        : reject(new Error(`${file} ${args.join(" ")}: ${code}, ${bytes} bytes`)),
    );
  return promise;
}

const project = new Project({
  stack: STACK,
  portOffset: OFFSET,
  config: { "berth:settle": 0, "berth:waitTimeout": 25 },
});
/** What the CLI said in each run. */
const said = new Map<string, string>();
async function say(what: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const result = await project.pulumi(...args, "--stack", STACK);
  said.set(what, result.output);
  return result;
}

const ids = async (kind: string, ...args: string[]): Promise<string[]> =>
  (await docker(kind, "ls", "--quiet", ...args, "--filter", `label=berth.stack=${STACK}`)).split("\n").filter(Boolean);
const containers = () => ids("container", "--all");

/** Command line and environment of every process in these containers, as root of the machine sees them. */
async function processes(of: readonly string[]): Promise<string> {
  const pids = (await Promise.all(of.map((id) => docker("top", id, "-eo", "pid").catch(() => ""))))
    .flatMap((text) =>
      text
        .split("\n")
        .slice(1)
        .map((pid) => pid.trim()),
    )
    .filter(Boolean);
  return docker(
    "run",
    "--rm",
    "--pid",
    "host",
    "--network",
    "none",
    "--user",
    "0:0",
    "--cap-add",
    "SYS_PTRACE",
    "--security-opt",
    "apparmor=unconfined",
    "--entrypoint",
    "sh",
    TOOLS,
    "-c",
    `for pid in ${pids.join(" ")}; do for file in cmdline environ; do echo "== $pid $file"; tr '\\0' '\\n' < /proc/$pid/$file; echo; done; done 2>/dev/null`,
  );
}

async function certificate(): Promise<{ key: string; certificate: string }> {
  const folder = mkdtempSync(join(tmpdir(), "berth-canary-"));
  const { code, output } = await command("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=127.0.0.1",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-keyout",
    join(folder, "key"),
    "-out",
    join(folder, "certificate"),
  ]);
  assert.equal(code, 0, output);
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const made = { key: read("key"), certificate: read("certificate") };
  rmSync(folder, { recursive: true });
  return made;
}

describe("canaries (#4.5): secrets stay secret", function () {
  this.timeout(1_200_000);
  let events: Events;

  before(async () => {
    events = await Events.watch("{{json .}}");
    const tls = await certificate();
    setDefaultCACertificates([...getCACertificates("default"), tls.certificate]);
    const special: Partial<Record<SecretKey, string>> = {
      // The client signs with it.
      twilioAuthToken: SMS.token,
      twilioUserNumbers: JSON.stringify({ ...SMS.numbers, "+15550000009": `${MARK}numbers@example.org` }),
      // What stands before the first line of a PEM block is a comment.
      tlsCertificate: `${MARK}tlsCertificate\n${tls.certificate}`,
      tlsKey: `${MARK}tlsKey\n${tls.key}`,
      alertMail: JSON.stringify({
        to: "ops@example.org",
        from: "berth@example.org",
        smarthost: "127.0.0.1:9",
        auth_username: "berth",
        auth_password: `${MARK}alertMail`,
      }),
      alertWebhookUrl: `http://127.0.0.1:9/${MARK}`,
    };
    watch("canary", MARK);
    watch("twilioAuthToken", SMS.token);
    watch("tlsKey", tls.key.split("\n")[1]!);
    project.configure({ "berth:ports": { ...(project.config["berth:ports"] as object), "edge-tls": 8443 } });
    await project.pulumi("stack", "select", STACK, "--create");
    for (const key of secretKeys)
      await project.setSecret(key, special[key] ?? `${MARK}${key}${randomBytes(12).toString("hex")}`);
  });
  after(() => project.remove());

  it("every secret is set, and the system works with it", async () => {
    for (const key of secretKeys) assert.ok((project.config[`berth:${key}`] as { secure?: string }).secure, key);
    assert.equal((await say("first preview", "preview", "--diff")).code, 0, said.get("first preview"));
    assert.equal((await say("first up", "up", "--yes", "--skip-preview", "--diff")).code, 0, said.get("first up"));
    const user = await new Client(EDGE).enter("ann@example.org");
    const { status } = await eventually(() => user.post("/v1/tasks", { title: "a task" }));
    assert.ok(status < 300, String(status));
    assert.equal((await user.sms("+15550000001", "remind me tomorrow to look")).status, 200);
    assert.equal((await user.sms("+15550000001", "forged", { signature: "AAAA" })).status, 403);
    assert.equal((await new Client(EDGE).get("/v1/tasks")).status, 401);
  });

  it("a rotation, and a release that fails", async () => {
    await project.setSecret("postgresPassword", `${MARK}second${randomBytes(12).toString("hex")}`);
    assert.equal((await say("preview of the rotation", "preview", "--json")).code, 0);
    assert.equal(
      (await say("up of the rotation", "up", "--yes", "--skip-preview", "--json")).code,
      0,
      said.get("up of the rotation")!.slice(-3000),
    );
    const good = project.config;
    // A wrong file in the place of a credential: what the program says about it is in its log, and in the CLI's last words.
    project.configure({
      "berth:services": { agent: { environment: { DATABASE_URL_FILE: "/run/secrets/redis-url" } } },
    });
    assert.notEqual((await say("failed up", "up", "--yes", "--skip-preview")).code, 0);
    said.set("culprits", (await project.script("culprits", STACK)).output);
    said.set("drift", (await project.script("drift", STACK)).output);
    project.configure({ ...good, "berth:services": good["berth:services"] });
  });

  it("no canary in what the engine tells of containers, images, volumes and networks", async () => {
    const all = await containers();
    assert.ok(all.length > 30, String(all.length));
    clean("containers", await docker("container", "inspect", ...all));
    clean("volumes", await docker("volume", "inspect", ...(await ids("volume"))));
    clean("networks", await docker("network", "inspect", ...(await ids("network"))));
    const images = [...new Set((await docker("container", "inspect", "--format", "{{.Image}}", ...all)).split("\n"))];
    clean("images", await docker("image", "inspect", ...images));
    for (const image of images) clean(`history of ${image}`, await docker("history", "--no-trunc", image));
  });
  it("no canary in a layer of an image that was built", async () => {
    for (const image of ["assistant", "edge"])
      assert.deepEqual(
        await foundInStream(`layers of ${image}`, "docker", ["save", `localhost/berth/assistant-${image}:${STACK}`]),
        [],
      );
  });
  it("no canary in a process's command line or environment", async () => {
    // Health checks live for a moment: several looks see some of them.
    for (let look = 0; look < 5; look++) {
      const seen = await processes(await ids("container"));
      assert.ok(seen.split("== ").length > 40, seen.slice(0, 500));
      const sections = seen.split(/^== /m).slice(1);
      // A process is named by its command line, which comes right before its environment.
      assert.deepEqual(
        sections.flatMap((section, n) =>
          found(
            section.includes(" environ\n") ? `${sections[n - 1]!.slice(0, 200)} environment` : section.slice(0, 200),
            section,
          ),
        ),
        [],
      );
    }
  });
  it("no canary in the engine's events, or in a container's log", async () => {
    const lines = await events.stop();
    assert.ok(lines.length > 256, String(lines.length));
    clean("events", lines.join("\n"));
    for (const id of await containers()) {
      const { output } = await command("docker", ["logs", id]);
      clean(`log of ${await docker("inspect", "--format", "{{.Name}}", id)}`, output);
    }
  });
  it("no canary in what the CLI says, in the exported state, in the state's files, or in the stack file", async () => {
    await say("outputs", "stack", "output", "--json");
    await say("configuration", "config");
    await say("exported state", "stack", "export");
    for (const [what, output] of said) {
      assert.ok(output.length > 0, what);
      clean(what, output);
    }
    const files = readdirSync(join(project.dir, ".state"), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    assert.ok(files.length > 3, String(files.length));
    for (const file of files) clean(file.name, readFileSync(join(file.parentPath, file.name)));
    clean("stack file", readFileSync(join(project.dir, `Pulumi.${STACK}.yaml`)));
  });
  it("files are 0440 and root's; another user with another group reads none, the service's group does", async () => {
    const volumes = (
      await docker(
        "volume",
        "ls",
        "--filter",
        `label=berth.stack=${STACK}`,
        "--filter",
        "label=berth.version",
        "--format",
        "{{.Name}}",
      )
    ).split("\n");
    assert.ok(volumes.length >= 15, volumes.join(", "));
    const look = (user: string, line: string): Promise<string> =>
      docker(
        "run",
        "--rm",
        "--network",
        "none",
        "--user",
        user,
        "--cap-drop",
        "ALL",
        ...volumes.flatMap((volume) => ["--volume", `${volume}:/v/${volume}:ro`]),
        "--entrypoint",
        "sh",
        TOOLS,
        "-c",
        line,
      );
    const modes = (await look("0:0", "find /v -type f -exec stat -c '%a %u:%g %n' {} +")).split("\n");
    assert.ok(modes.length >= 30, modes.join("\n"));
    for (const line of modes) assert.match(line, /^440 0:0 /);
    const read = "for file in $(find /v -type f); do if cat $file > /dev/null 2>&1; then echo $file; fi; done";
    assert.equal(await look("12345:12345", read), "");
    assert.equal((await look("10001:0", read)).split("\n").length, modes.length);
  });
  it("only the service that a secret is for has its files mounted", async () => {
    for (const id of await ids("container")) {
      const [service, ...mounted] = (
        await docker(
          "inspect",
          "--format",
          `{{index .Config.Labels "berth.service"}}{{range .Mounts}}{{if eq .Type "volume"}} {{.Name}}{{end}}{{end}}`,
          id,
        )
      ).split(" ");
      for (const volume of mounted.filter((name) => /-secrets-[0-9a-f]{7}$/.test(name)))
        assert.ok(volume.startsWith(`assistant-${STACK}-${service!}-secrets-`), `${service!} has ${volume}`);
    }
  });
  it("control: a container with a canary in environment, label, command line and log is found by every search", async () => {
    const name = "canary-control";
    const coded = Buffer.from(`x${MARK}`).toString("base64");
    await docker(
      "run",
      "--detach",
      "--name",
      name,
      "--network",
      "none",
      "--env",
      `LEAK=${MARK}`,
      "--label",
      `leak=${coded}`,
      "--entrypoint",
      "sh",
      TOOLS,
      "-c",
      `echo ${Buffer.from(MARK).toString("hex")}; sleep 600; : ${encodeURIComponent(MARK)}`,
    );
    try {
      const inspected = found("inspect", await docker("inspect", name)).join("\n");
      for (const how of ["raw", "base64 at 1", "hex", "URL-encoded"])
        assert.ok(inspected.includes(how), `${how} is not among\n${inspected}`);
      const running = found("processes", await processes([name])).join("\n");
      assert.match(running, /raw/);
      assert.match(running, /URL-encoded/);
      assert.match(found("log", (await command("docker", ["logs", name])).output).join("\n"), /hex/);
      assert.match((await foundInStream("stream", "docker", ["inspect", name])).join("\n"), /raw/);
    } finally {
      await docker("rm", "--force", name);
    }
  });
});
