// What a run writes: followed while it writes, searched, and read back to its beginning. Only pages of runs have it.

const find = (selector, within = document) => within.querySelector(selector);
const lines = find("#lines");
const follow = find("#follow");
const wrap = find("#wrap");
const EVERY_MS = 1000; // Output is no event of the live stream: a run that writes much would be all that it tells.

const part = () => find(".part", lines);
const isActive = () => "active" in (find("#run-head")?.dataset ?? {});

// ------------------------------------------------------------------------------------------------ parts

async function fetchPart(query) {
  const answer = await fetch(`${lines.dataset.from}?${new URLSearchParams(query)}`, {
    headers: { "hx-request": "true", accept: "text/html" }, cache: "no-store",
  });
  if (!answer.ok || answer.redirected) return null;
  return find(".part", new DOMParser().parseFromString(await answer.text(), "text/html"));
}

// What comes on the same stream as what stands there already goes on in its last line.
function join(fresh) {
  const shown = part();
  const last = shown.lastElementChild;
  const first = fresh.firstElementChild;
  if (last && first?.matches(".block") && last.dataset.stream === first.dataset.stream && last.dataset.attempt === first.dataset.attempt) {
    find(".text", last).append(...find(".text", first).childNodes);
    first.remove();
  }
  shown.append(...fresh.children);
  shown.dataset.after = fresh.dataset.after;
}

const isAtEnd = () => lines.scrollHeight - lines.scrollTop - lines.clientHeight < 32;
const toEnd = () => { lines.scrollTop = lines.scrollHeight; };

let isReading = false, wasActive = isActive();
async function readOn() {
  if (isReading || document.hidden) return;
  isReading = true;
  // Once more after its end: what it wrote last may have come since.
  const isEnding = !isActive();
  try {
    for (let fresh = null; fresh === null || !("last" in fresh.dataset);) {
      fresh = await fetchPart({ after: part().dataset.after });
      if (fresh === null) return;
      if (fresh.firstElementChild) {
        join(fresh);
        mark();
        if (follow.checked) toEnd();
      } else {
        part().dataset.after = fresh.dataset.after;
      }
    }
    if (isEnding) wasActive = false;
  } catch { /* that the server is gone is told above */ } finally {
    isReading = false;
  }
}
setInterval(() => {
  if (isActive()) wasActive = true;
  find("[data-follow]").hidden = !wasActive;
  if (wasActive && document.body.dataset.link !== "lost") readOn();
}, EVERY_MS);

const earlier = find("[data-earlier]");
earlier?.addEventListener("click", async (event) => {
  const before = new URL(earlier.href).searchParams.get("before");
  if (before === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const fresh = await fetchPart({ before }).catch(() => null);
  if (fresh === null) { location.href = earlier.href; return; }
  const height = lines.scrollHeight;
  part().prepend(...fresh.children);
  follow.checked = false;
  lines.scrollTop += lines.scrollHeight - height;
  if (fresh.dataset.before) {
    const next = new URL(earlier.href);
    next.searchParams.set("before", fresh.dataset.before);
    earlier.href = next;
  } else {
    earlier.parentElement.hidden = true;
    lines.focus();
  }
  mark();
});

// ------------------------------------------------------------------------------------------------ following

lines.addEventListener("scroll", () => { if (isActive()) follow.checked = isAtEnd(); });
follow.addEventListener("change", () => { if (follow.checked) { toEnd(); readOn(); } });
find("[data-follow]").hidden = !wasActive;
toEnd();

try {
  wrap.checked = localStorage.getItem("gnomon-wrap") !== "off";
  wrap.addEventListener("change", () => localStorage.setItem("gnomon-wrap", wrap.checked ? "on" : "off"));
} catch { /* private windows may refuse */ }

// ------------------------------------------------------------------------------------------------ finding

const field = find("#find");
const count = find("[data-find] output");
let found = [], current = 0;

// Matches are marked without touching the text: what is selected stays so, and nothing is escaped anew.
function mark() {
  if (!CSS.highlights) return;
  const wanted = field.value.toLowerCase();
  found = wanted ? matches(wanted) : [];
  current = Math.min(current, Math.max(found.length - 1, 0));
  CSS.highlights.set("found", new Highlight(...found));
  CSS.highlights.set("found-here", new Highlight(...found.slice(current, current + 1)));
  count.textContent = wanted ? (found.length ? `${current + 1} of ${found.length}` : "none") : "";
}
function matches(wanted) {
  const ranges = [];
  for (const text of lines.querySelectorAll(".text")) {
    const nodes = [], starts = [];
    let whole = "";
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      nodes.push(node);
      starts.push(whole.length);
      // One letter for one: a capital whose small form is longer would move all that follows.
      whole += [...node.data].map((letter) => letter.toLowerCase().length === letter.length ? letter.toLowerCase() : letter).join("");
    }
    let at = 0;
    const place = (offset) => {
      while (at + 1 < nodes.length && starts[at + 1] <= offset) at++;
      return [nodes[at], offset - starts[at]];
    };
    for (let hit = whole.indexOf(wanted); hit >= 0 && ranges.length < 5000; hit = whole.indexOf(wanted, hit + wanted.length)) {
      const range = new Range();
      range.setStart(...place(hit));
      const [node, offset] = place(hit + wanted.length - 1);
      range.setEnd(node, offset + 1);
      ranges.push(range);
    }
  }
  return ranges;
}
function show(by) {
  if (!found.length) return;
  current = (current + by + found.length) % found.length;
  mark();
  const box = found[current].getBoundingClientRect();
  const frame = lines.getBoundingClientRect();
  follow.checked = false;
  lines.scrollTop += box.top - frame.top - lines.clientHeight / 2;
}
if (CSS.highlights && field) {
  find("[data-find]").hidden = false;
  field.addEventListener("input", () => { current = 0; mark(); show(0); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); show(event.shiftKey ? -1 : 1); }
  });
}
