/**
 * docker:index/volume:Volume. Creating one whose name exists adopts it, labels and options notwithstanding (section 4).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { autoname, hasOwnName, planned, refreshed } from "../shared/resource.ts";
import type { Resource } from "../shared/resource.ts";
import { difference } from "../shared/difference.ts";
import { bare, check, map, text } from "../shared/table.ts";
import type { Table } from "../shared/table.ts";
import type { Props } from "../shared/wire.ts";
import { EngineError, said } from "./engine.ts";
import { docker } from "./host.ts";
import { labelList, labelMap, labelsProperty } from "./labels.ts";
import { settle, settleCreated } from "./settle.ts";

const R = { replace: true } as const;

const table: Table = {
  name: text({ ...R, computed: true }),
  labels: labelsProperty(),
  driver: text({ ...R, computed: true }),
  driverOpts: map(R),
  mountpoint: text({ output: true }),
};

interface Inspection {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly Labels: { [label: string]: string } | null;
  readonly Options: { [option: string]: string } | null;
}

const DELAY_MS = 2_000;

function outputsOf(found: Inspection): Props {
  return {
    name: found.Name,
    labels: labelList(found.Labels),
    driver: found.Driver,
    driverOpts: found.Options ?? {},
    mountpoint: found.Mountpoint,
  };
}

const path = (id: string): string => `/volumes/${encodeURIComponent(id)}`;

export const volume: Resource = {
  table,
  check(args) {
    if (args.news["cluster"] !== undefined) {
      return {
        inputs: args.news,
        failures: [{ property: "cluster", reason: "the bench stand-in does not implement cluster volumes" }],
      };
    }
    const { inputs, failures } = check(table, args.news);
    const named = autoname(inputs, args);
    return { inputs: named.inputs, failures: [...failures, ...named.failures] };
  },
  diff: ({ olds, news, ignored }) => ({
    changes: difference(table, olds, news, ignored),
    deleteFirst: hasOwnName(news),
  }),
  async create({ inputs, preview }) {
    if (preview) return { id: "", outputs: planned(table, inputs) };
    const made = await docker()
      .call<Inspection>("POST", "/volumes/create", {
        body: {
          Name: inputs["name"],
          Labels: labelMap(inputs["labels"]),
          ...(inputs["driver"] !== undefined && { Driver: inputs["driver"] }),
          ...(inputs["driverOpts"] !== undefined && { DriverOpts: inputs["driverOpts"] }),
        },
      })
      .catch((error: Error) => Promise.reject(new Error(`Unable to create volume: ${error.message}`)));
    const found = (await docker().find<Inspection>(path(made.Name))) ?? made;
    return { id: found.Name, outputs: settleCreated(table, bare(inputs) as Props, outputsOf(found)) };
  },
  async read({ id, inputs, outputs }) {
    const found = await docker().find<Inspection>(path(id));
    if (found === undefined) return undefined;
    const fresh = settle(table, outputs, outputsOf(found));
    return { id: found.Name, outputs: fresh, inputs: refreshed(inputs, fresh, difference(table, fresh, inputs)) };
  },
  async delete({ id }) {
    const deadline = Date.now() + 30_000;
    for (await sleep(DELAY_MS); ; await sleep(5_000)) {
      try {
        await docker().call("DELETE", path(id), { query: { force: true } });
        return;
      } catch (error) {
        if (error instanceof EngineError && error.status === 404) return;
        if (!said(error, "volume is in use")) throw error;
        if (Date.now() > deadline)
          throw new Error(`timeout while waiting for the volume to be removed: ${(error as Error).message}`, {
            cause: error,
          });
      }
    }
  },
};
