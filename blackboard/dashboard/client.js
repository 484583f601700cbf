/**
 * A client of the blackboard server: one ES module without dependencies, for browsers, Deno and Node 22 or newer.
 *
 *     import { connect, post } from "./client.js";
 *
 *     const session = await connect("ws://127.0.0.1:8787/v1", { token });
 *     const board = session.board("default");
 *     await board.post("Deploy", { service: "pay", version: "v42", at: 1000 });
 *     for await (const change of board.watch({ after: 0 })) console.log(change.records);
 *
 * The session outlives its connections. When one is lost it connects again with growing waits, says hello,
 * registers its sources, resumes its watches after the last revision that each has seen, and repeats what was
 * not answered. That is safe: every change carries a `command_id`, under which the server gives its first answer
 * again. docs/clients.md shows it in use; docs/protocol.md says what passes over the wire.
 */

const PROTOCOL = 1;
const TIMEOUT_MS = 30_000;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_CAP_MS = 5_000;
const CHANGES_KEPT_MAX = 1_000;
const INFLIGHT_MAX = 1_000;
const TEXT_CHARS_MAX = 4_000;
const CLOSE_POLICY = 1008;

/** Methods that change a board: they get a `command_id`, and are repeated when the server asks for that. */
export const CHANGES = new Set([
  "board.open", "board.pause", "board.resume", "board.cancel", "board.configure", "type.define",
  "entry.post", "entry.revise", "entry.link", "entry.judge", "entry.retract", "entry.batch",
  "activation.complete", "activation.decline", "activation.fail", "activation.cancel", "activation.retry",
]);
/** Methods that make no sense on the next connection; watches and sources are resumed otherwise. */
const ONLY_HERE = new Set(["board.watch", "board.unwatch", "session.ping", "token.issue"]);
/** Refusals which mean that this work is nobody's any more, or another's. */
const LEASE_LOST = new Set(["stale_token", "unknown_activation", "unknown_board", "board_ended"]);

/** @typedef {Record<string, any>} Json */
/** @typedef {"live" | "offline" | "closed"} State */
/** @typedef {{ revision: number, entries: number[], repeated: boolean }} ChangeResult */
/** @typedef {{ timeoutMs?: number, signal?: AbortSignal }} CallOptions */
/** @typedef {{ do: "post" | "revise" | "link" | "judge" | "retract", [field: string]: any }} Contribution */
/** @typedef {{ revision: number, event: { event: string, [field: string]: any }, origin?: Json }} LogRecord */

/**
 * An entry as the board shows it; `confidence` is what is claimed, `belief` what the evidence makes of it, 0 to 1.
 * @typedef {{ id: number, type: string, level: string, data: Json, version: number, status: string, author: string,
 *     confidence: number, belief: number, because?: number[], note?: string }} EntryView
 */

/**
 * One commit of a watched board: revisions `first` to `last`, never split; `beliefs` come with live commits only.
 * @typedef {{ board: string, first: number, last: number, time_ms: number, records: LogRecord[],
 *     beliefs?: Record<string, number> }} Change
 */

/** @typedef {{ method: string, text: string, resolve: (result: any) => void, reject: (error: Error) => void,
 *     onresult?: (result: any) => void, done: () => void }} Pending */
/** @typedef {Contribution | Contribution[] | void | null} Outcome */
/** @typedef {(work: Activation) => Outcome | Promise<any>} Handler */

/**
 * @typedef {object} Options
 * @property {string} [token]  secret that says who speaks
 * @property {string} [agent]  stable name of this instance; who comes back under it resumes its leases
 * @property {string} [name]  name and version of the program, for people
 * @property {number} [credits]  most activations at a time; 1 by default
 * @property {number} [timeoutMs]  longest wait for an answer, reconnects included
 * @property {number} [backoffFirstMs]  longest first wait before connecting again; doubled each time
 * @property {number} [backoffCapMs]  longest wait at all
 * @property {number} [pingMs]  how long the connection may be silent before it is tested
 * @property {(state: State, detail: string) => void} [onstate]  told when the connection comes and goes
 * @property {(message: string) => void} [onwarning]  told what a person should look at; by default console.warn
 * @property {typeof WebSocket} [WebSocket]  where the global one is missing
 */

