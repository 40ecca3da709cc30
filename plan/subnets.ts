/** Addresses of a stack's networks, where the stack file gives it some. Pure. */
import type { NetworkName } from "./types.ts";

/** Whose part is whose never changes: another part would be another network, and replace all containers in it. */
const PARTS: Readonly<Record<NetworkName, number>> = { app: 0, data: 1, edge: 2, egress: 3, monitoring: 4 };
/** Each network gets an eighth: 2^3. */
const BITS = 3;

const numberOf = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const addressOf = (number: number): string => [24, 16, 8, 0].map((bits) => (number >>> bits) & 255).join(".");

/** @param whole Network (CIDR) of a stack. @returns CIDR and first address, which is the engine's. */
export function partOf(whole: string, network: NetworkName): { readonly subnet: string; readonly gateway: string } {
  const [address, bits] = whole.split("/") as [string, string];
  const length = Number(bits) + BITS;
  const size = 2 ** (32 - Number(bits));
  const start = Math.floor(numberOf(address) / size) * size + PARTS[network] * 2 ** (32 - length);
  return { subnet: `${addressOf(start)}/${length}`, gateway: addressOf(start + 1) };
}

/** First and last address of a network (CIDR). */
function range(cidr: string): readonly [first: number, last: number] {
  const [address, bits] = cidr.split("/") as [string, string];
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(numberOf(address) / size) * size;
  return [first, first + size - 1];
}

/** Whether two networks (CIDR) have an address in common. */
export function overlap(one: string, other: string): boolean {
  const [[a, b], [c, d]] = [range(one), range(other)];
  return a <= d && c <= b;
}
