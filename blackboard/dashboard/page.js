// The first page: lists the boards and shows one filling live, over the public protocol and nothing else.
// The token comes from the fragment (#t=…), which browsers do not send; text is only ever set as text.

const RETRY_MS = [500, 1000, 2000, 5000];
const LIST_MS = 3000;
const PAGE = 1000;
const SHOWN_MAX = 500; // newest cards per lane; the page stays smooth on a large board
const DATA_CHARS_MAX = 300;

const element = (id) => document.getElementById(id);

/** One connection: requests with answers, and notifications. */
class Session {
  #socket; #next = 1; #waiting = new Map();

  constructor(token, { onNotice, onClose }) {
    this.token = token;
    this.onNotice = onNotice;
    this.onClose = onClose;
  }

  async open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(`${scheme}://${location.host}/v1`);
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.#socket.onclose = (event) => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the connection was lost"));
      this.#waiting.clear();
      this.onClose(event.reason);
    };
    await new Promise((resolve, reject) => {
      this.#socket.onopen = resolve;
      this.#socket.onerror = () => reject(new Error("the server cannot be reached"));
    });
    return this.call("session.hello", { protocol: 1, client: "page", token: this.token });
  }

  call(method, params = {}) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  #take(message) {
    if (message.method) return this.onNotice(message.method, message.params);
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) waiting?.reject(new Error(`${message.error.message}. ${message.error.data.advice}`));
    else waiting?.resolve(message.result);
  }
}

/** The entries of the board that is shown, and the cards that show them. */
class BoardView {
  #entries = new Map(); #lanes = new Map(); #levels = [];

  clear(levels) {
    this.#entries.clear();
    this.#lanes.clear();
    this.#levels = [...levels];
    element("lanes").replaceChildren();
    for (const level of this.#levels) this.#lane(level);
  }

  put(entry) {
    const card = this.#card(entry);
    const old = this.#entries.get(entry.id);
    this.#entries.set(entry.id, card);
    if (old) return old.isConnected && old.replaceWith(card);
    const { list, count } = this.#lane(entry.level);
    list.prepend(card);
    count.textContent = ` · ${(Number(count.dataset.count) || 0) + 1}`;
    count.dataset.count = (Number(count.dataset.count) || 0) + 1;
    while (list.childElementCount > SHOWN_MAX) list.lastElementChild.remove();
  }

  #lane(level) {
    if (!this.#lanes.has(level)) {
      const lane = document.createElement("section");
      lane.className = "lane";
      const title = document.createElement("h3");
      const count = document.createElement("span");
      title.append(level, count);
      const list = document.createElement("ol");
      lane.append(title, list);
      element("lanes").append(lane);
      this.#lanes.set(level, { list, count });
    }
    return this.#lanes.get(level);
  }

  #card(entry) {
    const card = document.createElement("li");
    card.className = "card";
    card.dataset.live = ["proposed", "accepted"].includes(entry.status);
    const part = (tag, name, text) => {
      const node = document.createElement(tag);
      node.className = name;
      node.textContent = text;
      card.append(node);
    };
    part("span", "belief", entry.belief.toFixed(2));
    part("span", "type", `#${entry.id} ${entry.type}`);
    part("span", "data", JSON.stringify(entry.data).slice(0, DATA_CHARS_MAX));
    const because = entry.because?.length ? ` ← ${entry.because.map((each) => `#${each}`).join(" ")}` : "";
    part("small", "source", `${entry.status} · ${entry.author}${because}${entry.note ? ` · ${entry.note}` : ""}`);
    return card;
  }
}

/** What the page does: connects, lists, follows one board, and begins anew when the connection is lost. */
class Page {
  #session; #view = new BoardView(); #board = null; #subscription = null; #attempt = 0;
  #touched = new Set(); #isFetching = false;