/** A refusal, or the loss of the connection. */
export class BlackboardError extends Error {
  /**
   * @param {string} code  stable word of the error catalogue
   * @param {string} message  what came, what was expected, what to try
   * @param {{ retryable?: boolean, advice?: string }} [more]
   */
  constructor(code, message, { retryable = false, advice = "" } = {}) {
    super(message);
    this.name = "BlackboardError";
    this.code = code;
    this.retryable = retryable;
    this.advice = advice;
  }
}

const lost = (/** @type {string} */ message) =>
  new BlackboardError("connection_lost", message, {
    retryable: true, advice: "The outcome is unknown; repeat with the same command_id.",
  });
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Open a session.
 * @param {string | URL} url  `ws://HOST:PORT/v1`
 * @param {Options} [options]
 * @returns {Promise<Session>}
 * @throws {BlackboardError} `unreachable` if there is no server, `unauthorized` if it refuses the token
 */
export async function connect(url, options = {}) {
  const session = new Session(String(url), options);
  await session.start();
  return session;
}

/**
 * A contribution that posts an entry, for `Board.batch` and for what a handler returns.
 * @param {string} type
 * @param {Json} data
 * @param {Json} [more]  confidence, because, links, note, ttl_ms
 * @returns {Contribution}
 */
export const post = (type, data, more = {}) => ({ do: "post", type, data, ...more });

