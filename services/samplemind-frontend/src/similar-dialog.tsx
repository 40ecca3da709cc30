import { useEffect, useState } from "react";
import type { Api, Sample, Similar } from "./api.ts";
import { Dialog } from "./dialog.tsx";
import { Facts, fileOf, Player } from "./sample-card.tsx";

interface Props {
  readonly api: Api;
  readonly sample: Sample;
  readonly explain: (error: unknown) => string;
  readonly close: () => void;
}

export function SimilarDialog({ api, sample, explain, close }: Props) {
  const [found, setFound] = useState<readonly Similar[]>();
  const [error, setError] = useState<string>();

  useEffect(() => {
    const end = new AbortController();
    api.similar(sample.id, end.signal).then(setFound, (caught: unknown) => {
      if (!end.signal.aborted) setError(explain(caught));
    });
    return () => end.abort();
  }, [api, sample.id, explain]);

  return (
    <Dialog title={`Sounds like ${sample.name}`} close={close}>
      {error !== undefined && (
        <p role="alert" className="message bad">
          {error}
        </p>
      )}
      <div role="status">
        {error === undefined && found === undefined && <p>Searching…</p>}
        {found?.length === 0 && <p>There is no other sample to compare it with yet.</p>}
      </div>
      {found !== undefined && found.length > 0 && (
        <p className="quiet">By the distance of what was measured of them: 0 is the same sound.</p>
      )}
      <ol className="similar">
        {found?.map(({ sample: other, distance }) => (
          <li key={other.id}>
            <h3>{other.name}</h3>
            <p className="quiet">
              {fileOf(other)} · Distance {distance.toFixed(3)}
            </p>
            <Facts sample={other} />
            <Player api={api} sample={other} />
          </li>
        ))}
      </ol>
      <p className="actions">
        <button type="button" onClick={close}>
          Close
        </button>
      </p>
    </Dialog>
  );
}
