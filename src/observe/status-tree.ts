import type { WorkerSign } from '../cascade/worker-sign.js';
import type { Retention } from '../queue/retention.js';
import type { CompareResult } from '../replica/compare-results.js';
import { fractionDone } from '../replica/sync-progress.js';
import { describeParked } from '../replica/table-state.js';
import type { Lag } from './lag.js';
import type { CaptureStatus, NodeStatus, RetentionStatus } from './node-status.js';
import { percentText, sizeText } from './size-text.js';
import type { StatusEntry, StatusReport } from './status.js';

export interface TreeOptions {
  /** Show what each consumer holds back also where the queue has no budget, and the watermarks too. */
  readonly retention?: boolean;
  /** Show the last compare of each table, not only of those that were not equal. */
  readonly compared?: boolean;
  /** One line per node, with its first error only. */
  readonly compact?: boolean;
}

/** The report as a tree of providers and subscribers, one line or a few for each node. */
export function statusTree(report: StatusReport, options: TreeOptions = {}): string[] {
  const children = new Map<string | null, StatusEntry[]>();
  const names = new Set(report.entries.map(({ name }) => name));
  for (const entry of report.entries) {
    const parent = entry.provider !== null && names.has(entry.provider) ? entry.provider : null;
    children.set(parent, [...(children.get(parent) ?? []), entry]);
  }
  const shown = new Set<string>();
  const lines = [`Queue: ${report.queueName}   Local node: ${report.localNode}`, ''];
  // The root first, then those whose place in the tree is not known.
  const tops = [...(children.get(null) ?? [])].sort((a, b) => rank(a) - rank(b));
  for (const top of tops) draw(top, '', '', children, shown, lines, options);
  // Providers that form a circle hang below no top.
  for (const entry of report.entries)
    if (!shown.has(entry.name)) draw(entry, '', '', new Map(), shown, lines, options);
  return lines;
}

function rank(entry: StatusEntry): number {
  return entry.kind === 'seen' && entry.type === 'root' ? 0 : 1;
}

function draw(
  entry: StatusEntry,
  head: string,
  indent: string,
  children: ReadonlyMap<string | null, readonly StatusEntry[]>,
  shown: Set<string>,
  lines: string[],
  options: TreeOptions,
): void {
  if (shown.has(entry.name)) return;
  shown.add(entry.name);
  const below = children.get(entry.name) ?? [];
  if (options.compact === true) lines.push(compactLine(head, entry, options));
  else {
    lines.push(`${head}${title(entry)}`);
    const margin = `${indent}${below.length === 0 ? '    ' : '│   '}`;
    lines.push(...details(entry, options).map((line) => `${margin}${line}`));
  }
  below.forEach((child, index) => {
    const isLast = index === below.length - 1;
    draw(
      child,
      `${indent}${isLast ? '└── ' : '├── '}`,
      `${indent}${isLast ? '    ' : '│   '}`,
      children,
      shown,
      lines,
      options,
    );
  });
}

const ERROR = 'ERROR: ';

function compactLine(head: string, entry: StatusEntry, options: TreeOptions): string {
  const facts = onOneLine(details(entry, options));
  return `${head}${title(entry)}${facts === '' ? '' : `: ${facts}`}`;
}

/** Everything but errors, and the first of these with the number of the others. */
function onOneLine(details: readonly string[]): string {
  const [first, ...others] = details.filter((line) => line.startsWith(ERROR));
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const facts = details.filter((line) => !line.startsWith(ERROR));
  return [...facts, ...(first === undefined ? [] : [`${first}${more}`])].join('; ');
}

function title(entry: StatusEntry): string {
  switch (entry.kind) {
    case 'dead':
      return `${entry.name} (marked as dead)`;
    case 'unreachable':
      return `${entry.name} (UNREACHABLE)`;
    case 'alias':
      return `${entry.name} (ANOTHER NAME OF ${entry.nodeName})`;
    case 'absent':
      return `${entry.name} (NO NODE)`;
    case 'seen':
      return `${entry.name} (${entry.type})`;
  }
}

