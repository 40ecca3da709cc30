/** Folders of the engine's machine that hold data. */
import { type Problem, setCommand } from "../../config/problems.ts";
import type { Draft } from "./draft.ts";
import { isUnder } from "./routes.ts";

/** Two that are one, or one inside the other, would find each other's files, and be lost together. */
export function deviceProblems({ services, context: { stack } }: Draft): Problem[] {
  const mounts = services.flatMap(({ name, volumes = [] }) =>
    volumes.flatMap(({ name: volume, device }) => (device === undefined ? [] : [{ name, volume, device }])),
  );
  return mounts.flatMap(({ name, volume, device }, n) => {
    const other = mounts
      .slice(0, n)
      .find((one) => one.volume !== volume && (isUnder(device, one.device) || isUnder(one.device, device)));
    if (other === undefined) return [];
    const key = `berth:${name}.device`;
    return [
      {
        key,
        got: `${device}, where berth:${other.name}.device has ${other.device}`,
        allowed: "a folder of its own, best on another disk",
        fix: setCommand(key, `${device.replace(/\/[^/]+$/, "")}/${name}-data`, stack),
      },
    ];
  });
}
