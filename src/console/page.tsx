import type { Child } from "hono/jsx";
import type { BuiltNames } from "./built.ts";

/** The frame of each page, as the server sends it. The scripts fill it. */

const FILES = "/console/assets/";

interface FrameProps {
  title: string;
  names: BuiltNames;
  style: "console.css" | "docs.css" | "page.css";
  script: "console.js" | "docs.js" | null;
  children?: Child;
  /** Values for the script, sent as `data-` attributes of the body. */
  data?: Record<string, string>;
}

export function Frame({ title, names, script, style, data, children }: FrameProps) {
  const attributes = Object.fromEntries(
    Object.entries(data ?? {}).map(([name, value]) => [`data-${name}`, value]),
  );
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{title}</title>
        <link rel="stylesheet" href={FILES + names[style]} />
        <link rel="icon" href={FILES + names["icon.svg"]} />
        {script === null ? null : <script type="module" src={FILES + names[script]} />}
      </head>
      <body {...attributes}>
        <a class="skip" href="#main">
          Skip to content
        </a>
        {children}
        {script === null ? null : (
          <noscript>
            <p class="noscript">This page needs JavaScript. The API works without it.</p>
          </noscript>
        )}
      </body>
    </html>
  );
}

export function Brand() {
  return (
    <a class="brand" href="/">
      <svg class="brand-mark" viewBox="0 0 24 24" aria-hidden="true">
        <path d="M3 16.5 9.5 5l4 7 2-3.5L21 16.5" />
        <path d="M3 20h18" />
      </svg>
      <span>
        Aurora <span class="brand-times">×</span> PagerDuty
      </span>
    </a>
  );
}

/** The element that the script fills. */
function Main() {
  return (
    <main id="main" tabindex={-1} aria-busy="true">
      <div class="skeleton" aria-label="Loading" role="status">
        <span />
        <span />
        <span />
      </div>
    </main>
  );
}

const SECTIONS = [
  ["incidents", "Incidents"],
  ["events", "Events"],
  ["deliveries", "Deliveries"],
  ["connection", "Connection"],
] as const;

interface ConsoleProps {
  names: BuiltNames;
  user: string;
  /** Whether "Connect with OAuth" is offered. */
  oauth: boolean;
  /** Whether Cloudflare Access signs visitors in. */
  access: boolean;
}

/** `GET /` */
export function ConsolePage({ names, user, oauth, access }: ConsoleProps) {
  return (
    <Frame
      title="Aurora × PagerDuty"
      names={names}
      script="console.js"
      style="console.css"
      data={{ oauth: String(oauth) }}
    >
      <header class="bar">
        <Brand />
        <nav class="tabs" id="tabs" aria-label="Sections" hidden>
          {SECTIONS.map(([id, label]) => (
            <a href={`#/${id}`} data-section={id}>
              {label}
            </a>
          ))}
        </nav>
        <div class="bar-end">
          <span class="live" id="live" role="status" data-state="connecting">
            Connecting
          </span>
          <span class="hidden">Signed in as</span>
          <span class="user">{user}</span>
          {access ? <a href="/cdn-cgi/access/logout">Sign out</a> : null}
          <button type="button" class="icon" id="keys" aria-label="Keyboard">
            ?
          </button>
          <a href="/docs">API</a>
        </div>
      </header>
      <div class="outage" id="outage" role="status" />
      <Main />
      <div class="toasts" id="toasts" role="status" aria-live="polite" />
    </Frame>
  );
}

/** The user in whose name `/docs` makes calls. */
export interface Visitor {
  user: string;
  org: string | null;
}

/** `GET /docs`. @param visitor null if the person may not open the console; the page then has no “Try it” */
export function DocsPage({ names, visitor }: { names: BuiltNames; visitor: Visitor | null }) {
  return (
    <Frame
      title="API · Aurora × PagerDuty"
      names={names}
      script="docs.js"
      style="docs.css"
      data={
        visitor === null ? {} : { user: visitor.user, ...(visitor.org === null ? {} : { org: visitor.org }) }
      }
    >
      <header class="bar">
        <Brand />
        <div class="bar-end">
          <a href="/">Console</a>
          <a href="/openapi.json">openapi.json</a>
        </div>
      </header>
      <Main />
    </Frame>
  );
}
