"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const { photos, columns, run } = content;
const KEYS = "123456789abcdefghijklmnopqrtuvwy"; // without s, x and z, which do something else
const STORE = `pawprint-review-${run}`;
const at = (id) => document.getElementById(id);
// Keyed by digest: { action, label, time }. History holds what each decision replaced, for undo.
let state = { place: 0, decisions: {}, history: [], reviewer: "", added: [] };

// A sandboxed frame, such as a tracking server's viewer, throws at the very name of the storage.
function keep() {
  try { localStorage.setItem(STORE, JSON.stringify(state)); return true; } catch { return false; }
}
try { state = { ...state, ...JSON.parse(localStorage.getItem(STORE) || "{}") }; } catch { /* nothing is kept */ }
at("volatile").hidden = keep();

const classes = () => [...content.classes, ...state.added];
const decided = () => photos.filter((photo) => state.decisions[photo.digest]).length;

function put(parent, tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text) made.append(text);
  parent.append(made);
  return made;
}

function show() {
  const photo = photos[state.place];
  at("progress").max = Math.max(1, photos.length);
  at("progress").value = decided();
  at("card").hidden = !photo;
  if (!photo) { at("place").textContent = "No photo is worth a look."; return; }
  const said = state.decisions[photo.digest];
  at("place").textContent = `Photo ${state.place + 1} of ${photos.length}; ${decided()} decided` +
    (said ? `. You said: ${{ keep: "right as it is", leave_out: "leave it out" }[said.action] || said.label}` : "");
  at("photo").hidden = !photo.photo;
  if (photo.photo) at("photo").src = photo.photo;
  at("photo").alt = `The photo ${photo.name}`;
  at("name").textContent = `${photo.name}${photo.split ? ` (${photo.split})` : ""}`;
  at("label").textContent = (photo.label ? `Its label: ${photo.label}` : `The model says: ${photo.answers[0][0]}`) + (photo.original === photo.label ? "" : `, once ${photo.original}`);
  at("test").hidden = photo.split !== "test";
  at("why").replaceChildren();
  for (const reason of photo.why) put(at("why"), "li", reason);
  at("answers").replaceChildren();
  for (const [name, probability] of photo.answers) {
    put(at("answers"), "span", name);
    put(put(at("answers"), "div"), "i").style.width = `${Math.max(1, 100 * probability)}%`;
    put(at("answers"), "span", `${(100 * probability).toFixed(1)} %`);
  }
  at("choices").replaceChildren();
  classes().forEach((name, number) => {
    const button = put(at("choices"), "button", "", { type: "button" });
    if (KEYS[number]) put(button, "kbd", KEYS[number]);
    button.append(name);
    button.setAttribute("aria-pressed", String(said?.action === "label" && said.label === name));
    button.addEventListener("click", () => choose(name));
  });
  at("keep").setAttribute("aria-pressed", String(said?.action === "keep"));
  at("leave").setAttribute("aria-pressed", String(said?.action === "leave_out"));
  at("undo").disabled = !state.history.length;
}

function decide(action, label = "") {
  const photo = photos[state.place];
  if (!photo) return;
  state.history.push([photo.digest, state.decisions[photo.digest] || null]);
  state.decisions[photo.digest] = { action, label, time: new Date().toISOString().slice(0, 19) + "Z" };
  const open = (other) => !state.decisions[other.digest];
  const next = photos.findIndex((other, place) => place > state.place && open(other));
  if (next >= 0) state.place = next;
  else if (state.place < photos.length - 1) state.place += 1;
  end();
}

// The label that is there already is a confirmation, unless the source says otherwise; a photo may have none.
function choose(label) {
  const photo = photos[state.place];
  if (photo) decide(label === photo.original ? "keep" : "label", label === photo.original ? "" : label);
}

function confirm() {
  const photo = photos[state.place];
  if (photo) choose(photo.label || photo.answers[0][0]);
}

function undo() {
  const last = state.history.pop();
  if (!last) return;
  const [digest, before] = last;
  if (before) state.decisions[digest] = before; else delete state.decisions[digest];
  state.place = Math.max(0, photos.findIndex((photo) => photo.digest === digest));
  end();
}

function go(step) {
  state.place = Math.min(photos.length - 1, Math.max(0, state.place + step));
  end();
}

function end() { keep(); show(); }

// As pawprint/base/tables.py: no spreadsheet takes a cell for a formula, and each is read as it was.
function cell(value) {
  const text = /^'*[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : String(value);
  return `"${text.replaceAll('"', '""')}"`;
}

function rows() {
  const mine = photos.filter((photo) => state.decisions[photo.digest]).map((photo) => {
    const { action, label, time } = state.decisions[photo.digest];
    return { digest: photo.digest, name: photo.name, action, old_label: photo.original, new_label: label,
      reason: photo.why[0], reviewer: state.reviewer.trim(), time, run };
  });
  // What was corrected for this run still holds, so the newest file is complete.
  return [...content.earlier.filter((row) => !state.decisions[row.digest]), ...mine];
}

function save() {
  const made = rows();
  const lines = [columns, ...made.map((row) => columns.map((name) => row[name]))];
  const text = lines.map((line) => line.map(cell).join(",") + "\n").join("");
  at("text").value = text;
  at("saved").hidden = false;
  const count = (action) => made.filter((row) => row.action === action).length;
  at("summary").textContent = `${count("label")} labels ${photos.some((photo) => photo.label) ? "corrected" : "given"}, ${count("leave_out")} photos left out, ${count("keep")} labels confirmed.`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = put(document.body, "a", "", { href: address, download: "corrections.csv" });
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

for (const [id, action] of Object.entries({
  keep: confirm, leave: () => decide("leave_out"), undo, save, previous: () => go(-1), next: () => go(1),
})) at(id).addEventListener("click", action);
document.addEventListener("click", (event) => { if (event.detail) event.target.closest("button")?.blur(); });
at("reviewer").value = state.reviewer;
at("reviewer").addEventListener("input", () => { state.reviewer = at("reviewer").value; keep(); });
at("who").addEventListener("submit", (event) => event.preventDefault());
at("typed").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = at("other").value.trim();
  at("other").value = "";
  at("other").blur();
  if (!name) return;
  if (!classes().includes(name)) state.added.push(name);
  choose(name);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea")) return;
  if (event.target.matches("button, summary") && (event.key === " " || event.key === "Enter")) return;
  const number = KEYS.indexOf(event.key.toLowerCase());
  const known = { " ": confirm, x: () => decide("leave_out"), z: undo, s: save, ArrowLeft: () => go(-1), ArrowRight: () => go(1) };
  const action = known[event.key] || known[event.key.toLowerCase()];
  if (action) action();
  else if (number >= 0 && classes()[number] !== undefined) choose(classes()[number]);
  else return;
  event.preventDefault();
});
show();
