import { type DragEvent, useEffect, useId, useState } from "react";
import type { Api, Sample, Settings } from "./api.ts";
import { count, size } from "./format.ts";
import { isGoing, type Upload } from "./uploads.ts";
import { useUploads } from "./use-uploads.ts";

interface Props {
  readonly api: Api;
  readonly settings: Settings | undefined;
  readonly explain: (error: unknown) => string;
  readonly stored: (sample: Sample) => void;
}

const STATES: Readonly<Record<Upload["state"], string>> = {
  queued: "Waits for its turn",
  sending: "Uploading",
  stored: "Uploaded",
  failed: "Not uploaded",
  cancelled: "Cancelled",
};

export function UploadPanel({ api, settings, explain, stored }: Props) {
  const { uploads, add, cancel, again, clear } = useUploads(api, settings?.max_upload_mb, explain, stored);
  const [over, setOver] = useState(false);
  const [problem, setProblem] = useState<string>();
  const input = useId();

  // A file that misses the target must not replace the page.
  useEffect(() => {
    const stay = (event: Event): void => event.preventDefault();
    const names = ["dragover", "drop"] as const;
    for (const name of names) window.addEventListener(name, stay);
    return () => {
      for (const name of names) window.removeEventListener(name, stay);
    };
  }, []);

  const take = (files: Iterable<File>): void => {
    setProblem(undefined);
    add([...files]);
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const items = [...event.dataTransfer.items];
    if (items.some((item) => item.webkitGetAsEntry()?.isDirectory))
      return setProblem("Folders are not taken: drop the files in them.");
    take(event.dataTransfer.files);
  };

  const going = uploads.filter(isGoing).length;
  return (
    <section className="panel upload" aria-labelledby={`${input}-title`}>
      <h2 id={`${input}-title`}>Upload</h2>
      <div
        className={over ? "drop over" : "drop"}
        onDragOver={() => setOver(true)}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <label htmlFor={input}>
          Drop WAV, FLAC or MP3 files here, or choose them
          {settings && <span className="quiet"> (up to {settings.max_upload_mb} MB each)</span>}
        </label>
        <input
          id={input}
          type="file"
          multiple
          accept=".wav,.flac,.mp3,audio/wav,audio/flac,audio/mpeg"
          onChange={(event) => {
            take(event.target.files ?? []);
            // So that the same file can be chosen again.
            event.target.value = "";
          }}
        />
      </div>
      {problem !== undefined && (
        <p role="alert" className="message bad">
          {problem}
        </p>
      )}
      <p role="status" className="quiet">
        {going > 0 ? `${count(going, "file")} on the way` : ""}
      </p>
      <ul className="uploads" aria-label="Uploads">
        {uploads.map((upload) => (
          <UploadRow
            key={upload.id}
            upload={upload}
            cancel={() => cancel(upload.id)}
            again={upload.retry || upload.state === "cancelled" ? () => again(upload.id) : undefined}
          />
        ))}
      </ul>
      {uploads.length > going && (
        <p className="actions">
          <button type="button" onClick={clear}>
            Clear the finished
          </button>
        </p>
      )}
    </section>
  );
}

interface RowProps {
  readonly upload: Upload;
  readonly cancel: () => void;
  /** Undefined: it would not help. */
  readonly again: (() => void) | undefined;
}

function UploadRow({ upload, cancel, again }: RowProps) {
  const { name, sent, state, error } = upload;
  return (
    <li className={state}>
      <span className="name">{name}</span>
      <span className="quiet">
        {STATES[state]}
        {state === "sending" && `, ${size(Math.min(sent, upload.size))} of ${size(upload.size)}`}
      </span>
      {state === "sending" && <progress max={upload.size} value={sent} aria-label={`Upload of ${name}`} />}
      {error !== undefined && state === "failed" && (
        <span role="alert" className="message bad">
          {error}
        </span>
      )}
      {isGoing(upload) && (
        <button type="button" onClick={cancel} aria-label={`Cancel ${name}`}>
          Cancel
        </button>
      )}
      {again && (
        <button type="button" onClick={again} aria-label={`Try ${name} again`}>
          Try again
        </button>
      )}
    </li>
  );
}
