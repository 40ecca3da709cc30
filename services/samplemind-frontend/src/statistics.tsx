import { useId } from "react";
import type { Settings, Statistics } from "./api.ts";
import { count, duration, moment } from "./format.ts";

export function StatisticsPanel(props: { statistics: Statistics | undefined; settings: Settings | undefined }) {
  const { statistics, settings } = props;
  const heading = useId();
  return (
    <section className="panel statistics" aria-labelledby={heading}>
      <h2 id={heading}>Statistics</h2>
      {statistics?.made_at ? <Figures statistics={statistics} /> : <p className="quiet">Not counted yet.</p>}
      {settings && (
        <p className="quiet">
          {settings.descriptions
            ? "An AI provider describes new samples."
            : "Samples get no description: no AI provider key is set."}
        </p>
      )}
    </section>
  );
}

function Figures({ statistics }: { statistics: Statistics }) {
  const keys = Object.entries(statistics.by_key).sort(([, a], [, b]) => b - a);
  const figures: readonly (readonly [string, string])[] = [
    ["Samples", String(statistics.samples)],
    ["Ready", String(statistics.ready)],
    ["Failed", String(statistics.failed)],
    ["Total length", duration(statistics.seconds)],
  ];
  return (
    <>
      <dl className="facts">
        {figures.map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {keys.length > 0 && (
        <>
          <h3>Keys</h3>
          <ul className="keys">
            {keys.slice(0, 6).map(([key, number]) => (
              <li key={key}>
                <span>{key}</span>
                <meter max={keys[0]![1]} value={number} aria-label={`${key}: ${count(number, "sample")}`} />
                <span>{number}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      <p className="quiet">Counted {moment(statistics.made_at!)}</p>
    </>
  );
}
