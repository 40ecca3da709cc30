import { useEffect, useReducer, useRef } from "react";
import { type Api, ApiError, type Sample, unreachable } from "./api.ts";
import { isGoing, startable, uploads as reduce, uuid } from "./uploads.ts";

/** @param limit Megabytes a file may have. @param stored Called with the sample that a file became. */
export function useUploads(
  api: Api,
  limit: number | undefined,
  explain: (error: unknown) => string,
  stored: (sample: Sample) => void,
) {
  const [uploads, dispatch] = useReducer(reduce, []);
  const files = useRef(new Map<string, File>());
  const sending = useRef(new Map<string, AbortController>());
  const going = uploads.some(isGoing);

  useEffect(() => {
    const transfer = async (id: string, file: File): Promise<void> => {
      const end = new AbortController();
      sending.current.set(id, end);
      dispatch({ type: "started", id });
      try {
        const progress = (sent: number): void => dispatch({ type: "progress", id, sent });
        stored(await api.upload(file.name, file, id, progress, end.signal));
        dispatch({ type: "stored", id });
      } catch (error) {
        if (end.signal.aborted) return;
        explain(error);
        dispatch({ type: "failed", id, error: error instanceof ApiError ? error : unreachable(), limit });
      } finally {
        sending.current.delete(id);
      }
    };
    for (const { id } of startable(uploads)) if (!sending.current.has(id)) void transfer(id, files.current.get(id)!);
  }, [api, uploads, limit, explain, stored]);

  useEffect(() => {
    if (!going) return undefined;
    const ask = (event: Event): void => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [going]);

  // Who logs out, or whose session ends, sends nothing more.
  useEffect(() => {
    const all = sending.current;
    return () => {
      for (const end of all.values()) end.abort();
    };
  }, []);

  return {
    uploads,
    add: (chosen: readonly File[]): void => {
      const added = chosen.map((file) => ({
        id: uuid(crypto.getRandomValues(new Uint8Array(16))),
        name: file.name,
        size: file.size,
        file,
      }));
      for (const { id, file } of added) files.current.set(id, file);
      dispatch({ type: "added", files: added.map(({ id, name, size }) => ({ id, name, size })), limit });
    },
    cancel: (id: string): void => {
      sending.current.get(id)?.abort();
      dispatch({ type: "cancelled", id });
    },
    again: (id: string): void => dispatch({ type: "again", id }),
    clear: (): void => {
      for (const { id } of uploads.filter((upload) => !isGoing(upload))) files.current.delete(id);
      dispatch({ type: "cleared" });
    },
  };
}
