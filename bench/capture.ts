/**
 * What capture costs the application, beside the stock C trigger, logical decoding and no capture, on one machine in
 * one run (Debian's PostgreSQL 15): `npm run bench:capture [rounds] [quick] [markdown] [part …]`, parts: bulk,
 * transactions, tpcb, shapes, pieces. Needs the stock packages; as root on Debian it installs them.
 *
 * Sides take turns, round by round, after one round that does not count; figures are medians of the rounds, in `pieces`
 * minimums of CPU. `of CPU` is the same ratio of the server process's CPU, which other work on the machine
 * changes less. Takes long; `quick` some minutes, and shows only that the bench works.
 */
import { whyNoStockPackages } from '../test/support/stock-server.js';
import { measureBulk, measureShapes } from './capture-bulk.js';
import { type CaptureOptions, type Part, readOptions } from './capture-options.js';
import { measurePieces } from './capture-pieces.js';
import { markdownLines, type Report, textLines } from './capture-report.js';
import { openSides, type Sides } from './capture-sides.js';
import { measureTpcb, measureTransactions } from './capture-transactions.js';

const options = readOptions(process.argv.slice(2), process.env);
const missing = whyNoStockPackages();
if (missing !== undefined) {
  process.stderr.write(`The stock packages are missing: ${missing}\n`);
  process.exit(3);
}
await using sides = await openSides();
const quick = options.isQuick ? ', quick: these figures say nothing' : '';
print(`PostgreSQL 15, ${options.rounds} rounds${quick}`);
const reports: Report[] = [];
for (const part of options.parts) {
  for await (const report of measure(part, sides, options)) {
    for (const line of textLines(report)) print(line);
    reports.push(report);
  }
}
if (options.isMarkdown) for (const report of reports) for (const line of markdownLines(report)) print(line);

async function* measure(
  part: Part,
  on: Sides,
  { rows, rounds, seconds, scale, isQuick }: CaptureOptions,
): AsyncGenerator<Report> {
  switch (part) {
    case 'bulk':
      yield* measureBulk(on, rows, rounds);
      break;
    case 'transactions':
      yield await measureTransactions(on, seconds, rounds);
      break;
    case 'tpcb':
      yield await measureTpcb(on, { seconds, scale, rounds });
      break;
    case 'shapes':
      yield await measureShapes(on, isQuick, rounds);
      break;
    case 'pieces':
      yield* measurePieces(on, rows / 4, rounds);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
