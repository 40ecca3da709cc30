/** Start order of services. */

interface Node {
  readonly name: string;
  readonly after: readonly string[];
}

/**
 * Depth-first order: every service after those it waits for, otherwise as listed. `cycle` names one way round, if any.
 */
export function startOrder<T extends Node>(
  nodes: readonly T[],
): { readonly order: readonly T[]; readonly cycle?: readonly string[] } {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const order: T[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  let cycle: string[] | undefined;
  const visit = (node: T): void => {
    if (done.has(node.name) || cycle) return;
    const start = path.indexOf(node.name);
    if (start >= 0) {
      cycle = [...path.slice(start), node.name];
      return;
    }
    path.push(node.name);
    for (const name of node.after) {
      const next = byName.get(name);
      if (next) visit(next);
    }
    path.pop();
    done.add(node.name);
    order.push(node);
  };
  nodes.forEach(visit);
  return cycle ? { order, cycle } : { order };
}

/** Whether a node waits for another, or for one that does. */
export function waitsFor<T extends Partial<Node> & Pick<Node, "name">>(
  name: string,
  other: string,
  nodes: readonly T[],
): boolean {
  const seen = new Set<string>();
  const next = [name];
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    next.push(...(nodes.find((node) => node.name === at)?.after ?? []));
  }
  return name !== other && seen.has(other);
}
