/** How a store looks to a test: its log-ins, and the data by which it is known to be whole. */
import type { SecretKey } from "../../config/secrets.ts";
import { docker } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";

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
  /** File under /etc/berth/secrets that tells a consumer how to log in: a URL, or user:password. */
  readonly file: string;
  /** Whether the server takes a log-in. */
  readonly lets: (stack: Stack, login: Login) => Promise<boolean>;
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
