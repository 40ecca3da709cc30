import { type Filters, isSet, KEYS, NONE, problemOf } from "./filters.ts";

/** @param change What the form says now, whether it makes sense or not. */
export function FilterForm({ filters, change }: { filters: Filters; change: (filters: Filters) => void }) {
  const problem = problemOf(filters);
  const set = (name: keyof Filters) => (event: { target: { value: string } }) =>
    change({ ...filters, [name]: event.target.value });
  const tempo = { type: "text", inputMode: "decimal", autoComplete: "off", maxLength: 6, placeholder: "BPM" } as const;
  return (
    <form role="search" className="filters" aria-label="Samples" onSubmit={(event) => event.preventDefault()}>
      <label className="wide">
        Search
        <input type="search" value={filters.q} onChange={set("q")} maxLength={200} autoComplete="off" />
      </label>
      <label>
        Key
        <select value={filters.key} onChange={set("key")}>
          <option value="">Any</option>
          {KEYS.map((key) => (
            <option key={key}>{key}</option>
          ))}
        </select>
      </label>
      <label>
        Tempo from
        <input {...tempo} value={filters.tempo_min} onChange={set("tempo_min")} aria-invalid={problem !== undefined} />
      </label>
      <label>
        Tempo to
        <input {...tempo} value={filters.tempo_max} onChange={set("tempo_max")} aria-invalid={problem !== undefined} />
      </label>
      <button type="button" onClick={() => change(NONE)} disabled={!isSet(filters)}>
        Clear
      </button>
      {problem !== undefined && (
        <p role="alert" className="message bad">
          {problem}
        </p>
      )}
    </form>
  );
}
