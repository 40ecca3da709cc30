import { posix } from "node:path";
import { hostPathsOf, type Rule } from "../rule.ts";

/** Who holds the socket is root of the machine; the folder has every container's files, secrets among them. */
const ENGINE = [
  "/run/docker.sock",
  "/var/run/docker.sock",
  "/run/containerd",
  "/var/run/containerd",
  "/var/lib/docker",
];
const SOCKET = /(docker|containerd|podman|crio)[\w.-]*\.sock$/;

const isIn = (path: string, folder: string): boolean => path === folder || path.startsWith(folder.replace(/\/?$/, "/"));
/** Also a folder above, such as / or /var. */
const reachesEngine = (given: string): boolean => {
  const path = posix.resolve("/", given);
  return SOCKET.test(path) || ENGINE.some((part) => isIn(path, part) || isIn(part, path));
};

export const engineAccess: Rule = {
  name: "engine-access",
  description: "No container reaches the engine's socket or its folder.",
  container: (container) =>
    hostPathsOf(container)
      .filter(reachesEngine)
      .map((path) => ({
        wrong: "reaches the engine",
        got: `mounts ${path} of the machine`,
        allowed: `nothing that holds, is or lies in ${ENGINE.join(", ")}`,
        fix: "remove it from `hostMounts` of the catalogue entry",
      })),
};
