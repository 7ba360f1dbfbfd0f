import { ReplicateError } from '../errors/replicate-error.js';

/** Delimiter and quote of the COPY format that events are read in: characters that JSON text cannot hold raw. */
export const CSV_DELIMITER = '\x01';
export const CSV_QUOTE = '\x02';

/** The options that make `copy … to stdout` write what `CsvLines` reads. */
export const CSV_COPY_OPTIONS = `(format csv, delimiter E'\\x01', quote E'\\x02')`;

/** One row: null is SQL null. */
export type CsvRow = (string | null)[];

const NEEDS_QUOTES = new RegExp(`[${CSV_DELIMITER}${CSV_QUOTE}\\r\\n]`);

/** One row in the format that `copy … from stdin` reads with `CSV_COPY_OPTIONS`, with the line's end. */
export function formatCsvRow(row: readonly (string | null)[]): string {
  return `${row.map(formatField).join(CSV_DELIMITER)}\n`;
}

function formatField(value: string | null): string {
  if (value === null) return '';
  // An empty field without quotes is null.
  if (value !== '' && !NEEDS_QUOTES.test(value)) return value;
  return `${CSV_QUOTE}${value.replaceAll(CSV_QUOTE, CSV_QUOTE + CSV_QUOTE)}${CSV_QUOTE}`;
}

/**
 * Splits COPY output into the lines of its rows, chunk by chunk. A line that is given to `copy … from stdin` is the same row again.
 *
 * Almost no value holds a line break or one of the two control characters, so the common path is one split; a chunk
 * with a quote, or inside of one, goes through a reader of single characters. No chunk is looked at again with the next.
 */
export class CsvLines {
  /** The beginning of a line. */
  #rest = '';
  #isQuoted = false;

  /** The lines, without their ends, that are complete with this chunk. */
  push(text: string): string[] {
    if (this.#isQuoted || text.includes(CSV_QUOTE)) return this.#pushQuoted(text);
    const end = text.lastIndexOf('\n');
    if (end < 0) {
      this.#rest += text;
      return [];
    }
    return this.#completed(text.slice(0, end).split('\n'), text.slice(end + 1));
  }

  /** True when nothing is left over: the copy ended at the end of a row. */
  get isAtRowEnd(): boolean {
    return this.#rest === '';
  }

  #pushQuoted(text: string): string[] {
    const lines: string[] = [];
    let lineStart = 0;
    for (let i = 0; i < text.length; i++) {
      const char = text[i];
      if (char === CSV_QUOTE) this.#isQuoted = !this.#isQuoted;
      else if (char === '\n' && !this.#isQuoted) {
        lines.push(text.slice(lineStart, i));
        lineStart = i + 1;
      }
    }
    return this.#completed(lines, text.slice(lineStart));
  }

  /** The lines that end in a chunk, the first with what came before; what is left over is kept. */
  #completed(lines: string[], rest: string): string[] {
    const [first] = lines;
    if (first === undefined) {
      this.#rest += rest;
    } else {
      lines[0] = this.#rest + first;
      this.#rest = rest;
    }
    return lines;
  }
}

/** The fields of a line of `CsvLines`. Throws PC404 for a quote that PostgreSQL does not write there. */
export function splitCsvLine(line: string): CsvRow {
  return line.includes(CSV_QUOTE) ? splitQuoted(line) : splitPlain(line);
}

function splitPlain(line: string): CsvRow {
  const fields: CsvRow = line.split(CSV_DELIMITER);
  for (let i = 0; i < fields.length; i++) {
    if (fields[i] === '') fields[i] = null;
  }
  return fields;
}

function splitQuoted(line: string): CsvRow {
  const fields: CsvRow = [];
  let position = 0;
  for (;;) {
    if (line[position] === CSV_QUOTE) {
      const { value, next } = readQuoted(line, position);
      fields.push(value);
      position = next;
    } else {
      const end = line.indexOf(CSV_DELIMITER, position);
      const value = line.slice(position, end < 0 ? line.length : end);
      if (value.includes(CSV_QUOTE)) throw wrongQuote();
      fields.push(value === '' ? null : value);
      position = end < 0 ? line.length : end;
    }
    if (position >= line.length) return fields;
    position++;
  }
}

function readQuoted(line: string, start: number): { value: string; next: number } {
  let value = '';
  let from = start + 1;
  for (;;) {
    const quote = line.indexOf(CSV_QUOTE, from);
    if (quote < 0) throw wrongQuote();
    value += line.slice(from, quote);
    const after = line[quote + 1];
    if (after !== CSV_QUOTE) {
      if (after !== undefined && after !== CSV_DELIMITER) throw wrongQuote();
      return { value, next: quote + 1 };
    }
    value += CSV_QUOTE;
    from = quote + 2;
  }
}

function wrongQuote(): ReplicateError {
  return new ReplicateError('PC404', 'A row of COPY has a quote in the wrong place.');
}
