import { type SyntheticEvent, useCallback, useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { Api, Sample, Settings, Statistics } from "./api.ts";
import { DeleteDialog } from "./delete-dialog.tsx";
import { FilterForm } from "./filter-form.tsx";
import { filtersOf, isSet, problemOf, queryOf } from "./filters.ts";
import { count } from "./format.ts";
import { SampleCard } from "./sample-card.tsx";
import { SimilarDialog } from "./similar-dialog.tsx";
import { StatisticsPanel } from "./statistics.tsx";
import { UploadPanel } from "./upload-panel.tsx";
import { useLibrary } from "./use-library.ts";

interface Props {
  readonly api: Api;
  readonly explain: (error: unknown) => string;
  readonly announce: (text: string) => void;
}

type Asked = { readonly about: "similar" | "delete"; readonly sample: Sample };

export function LibraryPage({ api, explain, announce }: Props) {
  const [filters, setFilters] = useState(() => filtersOf(new URLSearchParams(window.location.search)));
  const [settings, setSettings] = useState<Settings>();
  const [statistics, setStatistics] = useState<Statistics>();
  const [asked, setAsked] = useState<Asked>();
  const heading = useRef<HTMLHeadingElement>(null);

  const wanted = queryOf(filters).toString();
  // While the form makes no sense, the list stays what it was.
  const [query, setQuery] = useState(wanted);
  if (problemOf(filters) === undefined && query !== wanted) setQuery(wanted);
  useEffect(() => window.history.replaceState(null, "", query ? `?${query}` : window.location.pathname), [query]);

  const told = useCallback((news: readonly string[]) => news.length && announce(news.join(" ")), [announce]);
  const { library, reload, more, add, remove } = useLibrary(api, query, explain, told);

  useEffect(() => {
    const end = new AbortController();
    const ask = <T,>(answer: Promise<T>, set: (value: T) => void): void =>
      void answer.then(set, (error: unknown) => void (end.signal.aborted || explain(error)));
    ask(api.settings(end.signal), setSettings);
    ask(api.statistics(end.signal), setStatistics);
    return () => end.abort();
  }, [api, explain]);

  const stored = useCallback(
    (sample: Sample) => {
      announce(`${sample.name} is uploaded.`);
      // Whether a search finds it, the backend knows once it is analysed.
      if (query === "") add(sample);
    },
    [announce, add, query],
  );
  const deleted = ({ id, name }: Sample): void => {
    flushSync(() => {
      remove(id);
      setAsked(undefined);
    });
    announce(`${name} is deleted.`);
    // The button that the dialog gives the focus back to is gone.
    heading.current?.focus();
  };

  const { items, next, phase } = library;
  return (
    <div className="library" onPlayCapture={playAlone}>
      <h1 className="unseen">Samples</h1>
      <UploadPanel api={api} settings={settings} explain={explain} stored={stored} />
      <section className="found" aria-labelledby="samples" aria-busy={phase === "loading"}>
        <h2 id="samples" tabIndex={-1} ref={heading}>
          Library
        </h2>
        <FilterForm filters={filters} change={setFilters} />
        <p role="status" className="quiet">
          {phase === "loading" && items.length === 0
            ? "Loading…"
            : items.length > 0
              ? `${count(items.length, "sample")}${next === null ? "" : " and more"}`
              : phase === "loaded"
                ? isSet(filters)
                  ? "No sample fits the search."
                  : "There are no samples yet: upload the first."
                : ""}
        </p>
        {phase === "failed" && (
          <div role="alert" className="message bad">
            <p>{library.error}</p>
            <button type="button" onClick={() => void reload()}>
              Try again
            </button>
          </div>
        )}
        <ul className="samples" aria-label="Samples">
          {items.map((sample) => (
            <SampleCard
              key={sample.id}
              api={api}
              sample={sample}
              descriptions={settings?.descriptions ?? false}
              similar={() => setAsked({ about: "similar", sample })}
              remove={() => setAsked({ about: "delete", sample })}
            />
          ))}
        </ul>
        {next !== null && (
          <p className="more">
            <button type="button" onClick={() => void more()} disabled={phase === "loading"}>
              Show more
            </button>
          </p>
        )}
      </section>
      <StatisticsPanel statistics={statistics} settings={settings} />
      {asked?.about === "similar" && (
        <SimilarDialog api={api} sample={asked.sample} explain={explain} close={() => setAsked(undefined)} />
      )}
      {asked?.about === "delete" && (
        <DeleteDialog
          api={api}
          sample={asked.sample}
          explain={explain}
          close={() => setAsked(undefined)}
          deleted={() => deleted(asked.sample)}
        />
      )}
    </div>
  );
}

/** Of all players one plays. */
function playAlone({ target }: SyntheticEvent): void {
  for (const audio of document.querySelectorAll("audio")) if (audio !== target) audio.pause();
}
