import { append, h } from "./dom.js";

/** The parts of the pages: messages, questions, inputs, and buttons that show the progress of their work. */

let serial = 0;
/** @param {string} name */
export const uniqueId = (name) => `${name}-${++serial}`;

/**
 * Shows a message for a few seconds; an error stays until it is closed.
 * @param {"ok" | "bad"} tone
 * @param {string} text
 * @param {string} [topic] a later message with the same topic replaces an earlier one
 */
export function toast(tone, text, topic = text) {
  const close = h("button", { type: "button", class: "icon", "aria-label": "Close message" }, "×");
  const element = h("div", { class: `toast ${tone}`, "data-topic": topic }, h("p", null, text), close);
  close.addEventListener("click", () => element.remove());
  const toasts = document.getElementById("toasts");
  // A repeated message is announced again, but shown only once.
  toasts?.querySelector(`[data-topic="${CSS.escape(topic)}"]`)?.remove();
  toasts?.append(element);
  if (tone === "ok") setTimeout(() => element.remove(), 6000);
}

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * Runs `work` while the button shows progress. An error is shown as a message.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<unknown>} work
 */
export async function busy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  const held = document.activeElement === button;
  try {
    await work();
  } catch (error) {
    toast("bad", messageOf(error));
  } finally {
    button.removeAttribute("aria-busy");
    if (held) catchFocus(button);
  }
}

/** If the button's work removed or hid the button, moves the focus to `#main`. @param {HTMLElement} button */
function catchFocus(button) {
  const focused = document.activeElement;
  if (button.checkVisibility() || (focused !== button && focused !== document.body)) return;
  document.getElementById("main")?.focus({ preventScroll: true });
}

/**
 * @param {string} label
 * @param {() => Promise<unknown>} work
 * @param {"primary" | "plain" | "danger"} [kind]
 */
export function action(label, work, kind = "plain") {
  const button = h("button", { type: "button", class: kind }, label);
  button.addEventListener("click", () => void busy(button, work));
  return button;
}

/**
 * A row of choices. At first the choice with the value "" is selected.
 * @param {readonly (readonly [value: string, label: string])[]} choices
 * @param {(value: string) => void} onPick
 * @param {string} label
 */
export function segments(choices, onPick, label) {
  const buttons = choices.map(([value, text]) =>
    h("button", { type: "button", "data-value": value, "aria-pressed": String(value === "") }, text),
  );
  const element = h("div", { class: "segments", role: "group", "aria-label": label }, buttons);
  /** @param {string} value */
  function choose(value) {
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset["value"] === value));
    }
  }
  element.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    if (!button) return;
    const value = button.dataset["value"] ?? "";
    choose(value);
    onPick(value);
  });
  return { element, choose };
}

/**
 * @param {() => string} textOf
 * @param {string} what the name of the text, for a screen reader
 */
export function copyButton(textOf, what) {
  const button = h("button", { type: "button", class: "small" });
  /** @param {string} label */
  function show(label) {
    button.textContent = label;
    button.ariaLabel = `${label} ${what}`;
  }
  show("Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(textOf());
      show("Copied");
    } catch {
      show("Press Ctrl+C");
    }
    setTimeout(() => show("Copy"), 2000);
  });
  return button;
}

/**
 * A long text with its name and a button to copy the text. The caller can later change the text
 * in the returned element `shown`.
 * @param {string} name
 * @param {string} text
 */
export function copyBlock(name, text) {
  const shown = h("pre", { tabindex: 0, "aria-label": name }, text);
  const copy = copyButton(() => shown.textContent ?? "", name.toLowerCase());
  return { element: h("figure", { class: "block" }, h("figcaption", null, name, copy), shown), shown };
}

/**
 * An input for secrets: hidden, and not saved by the browser.
 * @param {string} name
 * @param {string} [placeholder]
 */
export const secretInput = (name, placeholder) =>
  h("input", {
    name,
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    placeholder,
  });

/**
 * A labelled input.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @param {string} [hint]
 */
