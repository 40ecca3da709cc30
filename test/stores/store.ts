/** How a store looks to a test: its log-ins, and the data by which it is known to be whole. */
import type { SecretKey } from "../../config/secrets.ts";
import { docker } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";
import type { World } from "../stack/world.ts";

/** A log-in as a consumer has it. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface Store {
  readonly title: string;
  /** The service that runs it. */
  readonly service: string;
  /** The secret that its consumers log in with. */
  readonly secret: SecretKey;
  /** How a test changes it: `pulumi config set --secret`, or `bin/rotate`. */
  readonly by: "set" | "rotate";
  /** The job that makes the log-ins. */
  readonly login: string;
  /** File under /etc/berth/secrets that tells a consumer how to log in: a URL, or user:password. */
  readonly file: string;
  /** Whether the server takes a log-in. */
  readonly lets: (stack: Stack, login: Login) => Promise<boolean>;
  /** The alert that says that it is away. */
  readonly alert: string;
  /** The name by which applications tell how it is. */
  readonly dependency: string;
  /** Keys of the stack file, for data that is in a folder of this machine. @default none: its volume is adopted */
  readonly settings?: (folder: string) => Readonly<Record<string, unknown>>;
}

/** Rows that carry a checksum of their own: what a restore is judged by. */
export interface Drill {
  create(): Promise<void>;
  write(rows: number): Promise<void>;
  /** Rows up to an id; those among all whose checksum is wrong; rows after it. */
  look(last: string): Promise<{ readonly there: number; readonly wrong: number; readonly later: number }>;
  /** Id of the newest. */
  last(): Promise<string>;
  /** What the database takes. */
  bytes(): Promise<number>;
  /** Deletes all that a backup has. @throws {Error} where something is still there */
  lose(world: World): Promise<void>;
}

/** What the consumers log in with by now, read from the file that they read. */
export async function loginOf({ project }: Stack, { file, secret }: Store): Promise<Login> {
  const { readers, service } = project.known;
  const consumer = readers(secret).find((name) => service(name).kind === "stateless" && file in service(name).secrets!);
  const [container] = await project.running(consumer!);
  const told = (await docker("exec", container!, "cat", `/etc/berth/secrets/${file}`)).trim();
  const [, user, rest] = /^([^:/]+):(.*)$/s.exec(told) ?? [];
  if (user !== undefined && !rest!.startsWith("//")) return { username: user, password: rest! };
  const { username, password } = new URL(told);
  return { username, password: decodeURIComponent(password) };
}
