import { useCallback, useEffect, useState } from "react";
import { type Api, ApiError, type User } from "./api.ts";
import { LibraryPage } from "./library-page.tsx";
import { Login } from "./login.tsx";

type Session =
  | { readonly state: "asking" }
  | { readonly state: "unanswered"; readonly error: string }
  | { readonly state: "nobody"; readonly why?: string }
  | { readonly state: "somebody"; readonly user: User };

export function App({ api }: { api: Api }) {
  const [session, setSession] = useState<Session>({ state: "asking" });
  // What happens elsewhere on the page, for those who do not see it.
  const [announcement, setAnnouncement] = useState("");

  const ask = useCallback(async () => {
    try {
      const user = await api.me();
      setSession(user ? { state: "somebody", user } : { state: "nobody" });
    } catch (error) {
      setSession({ state: "unanswered", error: (error as Error).message });
    }
  }, [api]);
  useEffect(() => void ask(), [ask]);

  /** What to show of an error; who is no longer logged in sees the log-in. */
  const explain = useCallback((error: unknown): string => {
    if (error instanceof ApiError && error.status === 401)
      setSession({ state: "nobody", why: "Your session has ended. Log in again." });
    return (error as Error).message;
  }, []);

  const leave = async (): Promise<void> => {
    try {
      await api.logout();
      setSession({ state: "nobody" });
    } catch (error) {
      setAnnouncement(explain(error));
    }
  };

  return (
    <>
      <header className="bar">
        <p className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          SampleMind
        </p>
        {session.state === "somebody" && (
          <p className="who">
            <span>{session.user.email}</span>
            <button type="button" onClick={() => void leave()}>
              Log out
            </button>
          </p>
        )}
      </header>
      <p role="status" className="unseen">
        {announcement}
      </p>
      <main>
        {session.state === "unanswered" && (
          <div role="alert" className="message bad">
            <p>{session.error}</p>
            <button type="button" onClick={() => void ask()}>
              Try again
            </button>
          </div>
        )}
        {session.state === "nobody" && (
          <Login api={api} why={session.why} entered={(user) => setSession({ state: "somebody", user })} />
        )}
        {session.state === "somebody" && <LibraryPage api={api} explain={explain} announce={setAnnouncement} />}
      </main>
    </>
  );
}
