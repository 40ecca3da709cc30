import { type ReactNode, useId, useLayoutEffect, useRef } from "react";

/** A modal dialog: the browser's own, which keeps the focus, ends by Escape, and gives the focus back. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // An effect of another kind ends when the dialog is out of the page, and the focus lost.
  useLayoutEffect(() => {
    const shown = dialog.current!;
    shown.showModal();
    return () => shown.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === event.currentTarget && close()}
    >
      <div className="content">
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
