import { engineAccess } from "../../../policy/rules/engine-access.ts";
import { container, fails, passes } from "./support.ts";

const mounting = (hostPath: string) =>
  container({
    volumes: [
      { volumeName: "data", containerPath: "/data" },
      { hostPath, containerPath: "/x", readOnly: true },
    ],
  });

describe("policy/engine-access", () => {
  for (const path of ["/sys/fs/cgroup", "/home/ann/berth/services", "/var/lib/docker-volumes"])
    it(`passes ${path}`, () => passes(engineAccess, mounting(path)));
  for (const path of [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/user/1000/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/",
    "/run",
    "/var/run/",
    "/var",
    "/srv/../var/run",
    "/var/lib/docker",
    "/var/lib/docker/containers",
  ])
    it(`refuses ${path}`, () => fails(engineAccess, mounting(path), path));
  it("refuses the same by the other way to mount", () =>
    fails(
      engineAccess,
      container({ mounts: [{ type: "bind", source: "/var/run/docker.sock", target: "/x" }] }),
      "docker.sock",
    ));
});
