/** Redis, as a test sees it. */
import { command, docker } from "../stack/command.ts";
import type { Project } from "../stack/project.ts";
import type { Store } from "./store.ts";

export const redis: Store = {
  title: "Redis",
  service: "redis",
  login: "redis-users",
  secret: "redisPassword",
  by: "rotate",
  file: "redis-url",
  alert: "RedisDown",
  dependency: "redis",
  lets: async ({ project }, { username, password }) => {
    const container = await project.container("redis");
    // In the environment: the engine's events tell of arguments.
    const login = ["exec", "--env", `REDISCLI_AUTH=${password}`, container, "redis-cli", "--user", username, "ping"];
    const { output } = await command("docker", login);
    return output.trim() === "PONG";
  },
};

/** redis-cli, as the user that manages the others, whose password the job that makes users has. */
export async function redisCli(project: Project, ...args: string[]): Promise<string> {
  const job = await project.container("redis-users");
  // A former version has secrets elsewhere (test/soak/upgrade-path.test.ts).
  const line =
    "cat /etc/berth/secrets/admin-password /run/secrets/admin-password 2> /dev/null" +
    ' | redis-cli -e -h redis --user admin --askpass --no-auth-warning "$@"';
  return docker("exec", job, "sh", "-c", line, "sh", ...args);
}