/** What is told of one node, a line each. */
export function details(entry: StatusEntry, options: TreeOptions = {}): string[] {
  if (entry.kind === 'dead') return [];
  if (entry.kind === 'unreachable') return [entry.reason];
  if (entry.kind === 'alias') return ['A "rename-node" was not finished: repeat it.'];
  if (entry.kind === 'absent') {
    return [
      'Its database has no node of the queue: it was not made to the end, or not dropped to the end.',
      ...(entry.provider === null ? [] : [`Node "${entry.provider}" keeps events for it.`]),
      `Repeat that command, or run "drop-node ${entry.name}".`,
    ];
  }
  const { tables, ticker } = entry;
  const counts = [
    `${tables.ok} ok`,
    tables.copying > 0 ? `${tables.copying} copying` : undefined,
    tables.waiting > 0 ? `${tables.waiting} WAITING` : undefined,
    tables.parked > 0 ? `${tables.parked} PARKED` : undefined,
    tables.notHere > 0 ? `${tables.notHere} not here` : undefined,
  ];
  const position = [
    entry.type === 'root' ? undefined : describeLag(entry.lag),
    `tick ${entry.tick}`,
    ticker === null ? undefined : `made ${duration(ticker.secondsSinceTick)} ago`,
    ticker === null || ticker.newEvents === 0n ? undefined : `${ticker.newEvents} new events`,
    entry.isPaused ? 'PAUSED' : undefined,
  ];
  return [
    `Tables: ${present(counts)}`,
    `${entry.type === 'root' ? 'Ticker' : 'Lag'}: ${present(position)}`,
    ...describeCopies(entry.copies),
    ...describeRetention(entry.retention, options),
    ...describeCapture(entry.capture),
    ...describeLeftOut(entry.leftOut),
    ...describeCompared(entry, options),
    ...describeSlowTables(entry.slowTables),
    ...describeKeptOff(entry.keptOff),
    ...describeWorker(entry.worker),
    ...(ticker?.isLate === true ? ['ERROR: no tick is made; is the ticker running?'] : []),
    ...entry.notBack.map(({ what, isInForce, reason }) =>
      isInForce
        ? `Holds for new rows only: ${what} (${reason}).`
        : `${ERROR}not in force: ${what} (${reason}).`,
    ),
    ...entry.errors.map(({ consumer, message }) => `ERROR: ${consumer}: ${message}`),
    ...entry.parkedTables.map((table) => `ERROR: ${describeParked(table.name, table)}`),
  ];
}

const SHOWN_COPIES = 4;

function describeCopies(copies: NodeStatus['copies']): string[] {
  const lines = copies.slice(0, SHOWN_COPIES).map((copy) => {
    const fraction = copy.phase === 'data' ? fractionDone(copy) : undefined;
    return `Copying ${copy.name}: ${present([
      copy.phase,
      fraction === undefined ? undefined : `${Math.floor(fraction * 100)} %`,
      copy.secondsLeft === null ? undefined : `${duration(copy.secondsLeft)} left`,
      copy.blocker === null ? undefined : `waits for ${copy.blocker}`,
    ])}`;
  });
  const more = copies.length - lines.length;
  return more === 0 ? lines : [...lines, `Copying ${more} more tables ("wait-sync" shows them)`];
}

function describeLeftOut(leftOut: NodeStatus['leftOut']): string[] {
  const [first, ...others] = leftOut;
  if (first === undefined) return [];
  const changes = leftOut.reduce((sum, table) => sum + table.changes, 0n);
  const tables = others.length === 0 ? first.name : `${leftOut.length} tables ("tables" shows which)`;
  return [`Left out, their rows are not here: ${changes} changes of ${tables}. A resync makes it equal.`];
}

