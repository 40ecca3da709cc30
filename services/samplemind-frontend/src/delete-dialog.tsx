import { useState } from "react";
import { type Api, ApiError, type Sample } from "./api.ts";
import { Dialog } from "./dialog.tsx";

interface Props {
  readonly api: Api;
  readonly sample: Sample;
  readonly explain: (error: unknown) => string;
  readonly close: () => void;
  readonly deleted: () => void;
}

export function DeleteDialog({ api, sample, explain, close, deleted }: Props) {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await api.delete(sample.id);
      deleted();
    } catch (caught) {
      if (caught instanceof ApiError && caught.status === 404) return deleted();
      setError(explain(caught));
      setBusy(false);
    }
  };

  return (
    <Dialog title={`Delete ${sample.name}?`} close={close}>
      <p>The file and what is known of it are deleted. This cannot be undone.</p>
      {error !== undefined && (
        <p role="alert" className="message bad">
          {error}
        </p>
      )}
      <p className="actions">
        <button type="button" onClick={close} autoFocus>
          Keep it
        </button>
        <button type="button" className="bad" onClick={() => void remove()} disabled={busy}>
          Delete
        </button>
      </p>
    </Dialog>
  );
}
