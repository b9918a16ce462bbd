import type { BuiltNames } from "./built.ts";
import { Brand, Frame } from "./page.tsx";

/** A page with one message. The page also says the reason, and what to do. */
export interface Notice {
  title: string;
  paragraphs: readonly string[];
  links: readonly { href: string; label: string }[];
  /** The error's code and the request's id, so that a person can find the cause in the log. */
  reference: string | null;
}

export function NoticePage({ names, notice }: { names: BuiltNames; notice: Notice }) {
  const { title, paragraphs, links, reference } = notice;
  return (
    <Frame title={`${title} · Aurora × PagerDuty`} names={names} script={null} style="page.css">
      <header class="bar">
        <Brand />
      </header>
      <main id="main" class="notice" tabindex={-1}>
        <h1>{title}</h1>
        {paragraphs.map((text) => (
          <p>{text}</p>
        ))}
        <p class="actions">
          {links.map(({ href, label }) => (
            <a href={href}>{label}</a>
          ))}
        </p>
        {reference === null ? null : <p class="code">{reference}</p>}
      </main>
    </Frame>
  );
}
