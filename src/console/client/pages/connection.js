import { action, fact, field, form, secretInput, toast } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { confirmedAsItIs } from "../parts/question.js";
import { dotted, moment } from "../parts/words.js";
import { call } from "../state/api.js";
import { mayManageWebhooks } from "../state/permissions.js";
import { onStatus, refreshStatus, setStatus, status } from "../state/store.js";
import { signIn } from "./oauth.js";
import { subscriptionPanel } from "./subscription.js";
import { byHandPanel, urlPanel } from "./webhook.js";

/** The page of the connection: its account, credential and webhook, and a button to disconnect. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */

/** @param {Connected} status */
function accountPanel(status) {
  const { externalUserName, externalUserEmail, accountSubdomain, region, authType, oauth } = status;
  const user = [externalUserName, externalUserEmail].filter((text) => text !== null).join(" · ");
  return h(
    "section",
    { class: "panel" },
    h("h2", null, status.displayName),
    h(
      "dl",
      { class: "facts" },
      fact("Account", accountSubdomain ? `${accountSubdomain}.pagerduty.com` : "unknown"),
      fact("Service region", region.toUpperCase()),
      fact("PagerDuty user", ...dotted(user || "an account-wide key")),
      fact("Credential", authType === "oauth" ? "OAuth" : "API token"),
      fact("Last checked", moment(status.validatedAt)),
      oauth && fact("Valid until", moment(oauth.expiresAt)),
      oauth && fact("Scopes", oauth.scopes.join(" ")),
      oauth && oauth.missingScopes.length > 0 && fact("Missing scopes", oauth.missingScopes.join(" ")),
      fact("May write", writing(status.capabilities.can_write_incidents)),
    ),
  );
}

/** @param {boolean | undefined} may */
function writing(may) {
  if (may === undefined) return "not tried yet";
  return may ? "yes" : "no";
}

/** @param {Connected} status */
function credentialPanel({ authType }) {
  if (authType === "oauth") {
    return h(
      "section",
      { class: "panel" },
      h("h2", null, "Sign in again"),
      h("p", { class: "muted" }, "Renews your consent, and asks for missing scopes."),
      action("Sign in with PagerDuty", signIn),
    );
  }
  const token = secretInput("token");
  const rotate = form(
    { label: "Rotate token", kind: "plain" },
    async (data) => {
      await call("PATCH", "", { token: data.get("token") });
      token.value = "";
      toast("ok", "The new token is in use.");
      await refreshStatus();
    },
    field(
      "New API token",
      token,
      "It must belong to the same account. If it is not valid, the present token stays in use.",
    ),
  );
  return h("section", { class: "panel" }, h("h2", null, "Rotate the token"), rotate);
}

/** @param {() => Promise<void>} onChecked */
function recoveryPanel(onChecked) {
  const result = h("p", { class: "muted", role: "status" });
  const check = action("Reconcile now", async () => {
    result.textContent = "Asking PagerDuty for missed incidents…";
    try {
      /** @type {import("../../../contract/answers.ts").Reconciled} */
      const { checked, recovered, subscription } = await call("POST", "/reconcile");
      const found = recovered === 0 ? "nothing was missed" : `${recovered} recovered`;
      const hook = subscription ? ` The subscription is ${subscription.state}.` : "";
      await Promise.all([refreshStatus(), onChecked()]);
      result.textContent = `${checked} incidents checked, ${found}.${hook}`;
    } catch (error) {
      result.textContent = "";
      throw error;
    }
  });
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Missed incidents"),
    h(
      "p",
      { class: "muted" },
      "Every few minutes the connector checks the subscription, and reads changes from PagerDuty's API that no webhook has reported. You can also start this now.",
    ),
    h("div", { class: "actions" }, check),
    result,
  );
}

function leavePanel() {
  const leave = action(
    "Disconnect…",
    async () => {
      const sure = await confirmedAsItIs({
        title: "Disconnect PagerDuty?",
        text: "The credential, signing secrets, incidents, events and deliveries stored here are removed, and the webhook that was created here is removed from PagerDuty. Aurora keeps what it has received.",
        confirm: "Disconnect",
      });
      if (!sure) return;
      /** @type {import("../../../contract/answers.ts").Disconnected} */
      const { subscriptionDeleted } = await call("DELETE", "");
      if (subscriptionDeleted === false) {
        toast(
          "bad",
          "Disconnected, but PagerDuty kept the webhook. Remove it there, under Integrations → Generic Webhooks.",
        );
      } else toast("ok", "Disconnected. Everything stored here was removed.");
      setStatus({ connected: false });
    },
    "danger",
  );
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Disconnect"),
    h("p", { class: "muted" }, "Removes everything that is stored here for this connection."),
    h("div", { class: "actions" }, leave),
  );
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {import("../console.js").Navigate}
 */
export function mountConnection(view, signal) {
  const url = urlPanel();
  const byHand = byHandPanel();
  const account = h("div");
  const subscription = h("div");
  let shown = "";
  let loadSubscription = async () => {};
  view.replaceChildren(
    h("h1", { class: "hidden" }, "Connection"),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "stack" },
        url.panel,
        subscription,
        byHand.panel,
        recoveryPanel(() => loadSubscription()),
      ),
      h("div", { class: "stack" }, account, h("div", { class: "credential" }), leavePanel()),
    ),
  );
  function show() {
    const now = status();
    if (!now?.connected || JSON.stringify(now) === shown) return;
    /** @type {Connected | null} */
    const before = shown === "" ? null : JSON.parse(shown);
    shown = JSON.stringify(now);
    url.show(now);
    account.replaceChildren(accountPanel(now));
    const [own, ownBefore] = [now.webhook.subscription, before?.webhook.subscription];
    byHand.show(now);
    // The forms are drawn again only if they change, so that typed text is kept.
    if (
      before === null ||
      ownBefore?.id !== own?.id ||
      mayManageWebhooks(before) !== mayManageWebhooks(now)
    ) {
      const { panel, load } = subscriptionPanel(now, signal);
      loadSubscription = load;
      subscription.replaceChildren(panel);
    } else if (ownBefore?.state !== own?.state) void loadSubscription();
    if (before?.authType !== now.authType) {
      view.querySelector(".credential")?.replaceChildren(credentialPanel(now));
    }
  }
  onStatus(show, signal);
  show();
  return () => {};
}
