// The first page: lists the boards and shows one filling live, over the public protocol and nothing else.
// The token comes from the fragment (#t=…), which browsers do not send; text is only ever set as text.
// client.js keeps the connection, and has the watch go on where it was when that was lost.

import { connect } from "./client.js";

const RETRY_MS = 2000;
const LIST_MS = 3000;
const PAGE = 1000;
const SHOWN_MAX = 500; // newest cards per lane; the page stays smooth on a large board
const DATA_CHARS_MAX = 300;

const element = (id) => document.getElementById(id);

/** An entry's data in few words: plain fields in full, nested ones by their size. */
function words(data) {
  const word = (value) => {
    if (Array.isArray(value)) return value.every((each) => typeof each === "string") ? value.join(", ") : `[${value.length}]`;
    return value !== null && typeof value === "object" ? `{${Object.keys(value).length}}` : String(value ?? "none");
  };
  return Object.entries(data).map(([name, value]) => `${name}: ${word(value)}`).join(" · ");
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
    part("span", "data", words(entry.data).slice(0, DATA_CHARS_MAX));
    card.style.setProperty("--belief", entry.belief); // also told as a number
    const because = entry.because?.length ? ` ← ${entry.because.map((each) => `#${each}`).join(" ")}` : "";
    part("small", "source", `${entry.status} · ${entry.author}${because}${entry.note ? ` · ${entry.note}` : ""}`);
    return card;
  }
}

/** What the page does: connects, lists, and follows one board. */
class Page {
  #session; #view = new BoardView(); #board = null; #stop = new AbortController(); #isBehind = true;
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
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const onstate = (state, detail) => this.#state(state, detail);
    try {
      this.#session = await connect(`${scheme}://${location.host}/v1`, { token: this.token, name: "page", onstate });
    } catch (error) {
      this.say("offline", `offline: ${error.message}`);
      if (error.retryable) setTimeout(() => this.start(), RETRY_MS);
      return;
    }
    await this.#list();
    this.#refresh();
  }

  #state(state, detail) {
    if (state === "live") this.say(this.#isBehind ? "behind" : "live", this.#isBehind ? "reading …" : "live");
    else this.say("offline", state === "offline" ? `offline: ${detail}; trying again …` : `offline: ${detail}`);
  }

  /** Keep the list of boards fresh; while the connection is lost, it waits. */
  async #refresh() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LIST_MS));
      try {
        this.#showRows(await this.#session.boards());
      } catch (error) {
        if (error.code !== "timed_out") return; // The session has ended, and the page says why.
      }
    }
  }

  #showRows(boards) {
    const focused = document.activeElement?.dataset?.board;
    element("boards").replaceChildren(...boards.map((board) => this.#row(board)));
    if (focused) element("boards").querySelector(`[data-board="${CSS.escape(focused)}"]`)?.focus();
  }

  async #list() {
    const boards = await this.#session.boards();
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
    this.#stop.abort();
    const { signal } = this.#stop = new AbortController();
    this.#board = name;
    this.#touched.clear();
    for (const button of document.querySelectorAll("nav button")) {
      button.setAttribute("aria-current", button.dataset.board === name);
    }
    this.#isBehind = true;
    this.say("behind", "reading …");
    await this.#facts(name, { anew: true });
    const board = this.#session.board(name);
    const { revision } = await board.call("entry.list", { limit: 1 });
    for await (const entry of board.entries({ limit: PAGE })) {
      if (signal.aborted) return;
      this.#view.put(entry);
    }
    this.#isBehind = false;
    this.say("live", "live");
    this.#follow(board, revision, signal);
  }

  /** Take every change after a revision, until another board is shown. */
  async #follow(board, after, signal) {
    try {
      for await (const change of board.watch({ after, signal })) this.#changed(change);
    } catch (error) {
      if (signal.aborted) return;
      this.say("offline", error.message);
      if (error.code === "gone") await this.#show(board.name);
    }
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

  #changed({ records, beliefs }) {
    for (const { event } of records) {
      for (const key of ["entry", "source", "target"]) {
        if (Number.isInteger(event[key])) this.#touched.add(event[key]);
      }
    }
    for (const key of Object.keys(beliefs ?? {})) this.#touched.add(Number(key));
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
