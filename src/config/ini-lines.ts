import { ReplicateError } from '../errors/replicate-error.js';

export interface IniEntry {
  /** In lower case, as the original programs compare keys. */
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** The entries of each section, by its name. */
export type IniSections = ReadonlyMap<string, ReadonlyMap<string, IniEntry>>;

/**
 * Reads an ini file as the original programs do: `key = value` or `key: value`, a line that is indented deeper goes on
 * with the value before it, a comment is a whole line that starts with `#` or `;`.
 *
 * The `ini` package is not used here, because it cuts values at `;` and `#`, takes off quotes and backslashes, turns
 * words into booleans and skips lines that it does not understand: a connect string would not come through.
 *
 * Throws PC102, naming the line, for a line that is none of these and for a key that stands twice in a section.
 */
export function readIni(text: string, path: string): IniSections {
  const sections = new Map<string, Map<string, IniEntry>>();
  let section: Map<string, IniEntry> | undefined;
  let last: { entry: IniEntry; indent: number } | undefined;

  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === '' || content.startsWith('#') || content.startsWith(';')) continue;
    const indent = raw.length - raw.trimStart().length;

    if (section !== undefined && last !== undefined && indent > last.indent) {
      last.entry = { ...last.entry, value: `${last.entry.value}\n${content}` };
      section.set(last.entry.key, last.entry);
      continue;
    }
    const heading = /^\[([^\]]+)\]$/.exec(content)?.[1];
    if (heading !== undefined) {
      const name = heading.trim();
      section = sections.get(name) ?? new Map();
      sections.set(name, section);
      last = undefined;
      continue;
    }
    const separator = content.search(/[=:]/);
    if (separator < 1) throw wrongLine(path, line, 'is no "key = value", no [section] and no comment');
    if (section === undefined) throw wrongLine(path, line, 'stands before the first [section]');
    const key = content.slice(0, separator).trimEnd().toLowerCase();
    const entry = { key, value: content.slice(separator + 1).trimStart(), line };
    const earlier = section.get(entry.key);
    if (earlier !== undefined) {
      throw wrongLine(path, line, `sets the key "${entry.key}" again, after line ${earlier.line}`);
    }
    section.set(entry.key, entry);
    last = { entry, indent };
  }
  return sections;
}

function wrongLine(path: string, line: number, what: string): ReplicateError {
  return new ReplicateError('PC102', `Line ${line} of ${path} ${what}.`, { path, line });
}
