import type { Child } from "hono/jsx";

/** The frame of each page, as the server sends it. What is in it is brought by the scripts. */

const ASSETS = "/console/assets";

interface FrameProps {
  title: string;
  script: string;
  /** In the order in which they count. */
  styles: readonly string[];
  children?: Child;
  /** For the script, as `data-` attributes of the body. */
  data?: Record<string, string>;
}

/** What stands in every page's head. */
export function HeadOf({ title, styles }: Pick<FrameProps, "title" | "styles">) {
  return (
    <>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="robots" content="noindex" />
      <title>{title}</title>
      {["base", ...styles].map((name) => (
        <link rel="stylesheet" href={`${ASSETS}/${name}.css`} />
      ))}
    </>
  );
}

function Frame({ title, script, styles, data, children }: FrameProps) {
  const attributes = Object.fromEntries(
    Object.entries(data ?? {}).map(([name, value]) => [`data-${name}`, value]),
  );
  return (
    <html lang="en">
      <head>
        <HeadOf title={title} styles={styles} />
        <link rel="icon" href={`${ASSETS}/icon.svg`} />
        <script type="module" src={`${ASSETS}/${script}.js`} />
      </head>
      <body {...attributes}>
        <a class="skip" href="#main">
          Skip to content
        </a>
        {children}
        <noscript>
          <p class="noscript">This page needs JavaScript: it is a view of the API, which works without it.</p>
        </noscript>
      </body>
    </html>
  );
}

function Brand() {
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

/** Where the script puts what it shows. */
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

const CONSOLE_STYLES = ["health", "pages", "lists", "details", "forms", "messages", "narrow"];

/** `GET /` */
export function ConsolePage({ user, oauth, access }: { user: string; oauth: boolean; access: boolean }) {
  return (
    <Frame
      title="Aurora × PagerDuty"
      script="console"
      styles={CONSOLE_STYLES}
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
          <a href="/docs">API</a>
        </div>
      </header>
      <div class="outage" id="outage" role="status" />
      <Main />
      <div class="toasts" id="toasts" role="status" aria-live="polite" />
    </Frame>
  );
}

/** `GET /docs` */
export function DocsPage() {
  return (
    <Frame title="API · Aurora × PagerDuty" script="docs" styles={["docs"]}>
      <header class="bar">
        <Brand />
        <div class="bar-end">
          <a href="/openapi.json">openapi.json</a>
        </div>
      </header>
      <Main />
    </Frame>
  );
}
