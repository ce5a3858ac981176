// The page's only script: keeps what is shown true, and the keyboard useful. Everything works without it.
//
// Events are hints: when one comes, the page is read anew and what is marked data-live is morphed (htmx). Where the
// connection is lost, the page says so and since when, and greys what it cannot vouch for; once it is back, it reads
// everything again.

const body = document.body;
const html = document.documentElement;
const htmx = window.htmx;
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
html.classList.add("scripted");

// ------------------------------------------------------------------------------------------------ what one likes

function remember(name, value) {
  try { localStorage.setItem(`gnomon-${name}`, value); } catch { /* private windows may refuse */ }
}
function remembered(name) {
  try { return localStorage.getItem(`gnomon-${name}`); } catch { return null; }
}
// The server renders in the reader's zone and theme, so that nothing changes after it is seen.
function tell(name, value) {
  document.cookie = `gnomon_${name}=${encodeURIComponent(value)}; Path=/; SameSite=Lax; Max-Age=31536000`;
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isNewZone = Boolean(zone) && zone !== html.dataset.zone && remembered("zone") !== zone;
if (zone) { tell("zone", zone); remember("zone", zone); }

const theme = find("#theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
if (remembered("theme") && !html.dataset.theme) { html.dataset.theme = remembered("theme"); tell("theme", remembered("theme")); }
if (theme) {
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const next = (html.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
    html.dataset.theme = next;
    remember("theme", next);
    tell("theme", next);
  });
}

// ------------------------------------------------------------------------------------------------ moments

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
let ahead = Number(body.dataset.now) - Date.now(); // of the server's clock

function coarse(seconds) {
  for (const [size, unit] of UNITS) {
    if (seconds >= size * (size > 1 ? 2 : 1)) return `${Math.round(seconds / size)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}
const TELL = {
  far: (s) => Math.abs(s) < 1 ? "now" : s > 0 ? `in ${coarse(s)}` : `${coarse(-s)} ago`,
  until: (s) => s > 0 ? TELL.far(s) : s > -5 ? "now" : `${coarse(-s)} late`,
  since: (s) => coarse(Math.max(-s, 0)),
};
function tellTimes() {
  const now = Date.now() + ahead;
  for (const time of all("time[data-tell]")) {
    const words = TELL[time.dataset.tell]((Date.parse(time.dateTime) - now) / 1000);
    if (time.textContent !== words) time.textContent = words;
  }
}

// ------------------------------------------------------------------------------------------------ reading anew

const SHORTEST_MS = 1000; // between two readings
const LONGEST_MS = 20000; // some things come by time alone, without an event: a job is overdue, a node is silent
const KINDS = ["change", "run", "runs", "nodes", "reset"];
const NO_ANSWER = 0;
let reading = null, isWanted = false, lastRead = 0, timer = 0, isHeld = false;

function regions() { return all("[data-live][id]"); }
function wants(kind) { return kind === "reset" || regions().some((region) => region.dataset.live.split(" ").includes(kind)); }

function hint(kind) {
  if (wants(kind)) readSoon(Math.max(0, lastRead + SHORTEST_MS - Date.now()));
}
function readSoon(ms = 0) {
  isWanted = true;
  if (document.hidden || timer || reading) return;
  timer = setTimeout(async () => lose(await read()), ms);
}

// Reads the page anew; the status of the answer comes back.
function read() {
  clearTimeout(timer);
  timer = 0;
  reading ??= readOnce().finally(() => {
    reading = null;
    if (isWanted) readSoon(Math.max(0, lastRead + SHORTEST_MS - Date.now()));
  });
  return reading;
}
async function readOnce() {
  isWanted = false;
  lastRead = Date.now();
  const ids = regions().map((region) => `#${CSS.escape(region.id)}:outerMorph`);
  // A page of which nothing moves is as it was; there may be no address to read it from.
  if (!ids.length && !find("[data-reload-when-back]")) return 200;
  const result = { status: NO_ANSWER };
  try {
    await htmx.ajax("GET", location.pathname + location.search, {
      source: body, target: body, swap: "none", selectOOB: ids.join(","), readAnew: result,
    });
  } catch { /* it has no answer */ }
  return result.status;
}

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx, tasks } = event.detail;
  if (!ctx.readAnew) return;
  // Whose session has ended is led to another page.
  ctx.readAnew.status = ctx.response.raw.redirected ? 401 : ctx.response.status;
  if (ctx.readAnew.status !== 200) { event.preventDefault(); return; }
  keepOpen(tasks);
  keepStill(tasks);
});
// What somebody has unfolded stays so.
function keepOpen(tasks) {
  for (const opened of all("details[open][id]")) {
    for (const task of tasks) find(`#${CSS.escape(opened.id)}`, task.fragment)?.setAttribute("open", "");
  }
}
document.addEventListener("htmx:after:swap", () => { tellTimes(); equip(); });

