import { useState } from "react";
import { type Api, ApiError, type User } from "./api.ts";

export function Login({ api, why, entered }: { api: Api; why: string | undefined; entered: (user: User) => void }) {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  const enter = async (form: FormData): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      entered(await api.login(String(form.get("email")).trim(), String(form.get("password"))));
    } catch (caught) {
      setError(
        caught instanceof ApiError && caught.status === 401
          ? "E-mail address or password is wrong."
          : (caught as Error).message,
      );
      setBusy(false);
    }
  };

  return (
    <form
      className="panel login"
      onSubmit={(event) => {
        event.preventDefault();
        void enter(new FormData(event.currentTarget));
      }}
    >
      <h1>Log in</h1>
      {why !== undefined && <p role="status">{why}</p>}
      <label>
        E-mail address
        <input name="email" type="email" autoComplete="username" required autoFocus />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      {error !== undefined && (
        <p role="alert" className="message bad">
          {error}
        </p>
      )}
      <button type="submit" className="first" disabled={busy}>
        {busy ? "Logging in…" : "Log in"}
      </button>
    </form>
  );
}
