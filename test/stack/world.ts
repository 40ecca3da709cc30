/**
 * A stack that is born with everything that the promises need, and what stands around
 * it: who signs, who is told, where data is.
 */
import type { SecretKey } from "../../config/secrets.ts";
import { resourceName } from "../../plan/names.ts";
import { systems } from "../../systems/index.ts";
import type { Driver, Session } from "../systems/driver.ts";
import { Authority, type Pair } from "./authority.ts";
import { Canary } from "./canary.ts";
import { Events } from "./engine.ts";
import { hurry } from "./hurry.ts";
import { Disk } from "./inject.ts";
import { docker, type Result } from "./command.ts";
import { Prometheus } from "./prometheus.ts";
import { Receiver } from "./receiver.ts";
import { Stack } from "./stack.ts";
import { type Start, startsWhile } from "./starts.ts";

/** Uid of the one who makes backups. */
const BACKUP_UID = 34;

export class World<S extends Session = Session> {
  readonly authority = new Authority();
  readonly receiver = new Receiver();
  readonly canary = new Canary();
  /** Holds the databases. */
  readonly disk = new Disk();
  /** Holds the backups. */
  readonly backups = new Disk();
  readonly stack: Stack<S>;
  prometheus!: Prometheus;
  /** What the first start of each container took. */
  starts: readonly Start[] = [];
  /** What was said in each run of the CLI that somebody may read. */
  readonly said = new Map<string, string>();
  #events: Events | undefined;

  constructor(driver: Driver<S>, name: string, portOffset: number) {
    this.stack = new Stack(driver, { stack: name, portOffset, authority: this.authority });
  }

  /** @param prepare Does something to the copy before its stack is made. @default nothing */
  async open(prepare?: (dir: string) => void): Promise<void> {
    await this.authority.open();
    await this.receiver.open();
    this.disk.mount(512);
    this.backups.mount(160);
    this.#events = await Events.watch("{{json .}}");
    const { project } = this.stack;
    await this.stack.create();
    prepare?.(project.dir);
    hurry(project);
    project.configure({
      "berth:backup": { every: "30d", keep: 3, device: this.backups.folder("backups", BACKUP_UID) },
    });
    await this.#secrets();
    await this.#onDisk();
    const first = await project.preview("--diff");
    this.said.set("first preview", first.output);
    this.starts = await startsWhile(project, async () =>
      this.say("first up", await project.pulumi("up", "--stack", project.stack, "--yes", "--skip-preview", "--diff")),
    );
    await this.stack.enter();
    this.prometheus = new Prometheus((await project.output<Record<string, string>>("urls"))["prometheus"]!);
  }

  /** The data of the stores, by a setting of the store or by a volume of the right name, which is adopted. */
  async #onDisk(): Promise<void> {
    const { project, driver } = this.stack;
    const { plan, service } = project.known;
    for (const store of driver.stores) {
      const { name, uid, labels, volumes = [] } = service(store.service);
      const folder = this.disk.folder(name, uid);
      if (store.settings) {
        project.configure(store.settings(folder));
        continue;
      }
      for (const volume of volumes.filter(({ keep }) => keep === "data")) {
        // All of them, or a refresh would find a volume that nobody may declare (policy/rules/labels.ts).
        const words = Object.entries({ ...labels, "berth.keep": "data" }).map(([label, value]) => `${label}=${value}`);
        const bound = ["type=none", "o=bind", `device=${folder}`].flatMap((one) => ["--opt", one]);
        const options = [...words.flatMap((word) => ["--label", word]), ...bound];
        await docker("volume", "create", ...options, resourceName(plan.system, plan.stack, volume.name));
      }
    }
  }
  /** All secrets that something reads: the backups go to a folder. */
  get secretKeys(): readonly SecretKey[] {
    const { system, unread } = this.stack.driver;
    const keys = Object.keys(systems[system].shape.secrets);
    return keys.filter((key) => !key.startsWith("backupS3") && !unread.includes(key));
  }
  /** Every secret that something reads, each a canary. */
  async #secrets(): Promise<void> {
    const { canary, receiver } = this;
    const mail = { to: "ops@example.org", from: "berth@example.org", smarthost: receiver.smarthost };
    const special: Readonly<Record<SecretKey, string>> = {
      ...this.stack.driver.secrets(canary.mark),
      alertMail: JSON.stringify({
        ...mail,
        require_tls: false,
        send_resolved: true,
        auth_username: "berth",
        auth_password: canary.value("alertMail"),
      }),
      alertWebhookUrl: receiver.url(this.hook),
      alertHeartbeatUrl: receiver.url(this.heartbeat),
      alertSlackUrl: receiver.url(this.slack),
    };
    for (const [key, value] of Object.entries(special)) if (!value.includes(canary.mark)) canary.watch(key, value);
    const keys = this.secretKeys.filter((name) => !name.startsWith("tls"));
    const values = keys.map((key): [string, string] => [key, special[key] ?? canary.value(key)]);
    await this.stack.project.setSecrets(Object.fromEntries(values));
    // For one day: an alert says so.
    await this.setCertificate(await this.authority.issue("first", 1));
  }
  /** Paths at the receiver. */
  get hook(): string {
    return `/hook/${this.canary.mark}`;
  }
  get heartbeat(): string {
    return `/heartbeat/${this.canary.mark}`;
  }
  get slack(): string {
    return `/slack/${this.canary.mark}`;
  }

  /** A certificate, and a key with a mark: what stands before the first line of a PEM block is a comment. */
  async setCertificate({ key, certificate }: Pair): Promise<void> {
    const { project } = this.stack;
    this.canary.watch("tlsKey", key.split("\n")[1]!);
    await project.setSecrets({
      tlsCertificate: `${this.canary.value("tlsCertificate")}\n${certificate}`,
      tlsKey: `${this.canary.value("tlsKey")}\n${key}`,
    });
  }

  /** Keeps what a run of the CLI said. @throws {Error} where it failed. */
  say(what: string, { code, output }: Result): void {
    this.said.set(what, output);
    if (code !== 0) throw new Error(`${what}: exit code ${code}:\n${output}`);
  }
  /** Lines of all that the engine did since the stack was begun. */
  async events(): Promise<string[]> {
    return (await this.#events?.stop()) ?? [];
  }

  async close(): Promise<void> {
    await this.events();
    await this.stack.remove();
    this.receiver.close();
    this.authority.close();
    this.disk.remove();
    this.backups.remove();
  }
}
