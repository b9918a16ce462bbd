import { field, form, toast } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { keptRows } from "../parts/rows.js";
import { moment, pill } from "../parts/words.js";
import { call, get } from "../state/api.js";
import { mayWriteNotes } from "../state/permissions.js";
import { status } from "../state/store.js";

/** An incident's notes that were written in the console or by Aurora, and a form to write another note. */

/** @typedef {import("../../../contract/note-answers.ts").Note} Note */
/** @typedef {import("../../../contract/note-answers.ts").NoteList} NoteList */

/** The API's limit, in characters. */
const MAX_NOTE_CHARS = 25_000;

/** @type {Record<Note["state"], ["ok" | "warn" | "bad", string]>} */
const STATES = { written: ["ok", "Written"], pending: ["warn", "On its way"], failed: ["bad", "Failed"] };

/** @param {Note} note */
function item({ state, text, createdBy, createdAt, error }) {
  const [tone, label] = STATES[state];
  return h(
    "li",
    null,
    h(
      "div",
      { class: "tags" },
      pill(tone, label),
      h("span", { class: "meta" }, `${createdBy} · `, moment(createdAt)),
    ),
    h("p", { class: "text" }, text),
    error && state !== "written" ? h("p", { class: "error" }, error) : null,
  );
}

/**
 * @param {string} incidentId
 * @param {AbortSignal} signal
 * @returns {{section: HTMLElement, load: () => Promise<void>}}
 */
export function notesSection(incidentId, signal) {
  const path = `/incidents/${encodeURIComponent(incidentId)}/notes`;
  const list = h("ol", { class: "timeline" });
  const rows = keptRows(list, ({ noteId }) => noteId, item);
  const section = h("section", { hidden: true }, h("h2", null, "Notes from here"), list);
  const now = status();
  if (now?.connected && mayWriteNotes(now)) section.append(noteForm(path, load));
  else section.append(h("p", { class: "muted" }, "This credential may not write notes in PagerDuty."));

  async function load() {
    /** @type {NoteList} */
    const { notes } = await get(path);
    if (signal.aborted) return;
    section.hidden = false;
    rows.set(notes);
  }
  return { section, load };
}

/** @param {string} path @param {() => Promise<void>} onWritten */
function noteForm(path, onWritten) {
  const text = h("textarea", { name: "content", rows: 3, maxlength: MAX_NOTE_CHARS, required: true });
  const key = { value: crypto.randomUUID() };
  return form(
    { label: "Write note", kind: "plain" },
    async (data) => {
      const content = String(data.get("content") ?? "").trim();
      if (content === "") throw new Error("The note is empty.");
      // The key stays the same until the note is accepted, so a retry never writes the note twice.
      await call("POST", path, { content, idempotencyKey: key.value });
      key.value = crypto.randomUUID();
      text.value = "";
      toast("ok", "The note is on its way to PagerDuty.");
      await onWritten();
    },
    field(
      "A note for the people on call",
      text,
      "It is written on the incident in PagerDuty, with your name below.",
    ),
  );
}
