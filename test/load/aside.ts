/** Reads beside a load, in a thread of their own: what the load itself has to do is not in their times. */
import { parentPort, Worker, workerData } from "node:worker_threads";
import { Load, type LoadArgs, type LoadReport } from "./load.ts";

export type AsideArgs = Pick<LoadArgs, "url" | "ca" | "kept" | "reads"> & {
  readonly token: string;
  /** For how long. */
  readonly seconds: number;
};

export function readAside(args: AsideArgs): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: args });
    worker.once("message", resolve).once("error", reject);
  });
}

if (parentPort) {
  const { seconds, token, ...args } = workerData as AsideArgs;
  const none = (): never => {
    throw new Error("it reads only");
  };
  const load = new Load({
    ...args,
    token: () => token,
    fresh: 0,
    slow: 0,
    posts: 0,
    write: none,
    slowly: none,
  }).start();
  const port = parentPort;
  setTimeout(() => void load.stop().then((report) => port.postMessage(report)), seconds * 1000);
}