  constructor() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    this.token = fragment.get("t");
    this.wanted = fragment.get("b");
  }

  say(state, text) {
    element("state").dataset.state = state;
    element("state").textContent = text;
  }

  async start() {
    if (!this.token) return this.say("offline", "no token: open the address that the server printed, with #t=…");
    this.#session = new Session(this.token, {
      onNotice: (method, params) => this.#notice(method, params),
      onClose: (reason) => this.#lost(reason),
    });
    try {
      await this.#session.open();
      this.#attempt = 0;
      await this.#list();
      this.#refresh(this.#session);
    } catch (error) {
      this.say("offline", `offline: ${error.message}`);
    }
  }

  #lost(reason) {
    if (reason === "unauthorized") return this.say("offline", "the token is not valid here");
    const wait = RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)];
    this.say("offline", `offline${reason ? `: ${reason}` : ""}; trying again …`);
    setTimeout(() => this.start(), wait);
  }

  /** Keep the list of boards fresh while this session lasts. */
  async #refresh(session) {
    while (session === this.#session) {
      await new Promise((resolve) => setTimeout(resolve, LIST_MS));
      try {
        this.#showRows((await session.call("board.list")).boards);
      } catch {
        return; // The connection is gone; `#lost` begins anew.
      }
    }
  }

  #showRows(boards) {
    const focused = document.activeElement?.dataset?.board;
    element("boards").replaceChildren(...boards.map((board) => this.#row(board)));
    if (focused) element("boards").querySelector(`[data-board="${CSS.escape(focused)}"]`)?.focus();
  }

  async #list() {
    const { boards } = await this.#session.call("board.list");
    this.#showRows(boards);
    if (!boards.length) this.say("live", "live; there is no board yet");
    const names = boards.map(({ board }) => board);
    const fullest = boards.toSorted((a, b) => b.entries - a.entries)[0]?.board;
    const name = [this.#board, this.wanted].find((each) => names.includes(each)) ?? fullest;
    if (name) await this.#show(name);
  }

  #row({ board, goal, status, entries, outcome }) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    const more = document.createElement("small");
    more.textContent = `${outcome ?? status} · ${entries} entries${goal ? ` · ${goal}` : ""}`;
    button.append(board, more);
    button.dataset.board = board;
    button.setAttribute("aria-current", board === this.#board);
    button.onclick = () => this.#show(board).catch((error) => this.say("offline", error.message));
    row.append(button);
    return row;
  }

  async #show(name) {
    if (this.#subscription && this.#board !== name) {
      await this.#session.call("board.unwatch", { subscription: this.#subscription }).catch(() => {});
    }
    this.#board = name;
    this.#subscription = null;
    this.#touched.clear();
    for (const button of document.querySelectorAll("nav button")) {
      button.setAttribute("aria-current", button.dataset.board === name);
    }
    this.say("behind", "reading …");
    await this.#facts(name, { anew: true });
    let after = 0, revision = null;
    while (after !== undefined) {
      const page = await this.#session.call("entry.list", { board: name, after, limit: PAGE });
      if (this.#board !== name) return;
      revision ??= page.revision;
      page.entries.forEach((entry) => this.#view.put(entry));
      after = page.next;
    }
    const watch = await this.#session.call("board.watch", { board: name, after: revision });
    this.#subscription = watch.subscription;
    this.say("live", "live");
  }

  async #facts(name, { anew = false } = {}) {
    const board = await this.#session.call("board.get", { board: name });
    if (this.#board !== name) return;
    if (anew) this.#view.clear(board.settings.levels ?? []);
    element("board-title").textContent = board.board;
    element("goal").textContent = board.goal;
    const answer = board.answer.length ? ` · answer ${board.answer.slice(0, 3).map((each) => `#${each}`).join(" ")}` : "";
    const why = board.reason ? ` (${board.reason})` : "";
    element("facts").textContent =
      `${board.outcome ?? board.status}${why} · revision ${board.revision} · ${board.entries} entries${answer}`;
  }

  #notice(method, params) {
    if (method === "board.lost" && params.subscription === this.#subscription) return this.#show(this.#board);
    if (method !== "board.changed" || params.board !== this.#board) return;
    for (const { event } of params.records) {
      for (const key of ["entry", "source", "target"]) {
        if (Number.isInteger(event[key])) this.#touched.add(event[key]);
      }
    }
    for (const key of Object.keys(params.beliefs ?? {})) this.#touched.add(Number(key));
    this.#fetch();
  }

  /** Read what changed anew, many changes at a time. */
  async #fetch() {
    if (this.#isFetching) return;
    this.#isFetching = true;
    const board = this.#board;
    try {
      do {
        const batch = [...this.#touched].slice(0, 100);
        batch.forEach((each) => this.#touched.delete(each));
        const reads = batch.map((entry) => this.#session.call("entry.get", { board, entry }));
        const entries = await Promise.all(reads);
        if (this.#board !== board) return;
        entries.sort((a, b) => a.id - b.id).forEach((entry) => this.#view.put(entry));
        await this.#facts(board);
        await new Promise(requestAnimationFrame);
      } while (this.#touched.size);
    } catch (error) {
      this.say("offline", error.message);
    } finally {
      this.#isFetching = false;
      if (this.#touched.size && this.#board === board) setTimeout(() => this.#fetch(), 200);
    }
  }
}

new Page().start();
