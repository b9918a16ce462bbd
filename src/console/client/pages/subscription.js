import { action, copyableId, fact, field, form, messageOf, toast } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { confirmedAsItIs } from "../parts/question.js";
import { pill, words } from "../parts/words.js";
import { call, get } from "../state/api.js";
import { mayManageWebhooks } from "../state/permissions.js";
import { status as currentStatus, refreshStatus } from "../state/store.js";

/** Creates, shows, tests, enables and removes the webhook subscription at PagerDuty. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */
/** @typedef {import("../../../contract/answers.ts").Subscription} Subscription */

const TEST_TIMEOUT_MS = 20_000;
const LOOK_EVERY_MS = 700;

/** @type {[string, string][]} */
const SCOPES = [
  ["account_reference", "The whole account"],
  ["service_reference", "One service"],
  ["team_reference", "One team"],
];

/** @param {string} type */
const scopeName = (type) => SCOPES.find(([value]) => value === type)?.[1] ?? type;

function subscribeForm() {
  const scope = h(
    "select",
    { name: "type" },
    SCOPES.map(([value, label]) => h("option", { value }, label)),
  );
  const id = h("input", { name: "id", maxlength: 64, autocomplete: "off", placeholder: "PXXXXXX" });
  const idField = field("Its id", id, "The last part of the service's or team's address in PagerDuty.");
  idField.hidden = true;
  scope.addEventListener("change", () => {
    idField.hidden = scope.value === "account_reference";
  });
  return form(
    { label: "Subscribe" },
    async (data) => {
      const type = data.get("type");
      const whole = type === "account_reference";
      await call("POST", "/subscription", { filter: whole ? { type } : { type, id: data.get("id") } });
      toast("ok", "Subscribed. Its signing secret is stored, so webhooks are verified.");
      await refreshStatus();
    },
    field("Incidents of", scope),
    idField,
  );
}

/**
 * Sends PagerDuty's test event and waits until it arrives.
 * @param {HTMLElement} result
 */
async function test(result) {
  const now = currentStatus();
  const before = now?.connected ? now.webhook.lastPingAt : null;
  const startedAtMs = performance.now();
  result.className = "muted";
  result.textContent = "Asking PagerDuty for its test event…";
  try {
    await call("POST", "/subscription/ping");
    await arrival(result, before, startedAtMs);
  } catch (error) {
    result.textContent = "";
    throw error;
  }
}

/**
 * @param {HTMLElement} result
 * @param {string | null} before when the previous test event arrived
 * @param {number} startedAtMs
 */
async function arrival(result, before, startedAtMs) {
  result.textContent = "Sent. Waiting for it to arrive…";
  while (performance.now() - startedAtMs < TEST_TIMEOUT_MS) {
    await refreshStatus();
    const next = currentStatus();
    if (next?.connected && next.webhook.lastPingAt !== before) {
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      result.className = "good";
      // Without a signing secret a test event cannot be verified.
      const verified = next.webhook.verification === "signature" ? " and was verified" : "";
      result.textContent = `It arrived${verified}, ${seconds} s after the request.`;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  result.className = "error";
  result.textContent =
    "It did not arrive within 20 s. Check that the webhook URL can be reached from the internet (a local Worker needs a tunnel), and that no sign-in protects it.";
}

/**
 * @param {Connected} status
 * @param {AbortSignal} signal
 * @returns {{panel: HTMLElement, load: () => Promise<void>}} `load` reads the subscription again
 */
export function subscriptionPanel(status, signal) {
  const own = status.webhook.subscription;
  const head = h("h2", null, "Webhook subscription");
  const mayManage = mayManageWebhooks(status);
  if (!own && !mayManage) {
    const text =
      "This credential may not create webhooks in PagerDuty. Create the webhook by hand with the steps below, or connect with a credential that has write access.";
    return { panel: h("section", { class: "panel" }, head, h("p", null, text)), load: async () => {} };
  }
  if (!own) {
    const text = "One click creates the webhook in PagerDuty and stores its signing secret.";
    const panel = h("section", { class: "panel" }, head, h("p", { class: "muted" }, text), subscribeForm());
    return { panel, load: async () => {} };
  }
  const facts = h("dl", { class: "facts" });
  const state = h("span");
  const result = h("p", { class: "muted", role: "status" });
  const enable = action("Enable", async () => {
    await call("POST", "/subscription/enable");
    toast("ok", "Enabled.");
    await Promise.all([refreshStatus(), load()]);
  });
  enable.hidden = true;
  const sendTest = action("Send test event", () => test(result), "primary");
  const remove = action(
    "Remove…",
    async () => {
      const sure = await confirmedAsItIs({
        title: "Remove the webhook subscription?",
        text: "PagerDuty stops sending events here. The connector then only reads incidents from PagerDuty's API, later and with less detail.",
        confirm: "Remove",
      });
      if (!sure) return;
      await call("DELETE", "/subscription");
      toast("ok", "Removed from PagerDuty.");
      await refreshStatus();
    },
    "danger",
  );

  async function load() {
    try {
      /** @type {Subscription} */
      const there = await get("/subscription");
      if (signal.aborted) return;
      state.replaceChildren(pill(there.state === "active" ? "ok" : "bad", words(there.state)));
      const isActive = there.state === "active";
      enable.hidden = isActive || !mayManage;
      enable.className = isActive ? "plain" : "primary";
      sendTest.className = isActive ? "primary" : "plain";
      // PagerDuty's answer can be newer than the status that other parts of the page show.
      const now = currentStatus();
      if (now?.connected && now.webhook.subscription?.state !== there.state) await refreshStatus();
      const scope = there.filter.id
        ? `${scopeName(there.filter.type)} (${there.filter.id})`
        : scopeName(there.filter.type);
      facts.replaceChildren(
        fact("Id", copyableId("subscription id", there.id)),
        fact("Incidents of", scope),
        h(
          "div",
          { class: "wide" },
          h("dt", null, "Events"),
          h("dd", { class: "mono" }, there.events.join(", ")),
        ),
      );
    } catch (error) {
      if (signal.aborted) return;
      // Shows the last known state. "Active" is not green here, because the state may have changed.
      state.replaceChildren(pill(own?.state === "active" ? "quiet" : "bad", words(own?.state ?? "unknown")));
      facts.replaceChildren(h("p", { class: "error wide" }, messageOf(error)));
    }
  }
  void load();
  const panel = h(
    "section",
    { class: "panel" },
    h("div", { class: "panel-head" }, head, state),
    facts,
    mayManage
      ? h("div", { class: "actions" }, enable, sendTest, remove)
      : h(
          "p",
          { class: "muted" },
          "This credential may not test, enable or remove the webhook. Do that in PagerDuty, under Integrations → Generic Webhooks (v3).",
        ),
    result,
  );
  return { panel, load };
}
