import { action, field, form, secretInput, toast } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { call } from "../state/api.js";
import { status as current, refreshStatus, setStatus } from "../state/store.js";
import { problemCard } from "./health.js";
import { signIn } from "./oauth.js";

/** The page of a user without a connection. */

/** @typedef {import("../../../contract/status-answers.ts").Status} Status */
/** @typedef {import("../../../contract/answers.ts").ConnectAnswer} ConnectAnswer */

const STEPS = [
  [
    "Open your profile in PagerDuty",
    "My Profile → User Settings. An account-wide key (Integrations → API Access Keys) also works.",
  ],
  ["Create an API user token", "Give it a name that says what it is for, such as Aurora."],
  ["Paste it here", "PagerDuty shows it once. The connector stores it encrypted, and never shows it again."],
];

function tokenForm() {
  const token = secretInput("token", "u+…");
  const name = h("input", {
    name: "displayName",
    maxlength: 100,
    autocomplete: "off",
    placeholder: "PagerDuty",
  });
  const region = h(
    "select",
    { name: "region" },
    h("option", { value: "" }, "Find out"),
    h("option", { value: "us" }, "US"),
    h("option", { value: "eu" }, "EU"),
  );
  const subscribe = h("input", { type: "checkbox", name: "subscribe", checked: true, id: "subscribe" });
  return form(
    { label: "Connect" },
    async (data) => {
      const chosen = data.get("region");
      /** @type {ConnectAnswer} */
      const answer = await call("POST", "", {
        token: data.get("token"),
        displayName: data.get("displayName") || undefined,
        region: chosen || undefined,
        subscribe: data.get("subscribe") === "on",
      });
      if (answer.subscribed?.error) {
        toast("bad", `Connected, but the webhook could not be created: ${answer.subscribed.error}`);
      } else toast("ok", `Connected to ${answer.accountSubdomain ?? "PagerDuty"}.`);
      setStatus(answer);
    },
    field("API token", token),
    h(
      "div",
      { class: "pair" },
      field("Display name", name, "Optional; the name shown here."),
      field("Service region", region),
    ),
    h(
      "div",
      { class: "check" },
      subscribe,
      h(
        "label",
        { for: "subscribe" },
        "Create the webhook in PagerDuty for me",
        h(
          "span",
          { class: "hint" },
          "Needs a token with write access. You can also create the webhook by hand later.",
        ),
      ),
    ),
  );
}

function oauthCard() {
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Sign in with PagerDuty"),
    h("p", null, "No token to copy. You choose the account, and PagerDuty shows what Aurora may do."),
    h("div", { class: "actions" }, action("Connect with OAuth", signIn)),
  );
}

/**
 * @param {HTMLElement} main
 * @param {Status} status
 */
export function renderConnect(main, status) {
  const problems = status.problems ?? [];
  const said = status.connected ? null : status.error;
  const retry = problems.some(({ code }) => code === "credentials_unreadable");
  const notes = [
    said && h("li", { class: "problem" }, h("p", { class: "what" }, said)),
    ...problems.map(problemCard),
  ];
  main.replaceChildren(
    h(
      "div",
      { class: "welcome" },
      h(
        "header",
        null,
        h("h1", null, "Connect PagerDuty"),
        h(
          "p",
          { class: "lead" },
          "Incidents reach Aurora as they happen: verified, in order, and once. All you need is a token.",
        ),
      ),
      notes.some(Boolean) ? h("ul", { class: "problems" }, notes) : null,
      h(
        "div",
        { class: "columns" },
        h("section", { class: "panel" }, h("h2", null, "With an API token"), tokenForm()),
        h(
          "div",
          { class: "stack" },
          document.body.dataset["oauth"] === "true" ? oauthCard() : null,
          h(
            "section",
            { class: "panel plain" },
            h("h2", null, "Where to get a token"),
            h(
              "ol",
              { class: "steps" },
              STEPS.map(([title, text]) => h("li", null, h("strong", null, title), h("span", null, text))),
            ),
          ),
          retry
            ? action(
                "Disconnect and start again",
                async () => {
                  await refreshStatus();
                  // Another window may have connected again since this page was drawn.
                  if (current()?.connected) return;
                  await call("DELETE", "");
                  await refreshStatus();
                },
                "danger",
              )
            : null,
        ),
      ),
    ),
  );
  main.querySelector("input")?.focus({ preventScroll: true });
}
