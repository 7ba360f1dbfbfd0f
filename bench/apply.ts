/**
 * How fast a backlog is applied, beside native logical replication between the same two servers (PostgreSQL 15) and the stock Londiste on a third, in turns:
 * `npm run bench:apply [rounds] [quick | share=S] [only=WORD] [no-londiste] [markdown]`. Before each round nobody applies while the backlog is written; what is
 * measured is the time until the target has all of it, the start of our worker included. After each round all rows are
 * compared. Needs pgbench of Debian's PostgreSQL 15; `quick` shows only that the bench works, `share=0.2` takes a fifth of the
 * changes, `only=bulk` the backlogs with that word in their names (an update or a delete needs the rows of its insert).
 */
import { whyNoStockPackages } from '../test/support/stock-server.js';
import { type ApplySide, type Drained, openApplySides } from './apply-sides.js';
import { type Backlog, backlogs, CLEAN_UP } from './apply-workloads.js';
import { median } from './rounds.js';

const words = process.argv.slice(2);
const rounds = Number(words.find((word) => /^\d+$/.test(word)) ?? 3);
const wordOf = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
const share = words.includes('quick') ? 0.02 : Number(wordOf('share') ?? 1);
const missing = whyNoStockPackages();
if (missing !== undefined) {
  process.stderr.write(`The stock packages are missing: ${missing}\n`);
  process.exit(3);
}

await using sides = await openApplySides({ withLondiste: !words.includes('no-londiste') });
const work = backlogs(share).filter(({ name }) => name.includes(wordOf('only') ?? ''));
const results = new Map<Backlog, Map<ApplySide, Drained[]>>(
  work.map((backlog) => [backlog, new Map(sides.all.map((side) => [side, []]))]),
);
for (let round = 0; round < rounds; round++) {
  const order = round % 2 === 0 ? sides.all : [...sides.all].reverse();
  for (const backlog of work) {
    for (const side of order)
      results
        .get(backlog)
        ?.get(side)
        ?.push(await drained(backlog, side));
    for (const line of linesOf(backlog)) print(line);
  }
  for (const side of order) await emptied(side);
}
if (words.includes('markdown')) printMarkdown();

async function drained(backlog: Backlog, side: ApplySide): Promise<Drained> {
  await side.hold();
  await backlog.write(side.source);
  await side.source.session.execute('checkpoint');
  const spent = await side.drain();
  const differences = await side.differences();
  if (differences.length > 0) throw new Error(`${side.name}, ${backlog.name}: ${differences.join('; ')}`);
  return spent;
}

async function emptied(side: ApplySide): Promise<void> {
  await side.hold();
  await side.source.session.execute(CLEAN_UP);
  await side.drain();
}

interface Figures {
  readonly seconds: number;
  readonly source: number;
  readonly target: number;
  readonly program: number;
  readonly megabytes: number;
}

/** Medians of the rounds so far; processor seconds for 100,000 changes. */
function figuresOf(backlog: Backlog, side: ApplySide): Figures {
  const all = results.get(backlog)?.get(side) ?? [];
  const per = 100_000 / backlog.changes / 1000;
  const middle = (of: (spent: Drained) => number) => median(all.map(of));
  return {
    seconds: middle(({ ms }) => ms) / 1000,
    source: middle(({ sourceCpuMs }) => sourceCpuMs) * per,
    target: middle(({ targetCpuMs }) => targetCpuMs) * per,
    program: middle(({ programCpuMs }) => programCpuMs) * per,
    megabytes: Math.max(...all.map(({ programMegabytes }) => programMegabytes)),
  };
}

function ratioOf(backlog: Backlog): number {
  const [ours, native] = sides.all.map((side) => figuresOf(backlog, side).seconds) as [number, number];
  return ours / native;
}

function linesOf(backlog: Backlog): string[] {
  const ratio = ratioOf(backlog);
  const verdict = ratio <= backlog.bar ? 'held' : 'MISSED';
  return [
    `${backlog.name}, ${backlog.changes} changes: ours : native ${ratio.toFixed(2)} [bar at most ${backlog.bar}: ${verdict}]`,
    ...sides.all.map((side) => {
      const { seconds, source, target, program, megabytes } = figuresOf(backlog, side);
      return `    ${side.name.padEnd(7)} ${seconds.toFixed(2)} s   CPU s per 100,000: source ${source.toFixed(2)}, target ${target.toFixed(2)}, program ${program.toFixed(2)}   program ${megabytes} MB`;
    }),
  ];
}

function printMarkdown(): void {
  print('');
  print(
    '| backlog | ours, s | native, s | Londiste, s | ours : native | wanted | CPU s per 100,000 changes: source, ours / native | all, ours / native / Londiste | worker, MB |',
  );
  print('| --- | --: | --: | --: | --: | --: | --: | --: | --: |');
  for (const backlog of work) {
    const [ours, native, londiste] = sides.all.map((side) => figuresOf(backlog, side)) as [
      Figures,
      Figures,
      Figures | undefined,
    ];
    const all = ({ source, target, program }: Figures) => (source + target + program).toFixed(2);
    print(
      `| ${backlog.name}, ${backlog.changes.toLocaleString('en')} | ${ours.seconds.toFixed(1)} | ${native.seconds.toFixed(1)} | ${londiste?.seconds.toFixed(1) ?? ''} | ${ratioOf(backlog).toFixed(2)} | ${backlog.bar} | ${ours.source.toFixed(2)} / ${native.source.toFixed(2)} | ${[ours, native, londiste].map((each) => (each === undefined ? '–' : all(each))).join(' / ')} | ${ours.megabytes} |`,
    );
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