// Nothing moves under the pointer: while it rests on a list, or the focus is in it, its rows keep their places. What they
// say is new all the same. New rows come at the end, rows that are gone stay, struck out; what stands above waits.
function keepStill(tasks) {
  const held = all("[data-hold]").filter((list) => list.matches(":hover") || list.contains(focused()));
  isHeld = held.length > 0;
  for (const list of held) {
    for (const task of tasks) {
      const fresh = find(`#${CSS.escape(list.id)}`, task.fragment);
      if (fresh) keepOrder(list, fresh);
    }
    const first = list.closest("[data-live]");
    for (let place = tasks.length - 1; place >= 0; place--) {
      const region = tasks[place].target;
      const isAbove = region !== first && !("steady" in region.dataset)
        && (region.compareDocumentPosition(first) & Node.DOCUMENT_POSITION_FOLLOWING) && !region.matches(":hover");
      if (isAbove) tasks.splice(place, 1);
    }
  }
}
function keepOrder(list, fresh) {
  const rows = new Map([...fresh.children].map((row) => [row.id, row]));
  const ordered = [];
  for (const row of list.children) {
    const kept = rows.get(row.id) ?? gone(row);
    rows.delete(row.id);
    ordered.push(kept);
  }
  fresh.replaceChildren(...ordered, ...rows.values());
}
function gone(row) {
  const copy = row.cloneNode(true);
  copy.dataset.gone = "";
  copy.title = "It is no longer among these.";
  return copy;
}
function focused() {
  return document.activeElement?.matches("main, body") ? null : document.activeElement;
}
let settling = 0;
function settle() {
  if (!isHeld) return;
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (isHeld && !all("[data-hold]").some((list) => list.matches(":hover") || list.contains(focused()))) readSoon();
  }, 300);
}
document.addEventListener("pointerover", settle);
document.addEventListener("pointerleave", settle);
document.addEventListener("focusout", settle);

// ------------------------------------------------------------------------------------------------ the connection

const SILENCE_MS = 15000; // the server says something at least every five seconds
const HIDDEN_MS = 20000;  // browsers allow few connections: a page that nobody sees gives its own back
let stream = null, lastHeard = Date.now(), retry = 1000, retrying = 0;
let isLost = false, isSignedOut = false, isCatchingUp = false;

function listen() {
  clearTimeout(retrying);
  stream?.close();
  lastHeard = Date.now();
  stream = new EventSource(body.dataset.events);
  stream.addEventListener("alive", (event) => {
    if (JSON.parse(event.data).store === "ok") heard(); else lose(503);
  });
  for (const kind of KINDS) stream.addEventListener(kind, () => { heard(); hint(kind); });
  stream.addEventListener("signed-out", () => { stream.close(); signedOut(); });
  stream.onerror = () => {
    lose(NO_ANSWER);
    if (stream.readyState === EventSource.CLOSED) again();
  };
}

async function again() {
  clearTimeout(retrying);
  stream?.close();
  retrying = setTimeout(async () => {
    retry = Math.min(retry * 1.5, 10000);
    try {
      const answer = await fetch(`${body.dataset.root}/api/scheduler/session`, { cache: "no-store" });
      if (answer.status === 401) { signedOut(); return; }
    } catch { again(); return; }
    listen();
  }, retry);
}

async function heard() {
  lastHeard = Date.now();
  if (body.dataset.link === "live" || isCatchingUp) return;
  // Only what was read after the connection was there can be vouched for.
  isCatchingUp = true;
  if (reading) await reading;
  const status = await read();
  isCatchingUp = false;
  if (status !== 200 && !find("[data-reload-when-back]")) { lose(status); return; }
  if (find("[data-reload-when-back]")) { if (status === 200) location.reload(); return; }
  isLost = false;
  retry = 1000;
  body.dataset.link = "live";
  find("#lost").hidden = true;
  find("#lost").replaceChildren();
  find("#link-words").textContent = "Live";
}

