import { useId } from "react";
import type { Api, Sample, State } from "./api.ts";
import { duration, feature, label, loudness, moment, size, tempo } from "./format.ts";
import { reason } from "./library.ts";

const STATES: Readonly<Record<State, string>> = {
  waiting: "Waiting",
  analysing: "Analysing…",
  ready: "Ready",
  failed: "Failed",
};

interface Props {
  readonly api: Api;
  readonly sample: Sample;
  /** Whether samples get a description. */
  readonly descriptions: boolean;
  readonly similar: () => void;
  readonly remove: () => void;
}

export function SampleCard({ api, sample, descriptions, similar, remove }: Props) {
  const heading = useId();
  const { id, name, state, error } = sample;
  return (
    <li>
      <article className="panel sample" aria-labelledby={heading}>
        <header>
          <div>
            <h3 id={heading}>{name}</h3>
            <p className="quiet">{fileOf(sample)}</p>
          </div>
          <span className={`state ${state}`}>{STATES[state]}</span>
        </header>
        {state === "ready" && (
          <img
            className="waveform"
            src={api.waveform(id)}
            alt={`Waveform of ${name}`}
            width="600"
            height="120"
            loading="lazy"
          />
        )}
        {state === "failed" && <p className="message bad">{reason(error)}</p>}
        {state === "ready" && <Facts sample={sample} />}
        {state !== "failed" && <Player api={api} sample={sample} />}
        {state === "ready" && <Details sample={sample} descriptions={descriptions} />}
        <p className="actions">
          {state === "ready" && (
            <button type="button" onClick={similar} aria-label={`Similar to ${name}`}>
              Similar
            </button>
          )}
          <button type="button" className="plain bad" onClick={remove} aria-label={`Delete ${name}`}>
            Delete
          </button>
        </p>
      </article>
    </li>
  );
}

export const fileOf = ({ type, size: bytes }: Sample): string => `${type.toUpperCase()}, ${size(bytes)}`;

/** What the analysis found. */
export function Facts({ sample }: { sample: Sample }) {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Length", known(sample.duration, duration)],
    ["Tempo", known(sample.tempo, tempo)],
    ["Key", sample.key ?? undefined],
    ["Loudness", known(sample.loudness, loudness)],
  ];
  return (
    <dl className="facts">
      {facts.map(
        ([term, value]) =>
          value !== undefined && (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

export const Player = ({ api, sample }: { api: Api; sample: Sample }) => (
  <audio controls preload="none" src={api.audio(sample.id)} aria-label={`Play ${sample.name}`} />
);

function Details({ sample, descriptions }: { sample: Sample; descriptions: boolean }) {
  const features = Object.entries(sample.features ?? {});
  return (
    <details>
      <summary>Details</summary>
      <p>
        {sample.description ??
          (descriptions ? "There is no description yet." : "There is no description: no AI provider key is set.")}
      </p>
      <p className="quiet">Uploaded {moment(sample.created)}</p>
      {features.length > 0 && (
        <table>
          <caption>Features that sounds are compared by</caption>
          <tbody>
            {features.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{label(name)}</th>
                <td>{feature(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

const known = (value: number | null | undefined, format: (value: number) => string): string | undefined =>
  value === null || value === undefined ? undefined : format(value);