function describeCompared({ compared, tables }: NodeStatus, options: TreeOptions): string[] {
  if (compared.length === 0) return [];
  const count = (wanted: CompareResult['verdict']) =>
    compared.filter(({ verdict }) => verdict === wanted).length;
  const never = Math.max(0, tables.ok - compared.length);
  const last = compared.reduce((a, b) => (a.comparedAt < b.comparedAt ? b : a));
  const counts = [
    `${count('equal')} equal`,
    count('different') > 0 ? `${count('different')} DIFFERENT` : undefined,
    count('not checked') > 0 ? `${count('not checked')} NOT CHECKED` : undefined,
    never > 0 ? `${never} never` : undefined,
  ];
  const shown = compared.filter(({ verdict }) => options.compared === true || verdict !== 'equal');
  return [
    `Compared: ${present(counts)}, last at ${last.comparedAt}`,
    ...shown.map(
      ({ name, verdict, tick, comparedAt, scope, detail }) =>
        `  ${name}: ${verdict}${detail === null ? '' : ` (${detail})`} at tick ${tick}, ${comparedAt}${scope === 'all' ? '' : `, ${scope}`}`,
    ),
  ];
}

function describeSlowTables(slowTables: NodeStatus['slowTables']): string[] {
  return slowTables.map(
    ({ name, blocks, reason }) =>
      `Slow: ${blocks} blocks of ${name} were written again in order since the worker's start. ${reason}`,
  );
}

function describeKeptOff(keptOff: NodeStatus['keptOff']): string[] {
  if (keptOff === null) return [];
  const { keys, triggers } = keptOff;
  return [
    `The role may not set session_replication_role: ${keys} foreign keys and ${triggers} triggers and rules are kept off its tables.`,
  ];
}

function describeWorker(worker: WorkerSign | null): string[] {
  if (worker === 'none') return [`${ERROR}no worker is running.`];
  if (worker === 'silent') return [`${ERROR}the worker is connected and does nothing; is it stopped?`];
  return [];
}

function describeCapture(status: CaptureStatus | null): string[] {
  if (status === null) return [];
  return [
    ...status.changes.map(
      ({ tableName, message, happenedAt }) =>
        `Changed without "execute" at ${happenedAt}: ${tableName}: ${message}`,
    ),
    ...status.silentTables.map(
      (table) =>
        `${ERROR}triggers of ${table} are disabled or gone, writes to it are lost to the nodes below; enable them, then resync it there.`,
    ),
  ];
}

function describeRetention(status: RetentionStatus | null, options: TreeOptions): string[] {
  if (status === null) return [];
  const { budget, consumers, dropped } = status;
  const isShown = budget !== null || options.retention === true;
  return [
    ...consumers
      .filter(({ isSystem }) => isShown && (!isSystem || options.retention === true))
      .map((consumer) => `Held back by ${describeHeld(consumer)}`),
    ...dropped.map(
      ({ consumer, lastTick, droppedAt, reason }) =>
        `ERROR: ${consumer} was dropped at ${droppedAt} and needs a resync: it has lost the events after tick ${lastTick}. ${reason}`,
    ),
  ];
}

function describeHeld({ consumer, events, bytes, share, lagSeconds, holdsRotation }: Retention): string {
  const words = [
    `${events} events`,
    sizeText(bytes),
    share === null ? undefined : `${percentText(share)} of the budget`,
    events === 0n ? undefined : `the last ${duration(lagSeconds)}`,
    holdsRotation ? 'rotation waits for it' : undefined,
  ];
  return `${consumer}: ${present(words)}`;
}

function describeLag(lag: Lag | null): string {
  if (lag === null) return 'not known';
  return lag.events === 0n ? duration(lag.seconds) : `${duration(lag.seconds)}, ${lag.events} events`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds === 0 ? 0 : seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function present(words: readonly (string | undefined)[]): string {
  return words.filter((word) => word !== undefined).join(', ');
}