// Nobody looks; what is shown is read anew when somebody does.
function rest() {
  if (isLost) return;
  body.dataset.link = "resting";
  find("#link-words").textContent = "Reading …";
}

// Says that what is shown may be old, by the status of the answer that did not come.
function lose(status) {
  if (status === 200 || isLost || isSignedOut) return;
  if (status === 401) { signedOut(); return; }
  isLost = true;
  body.dataset.link = "lost";
  const since = new Date(lastHeard).toLocaleTimeString([], { hour12: false });
  find("#link-words").textContent = `Lost at ${since}`;
  const words = {
    [NO_ANSWER]: `The connection to the server was lost at ${since}.`,
    503: `The store does not answer since ${since}.`,
  }[status] ?? `The server cannot make this page since ${since} (${status}).`;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.textContent = "Try now";
  button.addEventListener("click", () => { retry = 1000; listen(); });
  find("#lost").replaceChildren(`${words} What is greyed may be out of date. Trying again …`, button);
  find("#lost").hidden = false;
}

function signedOut() {
  isSignedOut = true;
  body.dataset.link = "lost";
  find("#link-words").textContent = "Signed out";
  const link = document.createElement("a");
  link.href = signInHere();
  link.textContent = "Sign in";
  find("#lost").replaceChildren("Your session has ended. What is greyed may be out of date. ", link);
  find("#lost").hidden = false;
}
function signInHere() {
  return `${body.dataset.root}/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`;
}

if (body.dataset.events) {
  listen();
  setInterval(() => {
    if (document.hidden || isSignedOut || !stream) return;
    if (Date.now() - lastHeard > SILENCE_MS) { lose(NO_ANSWER); listen(); }
    else if (!isLost && Date.now() - lastRead > LONGEST_MS) readSoon();
  }, 1000);
  let hiding = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(() => { stream?.close(); stream = null; rest(); }, HIDDEN_MS);
    } else if (!isSignedOut) {
      if (!stream) listen(); else if (isWanted) readSoon();
      tellTimes();
    }
  });
  addEventListener("pageshow", (event) => { if (event.persisted && !isSignedOut) { rest(); listen(); } });
}
setInterval(() => { if (!document.hidden) tellTimes(); }, 1000);

// ------------------------------------------------------------------------------------------------ doing

// Something was done on this page: it shows what became of it without waiting for the hint.
document.addEventListener("gnomon:done", () => { lastRead = 0; readSoon(); });

// A double click, or a key that is held down, is one press. What the first one did is on the page before the second
// comes: a new key for another run, or Resume where Pause was.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest("form[method=post] button, button[form]")) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.repeat && (event.key === "Enter" || event.key === " ") && event.target.matches?.("button")) event.preventDefault();
});

// Buttons of the form #act send it in place; what comes back is a notice.
document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (event.target.id !== "act" || !button || !htmx) return;
  event.preventDefault();
  if (button.dataset.busy) return;
  button.dataset.busy = "";
  try {
    await htmx.ajax("POST", button.getAttribute("formaction"), { source: button, target: "#notices", swap: "beforeend" });
  } finally { delete button.dataset.busy; }
});

document.addEventListener("htmx:error", (event) => {
  const { ctx, error } = event.detail;
  if (!ctx || ctx.readAnew) return;
  const box = document.createElement("div");
  box.className = "notice bad";
  box.dataset.notice = "";
  box.setAttribute("role", "alert");
  const words = document.createElement("p");
  words.textContent = `It is not known whether that was done: the server did not answer (${error?.message ?? error}).`;
  box.append(words);
  find("#notices").append(box);
  lose(NO_ANSWER);
});

// A search is part of the address, so that it can be kept, sent and read anew.
document.addEventListener("htmx:after:swap", (event) => {
  const form = event.detail.ctx?.sourceElement;
  if (!form?.matches?.("[data-address]")) return;
  const given = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...given]) if (!value) given.delete(name);
  if (given.get("sort") === "next_run") given.delete("sort");
  history.replaceState(null, "", given.size ? `?${given}` : location.pathname);
  for (const field of all("input[name=back]")) field.value = location.pathname + location.search;
});

document.addEventListener("click", (event) => {
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.closest("[data-notice]").remove();
  const copies = event.target.closest("[data-copies]");
  if (copies) navigator.clipboard.writeText(document.getElementById(copies.dataset.copies).textContent).then(() => { find("span", copies).textContent = "Copied"; }, () => {});
  const opener = event.target.closest("[data-opens]");
  const dialog = opener && document.getElementById(opener.dataset.opens);
  if (dialog && !event.ctrlKey && !event.metaKey) { event.preventDefault(); dialog.showModal(); }
});

