/** Inside a stack, only those ways are open that are meant. */
import assert from "node:assert/strict";
import { answers } from "../../../bin/ports.ts";
import { named } from "../../stack/engine.ts";
import { docker } from "../../stack/command.ts";
import type { Project } from "../../stack/project.ts";
import { addressOn, Outside, reached } from "../../stack/reach.ts";
import { assistant } from "../../systems/assistant/driver.ts";
import { atPortOf, OFFSETS, STORES, type Three } from "./three.ts";

export function insideProd({ dev, prod }: Three): void {
  const databases = async (): Promise<string[]> => {
    const found = STORES.map(async (service) => atPortOf(prod, service, await prod.container(service)));
    return (await Promise.all(found)).flat().sort();
  };
  /** The first container of what answers users, on a network. */
  const front = async (network: string): Promise<string[]> => {
    const { name, port } = prod.known.behind(assistant.paths.light);
    const [container] = await prod.running(name);
    return [`${await addressOn(container!, network)}:${port}`];
  };

  it("every network is internal, but that of the edge", async () => {
    const { networks } = prod.plan();
    assert.deepEqual([...networks].sort(), ["app", "data", "edge", "monitoring"]);
    for (const network of networks) {
      const name = await named(prod, "network", network);
      const internal = await docker("network", "inspect", "--format", "{{.Internal}}", name);
      assert.equal(internal, String(network !== "edge"), network);
    }
  });

  it("monitoring reaches no database, but by the exporters", async () => {
    const prometheus = await prod.container("prometheus");
    assert.deepEqual(await reached(prometheus, await databases()), []);
    assert.deepEqual(await reached(await prod.container("redis-exporter"), await databases()), await databases());
    const api = await front("monitoring");
    assert.deepEqual(await reached(prometheus, api), api, "control: what it is there to ask, it reaches");
  });

  it("the edge reaches no database, but the applications", async () => {
    const edge = await prod.container("edge");
    assert.deepEqual(await reached(edge, await databases()), []);
    const api = await front("app");
    assert.deepEqual(await reached(edge, api), api);
  });

  it("databases are on no port of this machine; dev's are (control)", async () => {
    for (const service of STORES) {
      assert.equal(await docker("port", await prod.container(service)), "", service);
      const [published] = dev.known.service(service).ports;
      assert.ok(published, service);
      assert.equal(
        await answers("127.0.0.1", published.external - OFFSETS.dev + OFFSETS.prod),
        false,
        `prod ${service}`,
      );
      assert.equal(await answers("127.0.0.1", published.external), true, `dev ${service}`);
    }
  });
}

export function wayOut(three: Three): void {
  it("only a service that declares it has a way out of the engine", async () => {
    const outside = await new Outside().open();
    try {
      const target = [outside.target];
      for (const project of three.all) {
        const containers = await project.byService();
        const free: string[] = [];
        for (const { name, networks } of lasting(project)) {
          if (networks.includes("egress")) free.push(name);
          const expected = networks.includes("egress") ? target : [];
          for (const container of containers[name] ?? [])
            assert.deepEqual(await reached(container, target), expected, container);
        }
        // It has a key to what is outside, in dev alone.
        assert.deepEqual(free, project === three.dev ? ["agent"] : [], project.stack);
      }
    } finally {
      await outside.close();
    }
  });
}

/** What runs on, and publishes no port: a port is published through a network with a way out. */
const lasting = (project: Project) =>
  project.plan().services.filter(({ kind, networks }) => kind !== "job" && !networks.includes("edge"));
