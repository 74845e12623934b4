// What a run tells, shown. Nothing can be changed from here. What comes from outside is text and never markup.
"use strict";

const HIDDEN_CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g;
const CONDITIONS = ["blocked", "failed", "working", "behind", "waiting", "new", "paused", "synced", "complete"];
const ROWS = 100;
const SILENCE_MS = 10000;
const POLL_MS = 2000;
const LIST_MS = 2000;

const view = { condition: "", wave: "", text: "", offset: 0, count: 0, rows: new Map(), detailed: null };
let board = null;
let heard = 0;
let stream = null;
let listed = 0;
let listing = null;
let turn = 0;
let again = false;

const at = (id) => document.getElementById(id);
const clean = (text) => String(text ?? "").replace(HIDDEN_CONTROLS, "?");
const number = (value) => Number(value).toLocaleString("en-GB");
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = clean(text);
  if (className) made.className = className;
  return made;
}

function counted(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function octets(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${count} B` : `${count.toFixed(1)} ${units[unit]}`;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

function range({ low, high }, shown) {
  const [from, to] = [shown(Math.round(low)), shown(Math.ceil(high))];
  return from === to ? to : `${from} to ${to}`;
}

function stage() {
  const since = `since ${new Date(board.started * 1000).toLocaleString()}, process ${board.process}`;
  if (board.stage === "ended") return `ended with exit status ${board.exit_status} (${since})`;
  if (board.stage === "resting") return `resting: the next round begins at ${clock(board.next)} (${since})`;
  return `under way ${since}`;
}

function card(label, value) {
  const made = element("div", undefined, "card");
  made.append(element("b", value), element("span", label, "muted"));
  return made;
}

function moved() {
  const { so_far: done, whole } = board;
  if (done.messages === 0) return [card("messages listed", number(board.listed))];
  if (whole === null) return [card("messages", number(done.messages)), card("of mail", octets(done.octets))];
  const of = whole.is_known ? "of" : "of at least";
  return [card(`${of} ${counted(whole.messages, "message")}`, number(done.messages)), card(`${of} ${octets(whole.octets)}`, octets(done.octets))];
}

function showBoard() {
  at("command").textContent = board.command;
  document.title = `mailferry ${board.command}: ${board.ended} of ${board.accounts}`;
  at("stage").textContent = stage();
  const isWorking = board.stage === "working";
  at("share").hidden = !isWorking;
  at("share").value = board.share;
  const cards = [card(`of ${counted(board.accounts, "account")} done`, number(board.ended))];
  cards.push(...moved());
  if (isWorking) {
    cards.push(card("a second", octets(board.octets_per_second)));
    if (board.seconds_left !== null) cards.push(card("left, at this pace", duration(board.seconds_left)));
  }
  if (board.cutover !== null) {
    const told = board.cutover.accounts < board.accounts ? ` of ${counted(board.cutover.accounts, "account")}` : "";
    cards.push(card(`to cut over now${told}`, range(board.cutover.seconds, duration)));
    cards.push(card(`messages behind now${told}`, range(board.cutover.behind, number)));
  }
  cards.push(card(board.failures === 1 ? "failure" : "failures", number(board.failures)));
  at("cards").replaceChildren(...cards);
  showConditions();
  showWaves();
  at("notices").replaceChildren(...board.notices.map(notice));
}

function notice(said) {
  const line = element("li", undefined, said.failure ? "failed" : "");
  line.append(element("span", `${clock(said.at)} `, "muted"), element("b", said.account), ` ${clean(said.text)}`);
  return line;
}

function showConditions() {
  const words = ["", ...CONDITIONS.filter((word) => board.conditions[word] || word === view.condition)];
  const buttons = words.map((word) => {
    const count = word === "" ? board.accounts : board.conditions[word] ?? 0;
    const button = element("button", `${word || "all"} ${number(count)}`, word);
    button.type = "button";
    button.setAttribute("aria-pressed", String(view.condition === word));
    button.addEventListener("click", () => look({ condition: word, offset: 0 }));
    return button;
  });
  at("conditions").replaceChildren(...buttons);
}

function showWaves() {
  at("waves-section").hidden = board.waves.length === 0;
  at("waves").replaceChildren(...board.waves.map(waveRow));
}

function waveRow(wave) {
  const made = element("tr");
  const name = element("td", undefined, "name");
  const only = element("button", wave.wave);
  only.type = "button";
  only.setAttribute("aria-pressed", String(view.wave === wave.wave));
  only.addEventListener("click", () => look({ wave: view.wave === wave.wave ? "" : wave.wave, offset: 0 }));
  name.append(only);
  const turns = wave.turns === null ? "" : ` until ${new Date(wave.turns * 1000).toLocaleString()}`;
  const stand = CONDITIONS.filter((word) => wave.conditions[word]).map((word) => `${number(wave.conditions[word])} ${word}`);
  made.append(name, element("td", `${wave.open ? "open" : "closed"}${turns}`), element("td", number(wave.accounts), "number"), element("td", stand.join(", ")));
  return made;
}

function row(account) {
  const made = element("tr");
  const name = element("td", undefined, "name");
  const open = element("button", account.account);
  open.type = "button";
  open.addEventListener("click", () => openDetail(account));
  name.append(open);
  const now = element("td", undefined, "now");
  if (account.work) now.append(...work(account.work));
  else if (account.error) now.textContent = clean(account.error);
  const counts = [account.there, account.to_copy, account.failed].map((it) => element("td", number(it), "number"));
  made.append(name, element("td", account.condition, `state ${account.condition}`), ...counts, now);
  return made;
}

function work(it) {
  const done = it.messages > 0 ? `${number(it.messages_done)} of ${counted(it.messages, "message")}` : counted(it.messages_done, "message");
  const parts = [element("span", `${it.phase}  ${done}  ${it.mailbox}`)];
  const [part, whole] = it.octets > 0 ? [it.octets_done, it.octets] : [it.messages_done, it.messages];
  if (whole > 0) {
    const bar = element("progress");
    bar.max = whole;
    bar.value = Math.min(part, whole);
    bar.setAttribute("aria-label", `${it.phase}, so far`);
    parts.push(bar);
  }
  return parts;
}

function showRows(answer) {
  view.count = answer.count;
  view.rows = new Map(answer.accounts.map((account) => [account.number, row(account)]));
  at("accounts").replaceChildren(...view.rows.values());
  const last = Math.min(view.offset + ROWS, view.count);
  at("range").textContent = view.count === 0 ? "No account is like that." : `${number(view.offset + 1)} to ${number(last)} of ${number(view.count)}`;
  at("back").disabled = view.offset === 0;
  at("forward").disabled = last >= view.count;
}

function changed(answer) {
  for (const account of answer.accounts) {
    if (account.number === view.detailed?.number && account.condition !== view.detailed.condition) showDetail(account);
    const shown = view.rows.get(account.number);
    if (shown === undefined) continue;
    const made = row(account);
    const hadFocus = shown.contains(document.activeElement);
    shown.replaceWith(made);
    view.rows.set(account.number, made);
    if (hadFocus) made.querySelector("button").focus();
  }
  if (answer.many || answer.accounts.length > 0) list();
}

// The list is asked for again now and then, as long as something changes. What was asked for last is shown, whichever answer
// comes last.
function list(atOnce) {
  if (listing !== null && !atOnce) {
    again = true;
    return;
  }
  clearTimeout(listing);
  const own = ++turn;
  const wait = atOnce ? 0 : Math.max(0, listed + LIST_MS - Date.now());
  listing = setTimeout(async () => {
    listed = Date.now();
    again = false;
    const asked = new URLSearchParams({ condition: view.condition, wave: view.wave, q: view.text, offset: view.offset });
    const answer = await ask(`api/accounts?${asked}`);
    if (own !== turn) return;
    listing = null;
    if (answer?.accounts && !at("accounts").contains(document.activeElement)) showRows(answer);
    if (again) list();
  }, wait);
}

function look(change) {
  Object.assign(view, change);
  if (board) {
    showConditions();
    showWaves();
  }
  list(true);
}

async function ask(path) {
  try {
    const answer = await fetch(path, { cache: "no-store" });
    return await answer.json();
  } catch {
    return null;
  }
}

function take(told) {
  heard = Date.now();
  document.body.classList.remove("stale");
  const isAnother = board === null || board.run !== told.run || board.accounts !== told.accounts;
  board = told;
  if (isAnother) {
    view.offset = 0;
    list(true);
  }
  showBoard();
}

function listen() {
  if (stream !== null) return;
  stream = new EventSource("events");
  stream.addEventListener("board", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("end", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("accounts", (event) => changed(JSON.parse(event.data)));
  // A browser gives up for good where the answer is none of a stream: polling finds it again.
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) deafen();
  });
}

function deafen() {
  stream?.close();
  stream = null;
}

async function poll() {
  if (document.hidden || Date.now() - heard < SILENCE_MS) return;
  const told = await ask("api/board");
  if (told === null || told.run === undefined) {
    document.body.classList.add("stale");
    if (board?.stage !== "ended") at("stage").textContent = "no answer: the run has ended, or cannot be reached; trying again";
    return;
  }
  const silent = heard;
  take(told);
  // Polled is not heard: the next poll comes as long as the stream says nothing.
  heard = silent;
  list();
  listen();
}

function openDetail(account) {
  at("detail-name").textContent = clean(account.account);
  at("detail-body").replaceChildren(element("p", "asking…", "muted"));
  at("detail").showModal();
  showDetail(account);
}

// What comes late is not shown in the place of another account.
async function showDetail(account) {
  view.detailed = account;
  const told = await ask(`api/account?number=${account.number}`);
  if (view.detailed === account) at("detail-body").replaceChildren(...detail(told, account));
}

function detail(told, row) {
  if (told === null) return [element("p", "no answer: the run has ended, or cannot be reached", "failed")];
  if (told.what) return [element("p", told.what, "failed"), element("p", told.hint ?? "", "muted")];
  const it = told.account;
  const parts = [element("p", row.condition, row.condition)];
  if (it) parts.push(element("p", `${it.source_user} to ${it.destination_user}; ${counted(it.source_messages, "message")}, ${octets(it.source_octets)}`));
  if (told.cutover) parts.push(element("p", `If you cut over now: ${range(told.cutover.behind, number)} messages behind, ${range(told.cutover.seconds, duration)}`));
  if (row.error) parts.push(element("p", row.error, "failed"));
  if (row.hint) parts.push(element("p", row.hint, "muted"));
  parts.push(element("h3", "To type"), ...told.commands.map((command) => commandLine(command)));
  if (!it) return [...parts, element("p", "Another mailferry works with the state: its mailboxes are shown again when that is done.", "muted")];
  parts.push(...table("Mailboxes", ["On the source", "Messages", "On the destination", "Messages"], it.mailboxes_copied.map((mailbox) =>
    [mailbox.source, number(mailbox.source_messages), mailbox.destination, mailbox.destination_messages === null ? "–" : number(mailbox.destination_messages)])));
  parts.push(...table("Take no part", ["Mailbox", "Why"], it.omitted.map((omitted) => [omitted.mailbox, omitted.reason])));
  parts.push(...table("Not there, or to be looked at", ["Mailbox", "UID", "Which", "What", "Why", "To type"], it.messages.map((message) =>
    [message.mailbox, message.uid, [message.from, message.subject].filter(Boolean).join(": "), message.outcome, message.reason, message.command])));
  if (told.more > 0) parts.push(element("p", `and ${number(told.more)} more: mailferry report lists them`, "muted"));
  parts.push(...table("What failed", ["What"], it.failures_listed.map((failure) => [failure])));
  return parts;
}

function commandLine(command) {
  const line = element("p", undefined, "box");
  line.append(element("code", command));
  return line;
}

function table(title, headings, rows) {
  if (rows.length === 0) return [];
  const made = element("table");
  const head = element("tr");
  head.append(...headings.map((heading) => element("th", heading)));
  made.createTHead().append(head);
  const body = made.createTBody();
  for (const cells of rows) {
    const line = element("tr");
    line.append(...cells.map((cell) => element("td", cell)));
    body.append(line);
  }
  const scroll = element("div", undefined, "scroll");
  scroll.append(made);
  return [element("h3", title), scroll];
}

at("search").addEventListener("input", (event) => look({ text: event.target.value, offset: 0 }));
at("back").addEventListener("click", () => look({ offset: Math.max(0, view.offset - ROWS) }));
at("forward").addEventListener("click", () => look({ offset: view.offset + ROWS }));
at("close").addEventListener("click", () => at("detail").close());
// The event comes late: another account may have been opened since.
at("detail").addEventListener("close", () => {
  if (!at("detail").open) view.detailed = null;
});
// A browser has six connections to a server: a page that nobody sees needs none.
document.addEventListener("visibilitychange", () => (document.hidden ? deafen() : listen()));
setInterval(poll, POLL_MS);
listen();
