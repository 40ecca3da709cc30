/** What every plugin does at its start and at its end: listen, print the port, and leave when it is told to. */
import grpc from "@grpc/grpc-js";

/** Pulumi's own limit. The default of 4 MB is too small for a state with uploads in it. */
const LIMITS = {
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
};

/** Work in flight. A plugin that gets a signal lets it end (with the abort signal raised) before it leaves. */
const inFlight = new Set<Promise<unknown>>();
const abort = new AbortController();

/**
 * Raised when the person interrupts: loops that wait must look at it, so that
 * what exists already is saved in the state.
 */
export const cancelled: AbortSignal = abort.signal;
export const cancel = (): void => abort.abort();

export function track<T>(work: Promise<T>): Promise<T> {
  inFlight.add(work);
  const done = (): void => void inFlight.delete(work);
  work.then(done, done);
  return work;
}

async function leave(): Promise<void> {
  cancel();
  await Promise.allSettled(inFlight);
  // The answers themselves are written after the promises settle.
  setTimeout(() => process.exit(0), inFlight.size === 0 ? 0 : 100);
}

/** Listens on a free port of the loopback interface and prints it: the first line of stdout is the plugin protocol. */
export function serve(add: (server: grpc.Server) => void): void {
  const server = new grpc.Server(LIMITS);
  add(server);
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) {
      console.error(`cannot listen on the loopback interface: ${error.message}`);
      process.exit(1);
    }
    process.stdout.write(`${port}\n`);
  });
  process.on("SIGINT", () => void leave());
  process.on("SIGTERM", () => void leave());
}

export const clientOptions = LIMITS;
export const insecure = (): grpc.ChannelCredentials => grpc.credentials.createInsecure();