/** A session with one server; `connect` opens it. */
export class Session {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Map<number, Pending>} */ #pending = new Map();
  /** @type {(() => void)[]} */ #queue = [];
  /** @type {Set<Watch>} */ #watches = new Set();
  /** @type {Map<number, Watch>} */ #routes = new Map();
  /** @type {Map<string, { params: Json, handler: Handler }>} */ #sources = new Map();
  /** @type {Map<string, Activation>} */ #work = new Map();
  /** @type {(error: BlackboardError | null) => void} */ #resolveClosed = () => {};
  /** @type {ReturnType<typeof setInterval> | undefined} */ #pulse;
  /** @type {BlackboardError | null} */ #end = null;
  #isLive = false;
  #isStopping = false;
  #lastId = 0;
  #keys = 0;
  #attempts = 0;
  #connectedAt = 0;
  #heardAt = 0;
  #prefix = Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");

  /** @param {string} url @param {Options} options */
  constructor(url, options) {
    this.url = url;
    this.options = options;
    /** @type {Json} What the server answered to the last hello: version, durability, limits … */
    this.hello = {};
    this.agent = options.agent;
    this.credits = options.credits ?? 1;
    /** @type {Promise<BlackboardError | null>} Done when the session has ended for good; null if by `close`. */
    this.closed = new Promise((resolve) => { this.#resolveClosed = resolve; });
  }

  /** Connect for the first time; unlike later losses, a failure is raised at once. */
  async start() {
    try {
      await this.#dial();
    } catch (error) {
      this.#finish(/** @type {BlackboardError} */ (error));
      throw error;
    }
  }

  /** A handle to a board, whether or not it exists. */
  board(name = "default") {
    return new Board(this, name);
  }

  /** The boards that this token may know of. @returns {Promise<Json[]>} */
  async boards() {
    return (await this.call("board.list")).boards;
  }

  /** A fresh key under which a change can be repeated. */
  commandId() {
    return `${this.#prefix}-${++this.#keys}`;
  }

  /**
   * Send a request and return its result. A change gets a `command_id` unless it has one, and is repeated under
   * it while the server says that this can help.
   * @param {string} method
   * @param {Json} [params]
   * @param {CallOptions} [options]  an aborted change has an unknown outcome
   * @returns {Promise<any>}
   */
  async call(method, params = {}, { timeoutMs = this.options.timeoutMs ?? TIMEOUT_MS, signal } = {}) {
    if (!CHANGES.has(method)) return this.#request(method, params, timeoutMs, signal);
    const whole = { command_id: this.commandId(), ...params };
    const deadline = Date.now() + timeoutMs;
    for (let wait = BACKOFF_FIRST_MS; ; wait = Math.min(2 * wait, BACKOFF_CAP_MS)) {
      try {
        const result = await this.#request(method, whole, Math.max(deadline - Date.now(), 1), signal);
        return { entries: [], repeated: false, ...result };
      } catch (error) {
        if (!(error instanceof BlackboardError) || !error.retryable || this.#end) throw error;
        if (error.code === "timed_out" || Date.now() + wait >= deadline) throw error;
        await sleep(wait);
      }
    }
  }

  /**
   * Work for a source: `handler` is called with each activation that this session is offered.
   *
   * What it returns is posted with the completion, in one commit; nothing means that it declines; what it
   * throws is reported as a failure. Its `signal` is aborted when the lease ends or the time is up.
   * @param {Json} declaration  name, trigger, produces, types …: SourceDeclaration in docs/protocol.md
   * @param {Handler} handler
   * @param {{ boards?: string[], replace?: boolean }} [where]  left out: every board, also later ones
   * @returns {Promise<{ source: string, trigger_hash: string }>}
   */
  async source(declaration, handler, where = {}) {
    const params = { source: declaration, credits: this.credits, ...where };
    this.#sources.set(declaration.name, { params, handler });
    try {
      return await this.call("source.register", params);
    } catch (error) {
      this.#sources.delete(declaration.name);
      throw error;
    }
  }

  /** Stop working for a source; what has begun goes on. @param {string} name */
  async leaveSource(name) {
    this.#sources.delete(name);
    await this.call("source.unregister", { source: name });
  }

  /**
   * End the session. Work that is not done after `graceMs` is given back.
   * @param {{ graceMs?: number }} [options]
   */
  async close({ graceMs = 0 } = {}) {
    if (this.#end) return;
    this.#isStopping = true;
    const deadline = Date.now() + graceMs;
    while (this.#work.size && Date.now() < deadline) await sleep(10);
    const reports = [...this.#work.values()].map((work) => work.giveBack("the agent stopped"));
    await Promise.race([Promise.all(reports), sleep(1_000)]);
    this.#finish(null);
  }

  /** For `await using`. */
  [Symbol.asyncDispose ?? "asyncDispose"]() {
    return this.close();
  }

  // Requests.

  /** @param {string} method @param {Json} params @param {number} timeoutMs @param {AbortSignal} [signal] */
  async #request(method, params, timeoutMs, signal) {
    signal?.throwIfAborted();
    const deadline = Date.now() + timeoutMs;
    const max = Math.min(this.hello.limits?.connection_inflight_max ?? INFLIGHT_MAX, INFLIGHT_MAX);
    while (this.#pending.size >= max && !this.#end) await new Promise((go) => this.#queue.push(() => go(null)));
    signal?.throwIfAborted();
    if (this.#end) throw this.#end;
    if (!this.#isLive && ONLY_HERE.has(method)) throw lost(`${method}: not connected just now`);
    return this.send(method, params, { timeoutMs: Math.max(deadline - Date.now(), 1), signal });
  }

  /**
   * Send a request now; for watches and activations, which must not wait in the queue.
   * @param {string} method @param {Json} params
   * @param {CallOptions & { onresult?: (result: any) => void }} [options]  `onresult` is called at once
   * @returns {Promise<any>}
   */
  send(method, params, { timeoutMs = this.options.timeoutMs ?? TIMEOUT_MS, signal, onresult } = {}) {
    const id = ++this.#lastId;
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const max = this.hello.limits?.message_bytes_max ?? Infinity;
    if (3 * text.length > max && new TextEncoder().encode(text).length > max) {
      return Promise.reject(new BlackboardError("limit_exceeded", `${method}: more than ${max} bytes`));
    }
    return new Promise((resolve, reject) => {
      const expire = () => this.#settle(id)?.reject(new BlackboardError(
        "timed_out", `${method} was not answered within ${timeoutMs} ms`,
        { retryable: true, advice: "The outcome is unknown; repeat with the same command_id." },
      ));
      const abort = () => this.#settle(id)?.reject(/** @type {AbortSignal} */ (signal).reason);
      signal?.addEventListener("abort", abort, { once: true });
      const done = () => { clearTimeout(timer); signal?.removeEventListener("abort", abort); };
      const timer = setTimeout(expire, timeoutMs);
      this.#pending.set(id, { method, text, resolve, reject, onresult, done });
      if (this.#isLive) this.#socket?.send(text);
    });
  }

  /** Take a request off the table. @param {number} id */
  #settle(id) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.done();
    this.#queue.shift()?.();
    return pending;
  }

  /** @param {Json} message */
  #take(message) {
    this.#heardAt = Date.now();
    if (message.method) return this.#notice(message.method, message.params);
    const pending = this.#settle(message.id);
    if (message.error) {
      if (message.id === null) this.warn(`the server could not read a message: ${message.error.message}`);
      pending?.reject(refusal(message.error));
    } else {
      pending?.onresult?.(message.result);
      pending?.resolve(message.result);
    }
  }

  /** @param {string} method @param {Json} params */
  #notice(method, params) {
    if (method === "board.changed") this.#routes.get(params.subscription)?.deliver(/** @type {any} */ (params));
    else if (method === "board.lost") this.#routes.get(params.subscription)?.lost(params.code, params.advice);
    else if (method === "activation.offered") this.#offered(params);
    else if (method === "activation.withdrawn") this.#withdrawn(params);
  }

  // The connection.

  /** Open a connection and say hello; what was there before is resumed. @returns {Promise<void>} */
  #dial() {
    return new Promise((resolve, reject) => {
      const socket = this.#socket = new (this.options.WebSocket ?? WebSocket)(this.url);
      const timer = setTimeout(() => this.#drop(socket, "no answer to hello in time"), TIMEOUT_MS);
      const greeting = {
        protocol: PROTOCOL, client: this.options.name ?? "blackboard-js",
        token: this.options.token, agent: this.agent, // undefined is left out
      };
      socket.onopen = () => socket.send(
        JSON.stringify({ jsonrpc: "2.0", id: 0, method: "session.hello", params: greeting }),
      );
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.id !== 0) return this.#take(message);
        clearTimeout(timer);
        if (message.error) return this.#drop(socket, "", refusal(message.error));
        this.#greeted(message.result);
        resolve();
      };
      socket.onerror = () => {}; // `onclose` follows, and knows more
      socket.onclose = (/** @type {any} */ { code, reason, error }) => {
        clearTimeout(timer);
        socket.onopen = socket.onmessage = socket.onclose = null;
        if (socket !== this.#socket) return reject(lost("the session was closed"));
        const said = reason ? `${code} ${reason}` : `${code}`;
        const wasLive = this.#isLive;
        const failure = error ?? (wasLive ? lost(`the connection was lost (${said})`) : new BlackboardError(
          "unreachable", `no session with ${this.url} (${said})`,
          { retryable: true, advice: "Start the server with `blackboard serve`, or correct the address." },
        ));
        failure.retryable &&= code !== CLOSE_POLICY;
        this.#lostConnection(failure, wasLive);
        reject(failure);
      };
    });
  }

  /**
   * Leave a connection without waiting for a peer that may be gone.
   * @param {WebSocket} socket @param {string} reason @param {Error} [error]
   */
  #drop(socket, reason, error) {
    const onclose = /** @type {any} */ (socket.onclose);
    socket.close();
    onclose?.({ code: 1006, reason, error });
  }

  /** @param {Json} answer */
  #greeted(answer) {
    this.hello = answer;
    this.agent = answer.agent;
    this.#isLive = true;
    this.#connectedAt = this.#heardAt = Date.now();
    const interval = this.options.pingMs ?? answer.limits?.ping_interval_ms ?? 20_000;
    this.#pulse = setInterval(() => this.#checkPulse(interval), interval / 2);
    const failed = (/** @type {BlackboardError} */ error) => this.#resumeFailed(error);
    const before = [...this.#pending.values()];
    for (const { params } of this.#sources.values()) this.send("source.register", params).catch(failed);
    for (const watch of this.#watches) watch.subscribe();
    for (const { text } of before) this.#socket?.send(text);
    this.options.onstate?.("live", answer.agent);
  }

  /** Nothing must be left half resumed. @param {BlackboardError} error */
  #resumeFailed(error) {
    if (this.#end || error.code === "connection_lost") return;
    if (!error.retryable) this.#finish(error);
    else if (this.#socket) this.#drop(this.#socket, `resuming failed: ${error.message}`);
  }

  /** A page cannot see the server's pings, so it asks itself when nothing came for long. @param {number} interval */
  #checkPulse(interval) {
    const silent = Date.now() - this.#heardAt;
    if (silent >= 2 * interval && this.#socket) this.#drop(this.#socket, "the server is silent");
    else if (silent >= interval) this.send("session.ping", {}).catch(() => {});
  }

  /** @param {BlackboardError} failure @param {boolean} wasLive */
  #lostConnection(failure, wasLive) {
    this.#isLive = false;
    this.#socket = null;
    clearInterval(this.#pulse);
    this.#routes.clear();
    for (const [id, { method }] of this.#pending) if (ONLY_HERE.has(method)) this.#settle(id)?.reject(failure);
    if (!wasLive) return; // whoever dialled tries again, or not
    if (!failure.retryable) return this.#finish(failure);
    this.options.onstate?.("offline", failure.message);
    this.#reconnect();
  }

  async #reconnect() {
    if (Date.now() - this.#connectedAt > (this.options.backoffCapMs ?? BACKOFF_CAP_MS)) this.#attempts = 0;
    while (!this.#end) {
      const doubled = (this.options.backoffFirstMs ?? BACKOFF_FIRST_MS) * 2 ** Math.min(this.#attempts++, 30);
      await sleep(Math.min(this.options.backoffCapMs ?? BACKOFF_CAP_MS, doubled) * (0.5 + 0.5 * Math.random()));
      if (this.#end) return;
      try {
        return await this.#dial();
      } catch (error) {
        const failure = /** @type {BlackboardError} */ (error);
        if (!failure.retryable) return this.#finish(failure);
        this.options.onstate?.("offline", failure.message);
      }
    }
  }

  /** End for good; later reasons are ignored. @param {BlackboardError | null} error */
  #finish(error) {
    if (this.#end) return;
    this.#end = error ?? lost("the session was closed");
    this.#isLive = false;
    clearInterval(this.#pulse);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(this.#end);
    while (this.#queue.length) this.#queue.shift()?.();
    for (const watch of [...this.#watches]) watch.fail(this.#end);
    for (const work of this.#work.values()) work.withdraw(this.#end.message);
    this.options.onstate?.("closed", error?.message ?? "");
    this.#resolveClosed(error);
  }

  // Watches and work.

  /** @param {Watch} watch */
  addWatch(watch) {
    if (this.#end) throw this.#end;
    this.#watches.add(watch);
  }

  /** @param {Watch} watch */
  removeWatch(watch) {
    this.#watches.delete(watch);
    this.unroute(watch);
  }

  /** Route a subscription of the present connection. @param {number} subscription @param {Watch} watch */
  route(subscription, watch) {
    this.#routes.set(subscription, watch);
  }

  /** End the subscription of a watch, if it has one. @param {Watch} watch */
  unroute(watch) {
    for (const [subscription, each] of this.#routes) {
      if (each !== watch) continue;
      this.#routes.delete(subscription);
      if (this.#isLive) this.send("board.unwatch", { subscription }).catch(() => {});
    }
  }

  get isLive() {
    return this.#isLive;
  }

  /** @param {string} message */
  warn(message) {
    (this.options.onwarning ?? console.warn)(message);
  }

  /** @param {Json} offer */
  #offered(offer) {
    const key = `${offer.board}#${offer.activation}`;
    const standing = this.#work.get(key);
    if (standing) {
      if (standing.token === offer.token) return standing.accept(); // it comes again after a reconnect
      if (standing.token > offer.token) return;
      standing.withdraw("it was offered again under a newer token");
    }
    const source = this.#sources.get(offer.source);
    if (!source || this.#isStopping) return; // left unaccepted, it is offered to another
    if (!standing && this.#work.size >= 2 * this.credits) return this.warn(`${key} exceeds this agent's credits`);
    const work = new Activation(this, offer);
    this.#work.set(key, work);
    work.run(source.handler).finally(() => {
      if (this.#work.get(key) === work) this.#work.delete(key);
    });
  }

  /** @param {Json} params */
  #withdrawn({ board, activation, token, reason }) {
    const work = this.#work.get(`${board}#${activation}`);
    if (work && work.token === token) work.withdraw(reason ?? "");
  }
}

/** @param {Json} error */
function refusal({ message, data }) {
  return new BlackboardError(data.code, message, data);
}

/** One board of a session. */
export class Board {
  /** @param {Session} session @param {string} name */
  constructor(session, name) {
    this.session = session;
    this.name = name;
  }

  /** Any method on this board. @param {string} method @param {Json} [params] @param {CallOptions} [options] */
  call(method, params = {}, options = {}) {
    return this.session.call(method, { board: this.name, ...params }, options);
  }

  /** Open it. @param {Json} [how]  goal, settings, types, paused, exist_ok @returns {Promise<ChangeResult>} */
  open(how = {}) { return this.call("board.open", how); }

  /** Status, settings, answer. @returns {Promise<Json>} */
  get() { return this.call("board.get"); }

  /** Make an entry type known. @param {Json} type  name, level, schema … @returns {Promise<ChangeResult>} */
  define(type) { return this.call("type.define", { type }); }

  /**
   * Post an entry; its number is `entries[0]` of the result.
   * @param {string} type @param {Json} data @param {Json} [more]  confidence, because, links, note, command_id …
   * @param {CallOptions} [options] @returns {Promise<ChangeResult>}
   */
  post(type, data, more = {}, options = {}) { return this.call("entry.post", { type, data, ...more }, options); }

  /**
   * Several changes, all or none; in them -n is the entry that the n-th one posts.
   * @param {Contribution[]} contributions @param {Json} [more] @returns {Promise<ChangeResult>}
   */
  batch(contributions, more = {}) { return this.call("entry.batch", { contributions, ...more }); }

  /**
   * Replace data or claim, if `version` is still present.
   * @param {number} entry @param {number} version @param {Json} change  data, confidence, because, note
   */
  revise(entry, version, change) { return this.call("entry.revise", { entry, version, ...change }); }

  /** @param {string} kind @param {number} source @param {number} target @param {Json} [more]  weight, reason */
  link(kind, source, target, more = {}) { return this.call("entry.link", { kind, source, target, ...more }); }

  /** @param {number} entry @param {"accept" | "reject" | "reopen"} verdict @param {string} [reason] */
  judge(entry, verdict, reason = "") { return this.call("entry.judge", { entry, verdict, reason }); }

  /** @param {number} entry @param {string} [reason] */
  retract(entry, reason = "") { return this.call("entry.retract", { entry, reason }); }

  /** One entry with its links. @param {number} entry @returns {Promise<EntryView & Json>} */
  entry(entry) { return this.call("entry.get", { entry }); }

  /** What an entry rests on. @param {number} entry @param {number} [depth] @returns {Promise<Json>} */
  why(entry, depth) { return this.call("entry.why", depth === undefined ? { entry } : { entry, depth }); }

  /**
   * The entries, ascending, read page by page.
   * @param {Json} [filter]  type, level, live, after, limit (of a page)
   * @returns {AsyncGenerator<EntryView, void>}
   */
  async *entries(filter = {}) {
    for (let after = filter.after ?? 0; after !== undefined && after !== null;) {
      const page = await this.call("entry.list", { ...filter, after });
      yield* page.entries;
      after = page.next;
    }
  }

  /**
   * Every change after a revision, ascending, each once, across reconnects.
   * @param {{ after?: number, types?: string[], signal?: AbortSignal, keptMax?: number }} [what]
   *     `after` left out: from now on; 0: from the beginning
   */
  watch(what = {}) { return new Watch(this, what); }
}

/**
 * An asynchronous iterator over the changes of one board. What has come but was not consumed is kept up to a
 * bound; beyond it the subscription is given up, what is kept is consumed, and the watch subscribes again after
 * the last revision that it took. So a slow consumer costs bounded memory and misses nothing.
 */
export class Watch {
  /** @type {Change[]} */ #kept = [];
  /** @type {Promise<void> | null} */ #started = null;
  /** @type {Error | null} */ #error = null;
  /** @type {(() => void)[]} */ #waiting = [];
  #isOverrun = false;
  #isClosed = false;
  #isSubscribing = false;

  /**
   * @param {Board} board
   * @param {{ after?: number, types?: string[], signal?: AbortSignal, keptMax?: number }} what
   */
  constructor(board, { after, types, signal, keptMax = CHANGES_KEPT_MAX }) {
    this.board = board;
    this.session = board.session;
    /** Revision up to which changes were taken. */
    this.revision = after;
    this.types = types;
    this.keptMax = keptMax;
    if (signal?.aborted) this.#error = signal.reason;
    else signal?.addEventListener("abort", () => this.fail(signal.reason), { once: true });
  }

  /** Subscribe, where the subscription has to stand before something is done; iterating does it by itself. */
  start() {
    this.#started ??= (async () => {
      if (this.#error) throw this.#error;
      this.session.addWatch(this);
      await this.subscribe();
      if (this.#error) throw this.#error;
    })();
    return this.#started;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<Change, void>>} */
  async next() {
    if (!this.#isClosed) await this.start();
    for (;;) {
      const value = this.#kept.shift();
      if (value) return { value, done: false };
      if (this.#isClosed) return { value: undefined, done: true };
      if (this.#error) throw this.#error;
      if (this.#isOverrun) {
        this.#isOverrun = false;
        await this.subscribe();
      } else {
        await new Promise((wake) => this.#waiting.push(() => wake(null)));
      }
    }
  }

  /** End the watch; what is kept is dropped. @returns {Promise<IteratorResult<Change, void>>} */
  async return() {
    this.#isClosed = true;
    this.#kept = [];
    this.session.removeWatch(this);
    this.#wake();
    return { value: undefined, done: true };
  }

  /** For the session: subscribe after what was taken; while the connection is lost the next one does it. */
  async subscribe() {
    if (this.#isOverrun || this.#isSubscribing || !this.session.isLive) return;
    this.#isSubscribing = true;
    const params = { board: this.board.name, after: this.revision, types: this.types }; // undefined is left out
    const onresult = (/** @type {Json} */ { subscription, revision }) => {
      this.revision ??= revision;
      this.session.route(subscription, this);
      if (this.#isClosed || this.#error) this.session.unroute(this);
    };
    try {
      await this.session.send("board.watch", params, { onresult });
    } catch (error) {
      const failure = /** @type {BlackboardError} */ (error);
      if (failure.code !== "connection_lost") this.fail(failure);
    } finally {
      this.#isSubscribing = false;
    }
  }

  /** For the session: a change came. @param {Change} change */
  deliver(change) {
    const revision = /** @type {number} */ (this.revision);
    if (change.last <= revision) return;
    if (this.#kept.length >= this.keptMax) {
      this.#isOverrun = true;
      this.session.unroute(this);
    } else if (!this.types && change.first > revision + 1) {
      this.fail(new BlackboardError("internal_error", `revision ${revision} is followed by ${change.first}`));
    } else {
      this.revision = change.last;
      this.#kept.push(change);
      this.#wake();
    }
  }

  /** For the session: the server ended the subscription. @param {string} code @param {string} advice */
  lost(code, advice) {
    this.session.unroute(this);
    if (code === "gone") return this.fail(new BlackboardError(code, `${this.board.name}: ${advice}`, { advice }));
    this.#isOverrun = true;
    this.#wake();
  }

  /** For the session: there will be no more. @param {Error} error */
  fail(error) {
    this.#error ??= error;
    this.session.removeWatch(this);
    this.#wake();
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** One activation under a lease, as its handler sees it. */
export class Activation {
  #abort = new AbortController();
  #isLost = false;
  #hasPosted = false;
  /** @type {Promise<ChangeResult | null> | null} */ #report = null;

  /** @param {Session} session @param {Json} offer */
  constructor(session, offer) {
    this.session = session;
    this.offer = offer;
    this.board = session.board(offer.board);
    /** @type {number} */ this.id = offer.activation;
    /** @type {number} */ this.token = offer.token;
    /** @type {number} 1 for the first attempt */ this.attempt = offer.attempt;
    /** @type {EntryView[]} The bound entries, in the order of the trigger's patterns. */
    this.entries = offer.entries;
    /** @type {Record<string, EntryView>} The same by the trigger's variables. */
    this.bound = {};
    offer.variables.forEach((/** @type {string} */ name, /** @type {number} */ n) => {
      this.bound[name] = offer.entries[n];
    });
    /** Aborted when the lease has ended, or the time is up: stop working. */
    this.signal = this.#abort.signal;
  }

  get #lease() {
    return { board: this.board.name, activation: this.id, token: this.token };
  }

  /** Publish a partial result at once; it is withdrawn if the attempt fails, unless `keep` is set. */
  post(/** @type {string} */ type, /** @type {Json} */ data, /** @type {Json} */ more = {}) {
    this.#hasPosted = true;
    return this.board.post(type, data, { activation: this.id, token: this.token, ...more }, { signal: this.signal });
  }

  /**
   * End it with contributions; a refusal is thrown, and leaves the lease standing.
   * @param {Contribution[]} contributions
   */
  async complete(contributions) {
    try {
      return await this.#end("activation.complete", { contributions });
    } catch (error) {
      if (!this.#isLost) this.#report = null; // correct them and complete again, or fail
      throw error;
    }
  }

  /** End it without a contribution. @param {string} [reason] */
  decline(reason = "") { return this.#end("activation.decline", { reason }); }

  /** Report that the attempt failed. @param {string} error @param {{ retryable?: boolean }} [more] */
  fail(error, { retryable = true } = {}) {
    return this.#end("activation.fail", { error: error.slice(0, TEXT_CHARS_MAX), retryable });
  }

  /** For the session: say that the work goes on. */
  accept() { this.#keep("activation.accept"); }

  /** For the session: the lease is over; drop the work. @param {string} reason */
  withdraw(reason) {
    this.#isLost = true;
    this.#abort.abort(new BlackboardError("stale_token", reason || "the lease ended"));
  }

  /** For the session: the agent stops. @param {string} reason */
  async giveBack(reason) {
    const report = this.fail(reason).catch(() => {});
    this.#abort.abort(lost(reason));
    await report;
  }

  /** For the session: accept, run the handler, keep the lease alive, report. @param {Handler} handler */
  async run(handler) {
    this.accept();
    const renewing = setInterval(() => this.#keep("activation.renew"), this.offer.lease_ms / 3);
    const late = new BlackboardError("timed_out", `timed out after ${this.offer.timeout_ms} ms`);
    const limit = setTimeout(() => this.#abort.abort(late), this.offer.timeout_ms);
    const aborted = new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason), { once: true });
    });
    try {
      const result = await Promise.race([(async () => handler(this))(), aborted]);
      if (this.#report) await this.#report;
      else if (result || this.#hasPosted) await this.complete([result ?? []].flat());
      else await this.decline("the handler returned nothing");
    } catch (error) {
      if (!this.#isLost && !this.#report) await this.#failed(error);
    } finally {
      clearInterval(renewing);
      clearTimeout(limit);
    }
  }

  /** @param {any} error */
  async #failed(error) {
    const isTimeout = error === this.signal.reason;
    const text = error instanceof BlackboardError ? `${error.code}: ${error.message}` : String(error);
    this.session.warn(`${this.offer.source} on ${this.board.name}#${this.id} failed: ${error?.stack ?? text}`);
    const report = this.fail(text, { retryable: isTimeout || (error?.retryable ?? true) });
    await report.catch((again) => this.session.warn(again.message));
  }

  /** @param {string} method @param {Json} params @returns {Promise<ChangeResult | null>} */
  #end(method, params) {
    if (this.#isLost) return Promise.reject(this.signal.reason);
    this.#report ??= this.session.call(method, { ...this.#lease, ...params }).catch((error) => {
      if (LEASE_LOST.has(error.code)) this.withdraw(error.message);
      throw error;
    });
    return this.#report;
  }

  /** @param {string} method */
  #keep(method) {
    if (!this.session.isLive || this.#isLost) return;
    this.session.send(method, this.#lease).catch((error) => {
      if (LEASE_LOST.has(error.code) && !this.#report) this.withdraw(error.message);
    });
  }
}
