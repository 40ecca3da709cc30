import { useCallback, useEffect, useReducer, useRef } from "react";
import { type Api, ApiError, type Sample } from "./api.ts";
import { EMPTY, library as reduce, news, pause, unfinished } from "./library.ts";

/** How long somebody may type before it is searched for. */
const TYPING_MS = 300;

/**
 * The samples that the query finds. Those that are not finished are asked for again until they are, more and more
 * seldom, and never while nobody looks.
 * @param query Filters, as the API takes them.
 * @param told Called with what became of samples that were waited for.
 */
export function useLibrary(
  api: Api,
  query: string,
  explain: (error: unknown) => string,
  told: (news: readonly string[]) => void,
) {
  const [library, dispatch] = useReducer(reduce, EMPTY);
  const first = useRef(true);
  const asked = useRef(0);
  const current = useRef(query);

  const load = useCallback(
    async (signal?: AbortSignal): Promise<void> => {
      dispatch({ type: "loading" });
      try {
        dispatch({ type: "loaded", page: await api.list(new URLSearchParams(query), undefined, signal) });
      } catch (error) {
        if (!signal?.aborted) dispatch({ type: "failed", error: explain(error) });
      }
    },
    [api, query, explain],
  );
  const add = useCallback((sample: Sample): void => {
    asked.current = 0;
    dispatch({ type: "added", sample });
  }, []);

  useEffect(() => {
    current.current = query;
    const end = new AbortController();
    const start = setTimeout(() => void load(end.signal), first.current ? 0 : TYPING_MS);
    first.current = false;
    return () => {
      clearTimeout(start);
      end.abort();
    };
  }, [load, query]);

  const { items } = library;
  useEffect(() => {
    const ids = unfinished(items);
    if (ids.length === 0) {
      asked.current = 0;
      return undefined;
    }
    const end = new AbortController();
    const ask = async (): Promise<void> => {
      asked.current += 1;
      const answers = await Promise.all(ids.map((id) => found(api, id, end.signal, explain)));
      if (end.signal.aborted) return;
      const samples = answers.filter((answer) => typeof answer === "object");
      const said = news(items, samples);
      if (said.length) asked.current = 0;
      told(said);
      dispatch({ type: "refreshed", samples });
      dispatch({ type: "removed", ids: ids.filter((_, index) => answers[index] === "gone") });
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const plan = (): void => {
      clearTimeout(timer);
      if (!document.hidden) timer = setTimeout(() => void ask(), pause(asked.current));
    };
    plan();
    document.addEventListener("visibilitychange", plan);
    return () => {
      clearTimeout(timer);
      end.abort();
      document.removeEventListener("visibilitychange", plan);
    };
  }, [api, items, explain, told]);

  return {
    library,
    reload: (): Promise<void> => load(),
    more: async (): Promise<void> => {
      dispatch({ type: "loading" });
      try {
        const page = await api.list(new URLSearchParams(query), library.next!);
        if (current.current === query) dispatch({ type: "continued", page });
      } catch (error) {
        if (current.current === query) dispatch({ type: "failed", error: explain(error) });
      }
    },
    add,
    remove: (id: string): void => dispatch({ type: "removed", ids: [id] }),
  };
}

/** A sample as it is now; "gone": somebody deleted it; undefined: nobody knows, so it is asked for again. */
async function found(
  api: Api,
  id: string,
  signal: AbortSignal,
  explain: (error: unknown) => string,
): Promise<Sample | "gone" | undefined> {
  try {
    return await api.sample(id, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    if (error instanceof ApiError && error.status === 404) return "gone";
    explain(error);
    return undefined;
  }
}
