import { median } from './rounds.js';

/** A ratio of two medians, with those of the single rounds: they tell how much the machine wavered. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  readonly ofRounds: readonly number[];
  readonly bar?: Bar | undefined;
}

export interface Bar {
  readonly is: 'at most' | 'at least';
  readonly value: number;
}

/** One line of a part: a figure for each column, and what is to be read from them. */
export interface Line {
  readonly name: string;
  readonly cells: Readonly<Record<string, string>>;
  readonly ratios: readonly Ratio[];
}

/** What one part of the bench found. */
export interface Report {
  readonly title: string;
  readonly columns: readonly string[];
  readonly lines: readonly Line[];
}

/** The ratio of two series whose values of one round belong together. */
export function ratioOf(name: string, over: readonly number[], under: readonly number[], bar?: Bar): Ratio {
  return {
    name,
    value: median(over) / median(under),
    ofRounds: over.map((value, round) => value / (under[round] ?? Number.NaN)),
    bar,
  };
}

/** The report as lines for a terminal. */
export function* textLines(report: Report): Generator<string> {
  yield '';
  yield report.title;
  const nameWidth = Math.max(...report.lines.map(({ name }) => name.length));
  const widths = report.columns.map((column) =>
    Math.max(column.length, ...report.lines.map(({ cells }) => (cells[column] ?? '').length)),
  );
  const padded = (texts: readonly string[]) =>
    texts.map((text, i) => text.padStart(widths[i] ?? 0)).join('  ');
  yield `  ${''.padEnd(nameWidth)}  ${padded(report.columns)}`;
  for (const { name, cells, ratios } of report.lines) {
    const figures = padded(report.columns.map((column) => cells[column] ?? ''));
    yield `  ${name.padEnd(nameWidth)}  ${figures}   ${ratios.map(ratioText).join('   ')}`.trimEnd();
  }
}

/** The same as a Markdown table. */
export function* markdownLines(report: Report): Generator<string> {
  const hasRatios = report.lines.some(({ ratios }) => ratios.length > 0);
  yield '';
  yield `**${report.title}**`;
  yield '';
  yield row(['', ...report.columns, ...(hasRatios ? ['ratio'] : [])]);
  yield row(['---', ...report.columns.map(() => '--:'), ...(hasRatios ? ['---'] : [])]);
  for (const { name, cells, ratios } of report.lines) {
    const figures = report.columns.map((column) => cells[column] ?? '');
    yield row([name, ...figures, ...(hasRatios ? [ratios.map(shortRatio).join('; ')] : [])]);
  }
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** What is added to something: with its sign. */
export function signed(value: number, digits = 0): string {
  const text = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return value >= 0 ? `+${text}` : text;
}

function ratioText(ratio: Ratio): string {
  const spread =
    ratio.ofRounds.length > 1
      ? ` (rounds ${Math.min(...ratio.ofRounds).toFixed(2)}…${Math.max(...ratio.ofRounds).toFixed(2)})`
      : '';
  if (ratio.bar === undefined) return `${ratio.name} ${ratio.value.toFixed(2)}${spread}`;
  const bar = `${ratio.bar.is} ${ratio.bar.value.toFixed(2)}: ${isHeld(ratio.value, ratio.bar) ? 'held' : 'MISSED'}`;
  return `${ratio.name} ${ratio.value.toFixed(2)}${spread} [bar ${bar}]`;
}

function shortRatio({ name, value, bar }: Ratio): string {
  const text = `${name} ${value.toFixed(2)}`;
  return bar === undefined ? text : `${text} (bar ${bar.value.toFixed(2)})`;
}

/** False for what is no number, as well: nothing was measured then. */
function isHeld(value: number, bar: Bar): boolean {
  return bar.is === 'at most' ? value <= bar.value : value >= bar.value;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
