/** What an application looks like from outside: all that a promise needs to know of a system that its plan does not. */
import type { SecretKey } from "../../config/secrets.ts";
import type { systems } from "../../systems/index.ts";
import type { LoadArgs, Write } from "../load/load.ts";
import type { Stack } from "../stack/stack.ts";
import type { Drill, Store } from "../stores/store.ts";

/** An answer as a user sees it. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** A user who is logged in. */
export interface Session {
  readonly token: string;
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
}

/** What comes of a write, counted where it is kept. */
export interface Effect {
  readonly write: (id: string) => Write;
  /** Id → how often it took place; ids without an effect are left out. */
  readonly count: (stack: Stack, ids: readonly string[]) => Promise<Map<string, number>>;
  /** Whether the answer comes before the effect: seconds to wait for it. @default 0 */
  readonly within?: number;
}

/** Work that goes on after its request was answered. */
export interface Jobs {
  /** The service that does it. */
  readonly worker: string;
  /** Has a job accepted that takes so many seconds. @returns its id */
  readonly begin: (session: Session, seconds: number) => Promise<string>;
  /** How many of these are at work now. */
  readonly running: (stack: Stack, ids: readonly string[]) => Promise<number>;
  /** Id → how often it was begun, of those that are done. */
  readonly done: (stack: Stack, ids: readonly string[]) => Promise<Map<string, number>>;
}

/** A request that several services have a part in: what tells of it. */
export interface Journey {
  /** "an upload" */
  readonly what: string;
  /** Makes the request. @returns the id that lines have it by */
  readonly begin: (stack: Stack) => Promise<string>;
  /** Services that write a line about it. */
  readonly lines: readonly string[];
  /** What its spans are of, `service library` each, every one at least once. The first is below the edge. */
  readonly spans: readonly string[];
}

/** A secret that is no store's: how its use is seen from outside. */
export interface Credential {
  readonly secret: SecretKey;
  /** `rotate`: bin/rotate makes its value. `set`: the caller does. */
  readonly by: "rotate" | "set";
  /**
   * Asked before the secret changes. @param next Its new value, where the caller
   * makes it. @returns what must hold afterwards.
   */
  readonly watch: (stack: Stack, next: string) => Promise<() => Promise<void>>;
}

/** What goes on for a user while something is released. */
export interface Amid {
  /** What is promised of it: "a connection is told". */
  readonly what: string;
  /** @throws {Error} unless it went through the release as it should. */
  readonly through: (stack: Stack, release: () => Promise<unknown>) => Promise<void>;
}

/** A release that cannot work. */
export interface Broken {
  /** What is wrong with it: "exits at once". */
  readonly what: string;
  /** Makes it so. @returns what makes it well again. */
  readonly change: (stack: Stack) => () => void;
  /** The service or image that the output must name, by its logical name, and its last words. */
  readonly culprit: readonly [name: string | ((stack: Stack) => string), words: RegExp];
  /** Whether `bin/test` runs it; the others are left to `bin/test all`. @default false */
  readonly gate?: true;
}

/** What the start of a service may take. */
export interface Budget {
  /** Seconds to the first good check; they say most about the machine, so only `npm run bench` measures them. */
  readonly start: number;
  /** Seconds of processor time until then. */
  readonly cpu: number;
  /** MiB held then, without what the kernel could drop. */
  readonly memory: number;
}

export interface Driver<S extends Session = Session> {
  readonly system: keyof typeof systems;
  /** The stack whose file a test starts from. */
  readonly from: string;
  /** Laid over the stack file, so that a test may ask as often as it likes, as one user, for as long as it runs. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Values of secrets that must have a form, each with the mark by which a leak shows. Others are made by the test. */
  readonly secrets: (mark: string) => Readonly<Record<SecretKey, string>>;
  /** Secrets that are not set: what nothing reads here is refused, or it would turn on what is outside. */
  readonly unread: readonly SecretKey[];
  /** Registers and logs in. @param url Of the edge. @param user Name of the user. */
  readonly enter: (url: string, user: string) => Promise<S>;
  readonly paths: {
    /** Answered without a store. */
    readonly light: string;
    /** Answered from the first of the stores. */
    readonly data: string;
  };
  /** A request that takes so many seconds, as the load has it. */
  readonly slow: LoadArgs["slowly"];
  /** What two cores have room for: the most of the common load, and its share of POSTs. @default all of it */
  readonly load?: { readonly share: number; readonly posts: number };
  /** Something that a user keeps, and finds again. */
  readonly keep: (session: Session, what: string) => Promise<void>;
  readonly keeps: (session: Session, what: string) => Promise<boolean>;
  /** Has something kept that makes an answer of about so many bytes. @returns its path */
  readonly large: (session: Session, bytes: number) => Promise<string>;
  /** The first is what the common load writes, the second ends in a job. */
  readonly effects: { readonly direct: Effect; readonly later: Effect };
  readonly jobs: Jobs;
  readonly journeys: readonly [Journey, ...Journey[]];
  /** Those that are logged in to. The first has what the system is for. */
  readonly stores: readonly [Store, ...Store[]];
  /** What a restore is judged by. */
  readonly drill: (stack: Stack) => Drill;
  /** Options of bin/restore for what is restored in place. */
  readonly restores: readonly string[];
  /** Metrics of rules that a store which runs in the place of its system's own does not have. @default none */
  readonly untold?: readonly string[];
  readonly credentials: readonly Credential[];
  readonly broken: readonly Broken[];
  /** What a user is in the middle of while something is released. @default nothing */
  readonly amid?: Amid;
  /** Image → a source file of it. A line more in it is a release. */
  readonly sources: Readonly<Record<string, string>>;
  readonly budgetOf: (service: string) => Budget;
  /** Does a bit of everything that the dashboards count. */
  readonly traffic: (stack: Stack) => Promise<unknown>;
}