// Choosing rows.
function countChosen() {
  const boxes = all("[data-choose]");
  const count = boxes.filter((box) => box.checked).length;
  const words = find("[data-chosen-count]");
  if (words) words.textContent = count === 1 ? "1 job chosen" : `${count} jobs chosen`;
  const every = find("[data-choose-all]");
  if (every) {
    every.checked = count > 0 && count === boxes.length;
    every.indeterminate = count > 0 && count < boxes.length;
  }
}
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) for (const box of all("[data-choose]")) box.checked = event.target.checked;
  if (event.target.matches("[data-choose], [data-choose-all]")) countChosen();
});
document.addEventListener("reset", () => setTimeout(countChosen));

// What no event tells of, such as how late a node starts, is read now and then.
for (const region of all("[data-often]")) {
  setInterval(() => { if (region.isConnected && region.dataset.often) readSoon(); }, Number(region.dataset.often) * 1000);
}

// What only works with this script.
function equip() {
  // Somebody else changed what is being edited here: said at once, not only when it is saved.
  for (const each of all("[data-meanwhile]")) each.hidden = each.dataset.meanwhile === find("#editor [name=token]")?.value;
  for (const each of all(`[data-dismiss], [data-choose-all]${navigator.clipboard ? ", [data-copies]" : ""}`)) each.hidden = false;
  while (all("[data-notice]").length > 3) find("[data-notice]").remove();
  countChosen();
}

// ------------------------------------------------------------------------------------------------ keys

const sheet = find("#keys");
const opener = find("#keys-open");
const isOn = find("#keys-on");
if (sheet && opener) {
  opener.hidden = false;
  opener.addEventListener("click", () => sheet.showModal());
  isOn.checked = remembered("keys") !== "off";
  isOn.addEventListener("change", () => remember("keys", isOn.checked ? "on" : "off"));
}

// Small forms behind a button: the first field has the focus, one is open at a time, Esc closes.
document.addEventListener("toggle", (event) => {
  const opened = event.target;
  if (!opened.matches?.("details.act") || !opened.open) return;
  for (const other of all("details.act[open]")) if (other !== opened) other.open = false;
  if (!find("[aria-invalid=true]", opened)) find("input:not([type=hidden]), button", opened)?.focus();
}, true);
function closeSmallForm() {
  const open = find("details.act[open]");
  if (!open) return false;
  open.open = false;
  find("summary", open).focus();
  return true;
}
function press(element) {
  element.focus();
  if ("press" in element.dataset) element.click();
}

let isAfterG = false;
function step(by) {
  const rows = all("[data-row]:not([data-gone])");
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
  const place = row && (find("a.name", row) ?? find("a, button, input", row));
  place?.focus();
  place?.scrollIntoView({ block: "nearest" });
}
function inRow(selector) {
  return find(selector, document.activeElement?.closest("[data-row]") ?? document);
}
function visible(selector) {
  return all(selector, document.activeElement?.closest("[data-row]") ?? document).find((each) => each.checkVisibility());
}
const KEYS = {
  "?": () => sheet?.showModal(),
  "/": () => find("[data-search]")?.focus(),
  g: () => { isAfterG = true; setTimeout(() => { isAfterG = false; }, 1500); },
  j: () => step(1),
  k: () => step(-1),
  x: () => inRow("[data-choose]")?.click(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  const isWriting = event.target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (event.key === "Escape" && !find("dialog[open]") && closeSmallForm()) return;
  if (event.key === "Escape" && isWriting) { event.preventDefault(); event.target.blur(); return; } // browsers would empty a search
  if (isWriting || (isOn && !isOn.checked) || find("dialog[open]")) return;
  if (isAfterG) {
    isAfterG = false;
    const place = find(`[data-go="${CSS.escape(event.key)}"]`);
    if (place) { event.preventDefault(); place.click(); return; }
  }
  const act = KEYS[event.key] ?? (/^[a-z]$/.test(event.key) && visible(`[data-key="${event.key}"]`) ? () => press(visible(`[data-key="${event.key}"]`)) : null);
  if (act) { event.preventDefault(); act(); }
});

find("[aria-invalid=true]")?.focus();
equip();
tellTimes();
if (isNewZone && body.dataset.events) { find("#reader-zone").textContent = zone; readSoon(50); }
