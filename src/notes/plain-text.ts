import { Lexer, type MarkedToken, type Token, Tokenizer, type Tokens } from "marked";

/**
 * Converts Markdown to plain text, because PagerDuty shows notes unformatted. Underlines headings, indents
 * code, writes the address of a link after its text, and turns each row of a table into a list item. Pure.
 */

const MAX_UNDERLINE_CHARS = 40;
const CODE_INDENT = "    ";
const RULE = "----------";

/**
 * A document with more runs of `*`, `_` and `~` is not converted. For each run the lexer searches the text backwards.
 * With many thousands of runs, this search takes seconds. No ordinary text has so many.
 */
const MAX_EMPHASIS_MARKS = 1_000;

/** Matches a line that opens more than 50 nested quotes and lists. The lexer reads the line once for each level. */
const NESTED_TOO_DEEP = /^[ \t]*(?:(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])[ \t]*){51}/m;

/** A longer document is not converted: at each line, some lexer rules search the rest of the text. */
const MAX_LINES = 2_000;
/** The lexer pads each row of a table to the number of columns, and each cell takes about 1 KB. */
const MAX_CELLS = 10_000;
/**
 * Matches the line below the header row of a table, such as `|---|:-:|`, and some similar lines. Neighbouring parts of
 * the pattern never match the same character, so matching is fast.
 */
const DELIMITER_ROW = /^[ \t]*(?:\|[ \t]*)?[:-]+[ \t]*(?:\|[ \t]*(?:[:-]+[ \t]*)?)*$/;

/** Matches a word of over 2,000 characters. The lexer is slow to search such a word for e-mail addresses. */
const LONG_WORD = /\S{2001}/;

/** Leaves bare URLs as text: they already show the address, and the lexer's search for the end of a URL is slow. */
class NoteTokenizer extends Tokenizer {
  override url(): undefined {
    return undefined;
  }
}

/**
 * Returns the text of a Markdown document, without blank lines at its ends. A document that would take too much time or
 * memory stays Markdown.
 */
export function plainTextOf(markdown: string): string {
  const text = isOrdinary(markdown) ? textOf(markdown) : markdown;
  return text.replace(/^\n+/, "").trimEnd();
}

function isOrdinary(markdown: string): boolean {
  const lines = markdown.split("\n");
  if (lines.length > MAX_LINES || NESTED_TOO_DEEP.test(markdown) || LONG_WORD.test(markdown)) return false;
  const marks = markdown.match(/[*_~]+/g)?.length ?? 0;
  const columns = lines.map((line) => (DELIMITER_ROW.test(line) ? line.split("|").length : 1));
  return marks <= MAX_EMPHASIS_MARKS && Math.max(...columns) * lines.length <= MAX_CELLS;
}

function textOf(markdown: string): string {
  try {
    return blocksOf(new Lexer({ gfm: true, tokenizer: new NoteTokenizer() }).lex(markdown));
  } catch (error) {
    if (error instanceof RangeError) return markdown;
    throw error;
  }
}

/** All token types of the lexer. Only extensions add other types, and no extension is installed. */
const TYPES: ReadonlySet<string> = new Set<MarkedToken["type"]>([
  ...(["blockquote", "br", "checkbox", "code", "codespan", "def", "del", "em", "escape", "heading"] as const),
  ...(["hr", "html", "image", "link", "list", "list_item", "paragraph", "space", "strong", "table"] as const),
  "text",
]);
const isKnown = (token: Token): token is MarkedToken => TYPES.has(token.type);

function blocksOf(tokens: readonly Token[], separator = "\n\n"): string {
  return tokens
    .filter(isKnown)
    .map(blockOf)
    .filter((block) => block !== "")
    .join(separator);
}

function blockOf(token: MarkedToken): string {
  switch (token.type) {
    case "heading":
      return headingOf(inlineOf(token.tokens));
    case "paragraph":
      return inlineOf(token.tokens);
    case "text":
      return token.tokens ? inlineOf(token.tokens) : decoded(token.text);
    case "code":
      return indented(token.text, CODE_INDENT, CODE_INDENT);
    case "blockquote":
      return indented(blocksOf(token.tokens), "> ", "> ");
    case "list":
      return listOf(token);
    case "table":
      return tableOf(token);
    case "html":
      return withoutTags(token.text).trim();
    case "hr":
      return RULE;
    case "space":
    case "def":
      return "";
    default:
      return inlineOf([token]);
  }
}

function headingOf(text: string): string {
  return `${text}\n${"-".repeat(Math.min(text.length, MAX_UNDERLINE_CHARS))}`;
}

function indented(text: string, first: string, rest: string): string {
  return text
    .split("\n")
    .map((line, index) => `${index === 0 ? first : rest}${line}`.trimEnd())
    .join("\n");
}

function listOf({ ordered, start, items, loose }: Tokens.List): string {
  const texts = items.map((item, index) => {
    const marker = ordered ? `${Number(start || 1) + index}. ` : "- ";
    const box = item.task ? (item.checked ? "[x] " : "[ ] ") : "";
    const tokens = item.tokens.filter(({ type }) => type !== "checkbox");
    return indented(`${box}${blocksOf(tokens, loose ? "\n\n" : "\n")}`, marker, " ".repeat(marker.length));
  });
  return texts.join(loose ? "\n\n" : "\n");
}

/** Makes each row a list item, because columns do not line up in PagerDuty's proportional font. */
function tableOf({ header, rows }: Tokens.Table): string {
  const names = header.map(({ tokens }) => inlineOf(tokens));
  return rows
    .map((row) => {
      const cells = row.map(({ tokens }, index) => {
        const name = names[index] ?? "";
        return name === "" ? inlineOf(tokens) : `${name}: ${inlineOf(tokens)}`;
      });
      return `- ${cells.join("; ")}`;
    })
    .join("\n");
}

const inlineOf = (tokens: readonly Token[]): string => tokens.filter(isKnown).map(spanOf).join("");

function spanOf(token: MarkedToken): string {
  switch (token.type) {
    case "strong":
    case "em":
    case "del":
      return inlineOf(token.tokens);
    case "codespan":
      return `\`${token.text}\``;
    case "br":
      return "\n";
    case "link":
      return linkOf(inlineOf(token.tokens), token.href);
    case "image":
      return linkOf(token.text, token.href);
    case "html":
      return withoutTags(token.text);
    case "text":
      return token.tokens ? inlineOf(token.tokens) : decoded(token.text);
    case "escape":
      return decoded(token.text);
    default:
      return "";
  }
}

/** Returns the link's text, followed by its address. Leaves out an address that a browser cannot open. */
function linkOf(text: string, href: string): string {
  const address = href.replace(/^mailto:/, "");
  if (!/^(https?|mailto):/i.test(href)) return text;
  return text === "" || text === address || text === href ? address : `${text} (${address})`;
}

function withoutTags(html: string): string {
  if (html.trimStart().startsWith("<!--")) return "";
  return decoded(html.replace(/<br\s*\/?>/gi, "\n").replace(/<\/?[a-z][^<>]*>/gi, ""));
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  "#39": "'",
};

const decoded = (text: string): string =>
  text.replace(/&(#?\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
