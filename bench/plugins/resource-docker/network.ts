/** docker:index/network:Network. Every input forces a replacement; there is no update. */
import { setTimeout as sleep } from "node:timers/promises";
import { autoname, hasOwnName, planned, refreshed } from "../shared/resource.ts";
import type { Resource } from "../shared/resource.ts";
import { difference } from "../shared/difference.ts";
import { bool, check, map, set, text } from "../shared/table.ts";
import type { Table } from "../shared/table.ts";
import { bare } from "../shared/table.ts";
import type { Json, Props } from "../shared/wire.ts";
import { said } from "./engine.ts";
import { docker } from "./host.ts";
import { labelList, labelMap, labelsProperty } from "./labels.ts";
import { settle, settleCreated } from "./settle.ts";

const R = { replace: true } as const;

const table: Table = {
  name: text(R),
  labels: labelsProperty(),
  driver: text({ ...R, computed: true }),
  options: map({ ...R, computed: true }),
  internal: bool({ ...R, computed: true }),
  attachable: bool(R),
  ingress: bool(R),
  ipv6: bool(R),
  ipamDriver: text({ ...R, fallback: "default" }),
  ipamOptions: map(R),
  ipamConfigs: set(
    { ...R, computed: true },
    { subnet: text(R), ipRange: text(R), gateway: text(R), auxAddress: map(R) },
  ),
  scope: text({ output: true }),
};

interface IpamConfig {
  readonly Subnet?: string;
  readonly IPRange?: string;
  readonly Gateway?: string;
  readonly AuxiliaryAddresses?: { [name: string]: string };
}

interface Inspection {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly EnableIPv6: boolean;
  readonly Labels: { [label: string]: string } | null;
  readonly Options: { [option: string]: string } | null;
  readonly IPAM: {
    readonly Driver: string;
    readonly Options: { [option: string]: string } | null;
    readonly Config: IpamConfig[] | null;
  };
}

/** The real provider waits two seconds before it looks at or removes a network, whatever the network (A12). */
const DELAY_MS = 2_000;

const given = (entries: { [key: string]: Json | undefined }): Props =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined && value !== "")) as Props;

function ipamOf(inputs: Props): object {
  const configs = (inputs["ipamConfigs"] ?? []) as Props[];
  return {
    Driver: inputs["ipamDriver"],
    ...(inputs["ipamOptions"] !== undefined && { Options: inputs["ipamOptions"] }),
    ...(configs.length > 0 && {
      Config: configs.map(({ subnet, ipRange, gateway, auxAddress }) =>
        given({ Subnet: subnet, IPRange: ipRange, Gateway: gateway, AuxiliaryAddresses: auxAddress }),
      ),
    }),
  };
}

function outputsOf(found: Inspection): Props {
  return {
    name: found.Name,
    labels: labelList(found.Labels),
    driver: found.Driver,
    options: found.Options ?? {},
    internal: found.Internal,
    attachable: found.Attachable,
    ingress: found.Ingress,
    ipv6: found.EnableIPv6,
    ipamDriver: found.IPAM.Driver,
    ipamOptions: found.IPAM.Options ?? {},
    ipamConfigs: (found.IPAM.Config ?? []).map((config) =>
      given({
        subnet: config.Subnet,
        ipRange: config.IPRange,
        gateway: config.Gateway,
        auxAddress: config.AuxiliaryAddresses,
      }),
    ),
    scope: found.Scope,
  };
}

/** Any error of the inspection drops the network from the state, as with the real one. */
async function inspect(id: string): Promise<Inspection | undefined> {
  return docker()
    .call<Inspection>("GET", `/networks/${encodeURIComponent(id)}`)
    .catch(() => undefined);
}

export const network: Resource = {
  table,
  check(args) {
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
    const { Id } = await docker()
      .call<{ Id: string }>("POST", "/networks/create", {
        body: {
          Name: inputs["name"],
          CheckDuplicate: true,
          Labels: labelMap(inputs["labels"]),
          Driver: inputs["driver"] ?? "bridge",
          Options: inputs["options"] ?? {},
          Internal: inputs["internal"] ?? false,
          Attachable: inputs["attachable"] ?? false,
          Ingress: inputs["ingress"] ?? false,
          EnableIPv6: inputs["ipv6"] ?? false,
          IPAM: ipamOf(inputs),
        },
      })
      .catch((error: Error) => Promise.reject(new Error(`Unable to create network: ${error.message}`)));
    await sleep(DELAY_MS);
    const found = await inspect(Id);
    const before = bare(inputs) as Props;
    return { id: Id, outputs: found === undefined ? before : settleCreated(table, before, outputsOf(found)) };
  },
  async read({ id, inputs, outputs }) {
    await sleep(DELAY_MS);
    const found = await inspect(id);
    if (found === undefined) return undefined;
    const fresh = settle(table, outputs, outputsOf(found));
    return { id: found.Id, outputs: fresh, inputs: refreshed(inputs, fresh, difference(table, fresh, inputs)) };
  },
  async delete({ id }) {
    const deadline = Date.now() + 30_000;
    for (await sleep(DELAY_MS); ; await sleep(5_000)) {
      if ((await inspect(id)) === undefined) return;
      try {
        await docker().call("DELETE", `/networks/${id}`);
        return;
      } catch (error) {
        if (!said(error, "has active endpoints")) throw error;
        if (Date.now() > deadline)
          throw new Error(`timeout while waiting for the network to be removed: ${(error as Error).message}`, {
            cause: error,
          });
      }
    }
  },
};