export function field(label, input, hint) {
  input.id ||= uniqueId("field");
  const described = hint ? `${input.id}-hint` : null;
  if (described) input.setAttribute("aria-describedby", described);
  return h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label),
    input,
    hint && h("p", { class: "hint", id: described }, hint),
  );
}

/**
 * A form that shows its own errors.
 * @param {{label: string, kind?: "primary" | "plain"}} submit
 * @param {(data: FormData) => Promise<unknown>} work
 * @param {...HTMLElement} children
 */
export function form(submit, work, ...children) {
  const button = h("button", { type: "submit", class: submit.kind ?? "primary" }, submit.label);
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const element = h("form", { novalidate: true }, children, error, h("div", { class: "actions" }, button));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    error.hidden = true;
    void busy(button, async () => {
      try {
        await work(new FormData(element));
      } catch (thrown) {
        error.textContent = messageOf(thrown);
        error.hidden = false;
        const input = element.querySelector("input, select, textarea");
        if (input instanceof HTMLElement) input.focus();
      }
    });
  });
  return element;
}

/**
 * Opens a dialog, which is removed when it closes.
 * @param {string} title
 * @param {import("./dom.js").Child} content
 * @param {readonly (readonly [label: string, value: string, kind: "plain" | "danger"])[]} choices the first is focused
 */
export function openDialog(title, content, choices) {
  const titleId = uniqueId("dialog");
  const dialog = h("dialog", { "aria-labelledby": titleId });
  const buttons = choices.map(([label, value, kind], index) =>
    h(
      "button",
      { type: "button", class: kind, autofocus: index === 0, click: () => dialog.close(value) },
      label,
    ),
  );
  append(dialog, [h("h2", { id: titleId }, title), content, h("div", { class: "actions" }, buttons)]);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Asks before something that cannot be undone.
 * @param {{title: string, text: string, confirm: string}} question
 * @param {AbortSignal} signal closes the dialog; the answer is then no
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, confirm }, signal) {
  return new Promise((resolve) => {
    const dialog = openDialog(title, h("p", null, text), [
      ["Cancel", "no", "plain"],
      [confirm, "yes", "danger"],
    ]);
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
    signal.addEventListener("abort", () => dialog.close("no"));
  });
}

/**
 * @param {string} title
 * @param {...import("./dom.js").Child} children
 */
export function empty(title, ...children) {
  return h("div", { class: "empty" }, h("h2", null, title), children);
}

/** @param {string} label */
export function loading(label) {
  return h(
    "div",
    { class: "skeleton", role: "status", "aria-label": label },
    h("span"),
    h("span"),
    h("span"),
  );
}

/**
 * @param {unknown} error
 * @param {() => Promise<unknown>} retry
 */
function failed(error, retry) {
  return h(
    "div",
    { class: "empty", role: "alert" },
    h("p", null, messageOf(error)),
    action("Try again", retry),
  );
}

/**
 * Shows a failed request in `place`. Does not draw the same message again, because a screen reader would announce it
 * again.
 * @param {HTMLElement} place
 * @param {unknown} error
 * @param {() => Promise<unknown>} retry
 */
export function showFailure(place, error, retry) {
  const said = place.querySelector("[role=alert] p")?.textContent;
  if (said !== messageOf(error)) place.replaceChildren(failed(error, retry));
}

/**
 * One line of a list of facts.
 * @param {string} name
 * @param {...import("./dom.js").Child} value
 */
export const fact = (name, ...value) => h("div", null, h("dt", null, name), h("dd", null, value));

/** An id that can be copied. @param {string} name @param {string} id */
export const copyableId = (name, id) =>
  h(
    "span",
    { class: "id-line" },
    h("span", { class: "mono" }, id),
    copyButton(() => id, name),
  );

/** A line with an id, its name and a button to copy the id. @param {string} name @param {string} id */
export const idLine = (name, id) =>
  h(
    "p",
    { class: "id-line" },
    h("span", { class: "meta mono" }, `${name} ${id}`),
    copyButton(() => id, name),
  );
